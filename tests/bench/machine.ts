import { VERSION } from "../../src/core/version.ts";
import { toolVersions } from "./tools.ts";

type Versions = typeof Deno.version & {
  probe: string;
  /** Of the executables' base runtime; known when one has been made. */
  executables?: string;
};

export type Machine = Awaited<ReturnType<typeof machine>>;

/** The machine and the versions that the figures belong to. */
export async function machine() {
  const [oneMinute = 0] = Deno.loadavg();
  const versions: Versions = { probe: VERSION, ...Deno.version };
  return {
    cpu: (await match("/proc/cpuinfo", /^model name\s*: (.+)$/m)) ?? Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    memoryBytes: Deno.systemMemoryInfo().total,
    os: (await match("/etc/os-release", /^PRETTY_NAME="?([^"\n]+)/m)) ?? Deno.build.os,
    kernel: Deno.osRelease(),
    /** During the last minute: figures from a busy machine are worth less. */
    load: oneMinute,
    versions,
    tools: await toolVersions(),
  };
}

async function match(path: string, pattern: RegExp): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(path)).match(pattern)?.[1]?.trim();
  } catch {
    return undefined;
  }
}
