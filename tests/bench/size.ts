import { executables } from "./executables.ts";
import type { Figure, Line } from "./figure.ts";
import { bundleBytes } from "./probe.ts";

/** What the executable holds besides the runtime. */
export const size: Line = {
  name: "size",
  help: "the executable's own part of the file, and the bundle",
  async measure(run) {
    const megabytes = async (path: string) => (await Deno.stat(path)).size / 1e6;
    const figure = (what: string, value: number): Figure => ({ what, unit: "MB", values: [value] });
    const bundled = figure("the bundle", await bundleBytes() / 1e6);
    const made = await executables("the executable's size", run);
    if (!made) return [bundled];
    const whole = await megabytes(made.probe);
    // An empty one is the runtime and a line of script.
    const own = whole - await megabytes(made.empty);
    return [
      bundled,
      figure("the executable", whole),
      { ...figure("the executable's own part", own), aim: { atMost: 1 } },
    ];
  },
};
