import { compile } from "../../local/tools/compile.ts";
import { script } from "./child.ts";
import type { Run } from "./figure.ts";
import { bundle } from "./probe.ts";
import { temporaryPath } from "./temporary.ts";

/** Paths of executables with the same base runtime: the probe, and one that only is a server. */
export type Executables = { probe: string; empty: string };

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

async function makeExecutables(): Promise<Executables> {
  const paths = { probe: temporaryPath("dataplatform-probe"), empty: temporaryPath("empty") };
  await compile(await bundle(), { output: paths.probe });
  await compile(script("empty_server.ts"), { output: paths.empty });
  return paths;
}
