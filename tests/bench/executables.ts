import { compile } from "../../local/tools/compile.ts";
import { at } from "../support/at.ts";
import { Child, deno, eventuallyFetch, freePort, script } from "./child.ts";
import type { Run } from "./figure.ts";
import { bundle, probeCommand, probeEnvironment, type Program } from "./probe.ts";
import { temporaryPath } from "../support/temporary.ts";

/**
 * Paths of executables with the same base runtime: the probe, one that only is a server, and one that
 * only makes requests.
 */
export type Executables = {
  probe: string;
  empty: string;
  bareClient: string;
  /** The version of Deno that their base runtime belongs to. */
  runtime: string;
};

export const BUNDLE = "the probe, bundle";
export const EXECUTABLE = "the probe, executable";

let compiled: Promise<Executables> | undefined;

/**
 * The executables, made once a run. Without a base runtime there are none, and the run notes that
 * `what` is left out.
 */
export async function executables(what: string, run: Run): Promise<Executables | null> {
  run.say("compiling");
  try {
    return await (compiled ??= makeExecutables());
  } catch {
    run.leaveOut(what, "`deno compile` does not work here");
    return null;
  }
}

/** The probe in each way that users run it; the run notes it when `what` of one is left out. */
export async function programs(what: string, run: Run): Promise<Program[]> {
  const made = await executables(`${what} of the executable`, run);
  const bundled: Program = {
    name: "bundle",
    what: BUNDLE,
    command: await probeCommand(),
    bareClient: deno("run", "--allow-net", "--allow-read", script("bare_client.ts")),
  };
  if (!made) return [bundled];
  const { probe, bareClient } = made;
  return [bundled, {
    name: "executable",
    what: EXECUTABLE,
    command: [probe],
    bareClient: [bareClient],
  }];
}

/** The version of Deno that is in the executables; undefined when this run has made none. */
export async function executableRuntime(): Promise<string | undefined> {
  return (await compiled?.catch(() => undefined))?.runtime;
}

async function makeExecutables(): Promise<Executables> {
  const paths = {
    probe: temporaryPath("dataplatform-probe"),
    empty: temporaryPath("empty"),
    bareClient: temporaryPath("bare-client"),
  };
  await compile(await bundle(), { output: paths.probe });
  await compile(script("empty_server.ts"), { output: paths.empty });
  await compile(script("bare_client.ts"), { output: paths.bareClient });
  for (const path of Object.values(paths)) await forgetPages(path);
  return { ...paths, runtime: await runtimeOf(paths.probe) };
}

/**
 * Makes the system read a file from its disk again, as after a boot. The pages that a compiler has
 * just written lie scattered, and code in them took up to two and a half times as long to run.
 */
async function forgetPages(path: string): Promise<void> {
  for (const command of [["sync", path], ["dd", `if=${path}`, "iflag=nocache", "count=0"]]) {
    const { success, stderr } = await new Deno.Command(at(command, 0), { args: command.slice(1) })
      .output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }
}

/** The compiler may write for a base runtime of another version than its own. */
async function runtimeOf(path: string): Promise<string> {
  const port = freePort();
  const env = probeEnvironment(port, "http://127.0.0.1:1/metadata");
  await using probe = new Child([path], { env, stderr: "/dev/null" });
  const exposition = await probe.unlessItEnds(eventuallyFetch(`http://127.0.0.1:${port}/metrics`));
  const version = exposition.match(/^probe_build_info\{.*\bdeno="([^"]+)"/m)?.[1];
  if (!version) throw new Error(`no version of Deno in:\n${exposition}`);
  return version;
}
