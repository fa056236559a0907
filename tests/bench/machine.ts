import { VERSION } from "../../src/core/version.ts";
import { toolVersions, versionOf } from "./tools.ts";

/** The machine and the versions that the figures belong to. */
export async function machine() {
  const [oneMinute = 0] = Deno.loadavg();
  return {
    cpu: (await match("/proc/cpuinfo", /^model name\s*: (.+)$/m)) ?? Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    memoryBytes: Deno.systemMemoryInfo().total,
    os: (await match("/etc/os-release", /^PRETTY_NAME="?([^"\n]+)/m)) ?? Deno.build.os,
    kernel: Deno.osRelease(),
    /** During the last minute: figures from a busy machine are worth less. */
    load: oneMinute,
    versions: {
      probe: VERSION,
      ...Deno.version,
      executables: await versionOf(Deno.env.get("DENO_COMPILE") ?? Deno.execPath(), "--version"),
    },
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
