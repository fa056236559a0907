import { runOnce } from "../../src/commands/one_off/once.ts";
import type { RunOptions } from "../../src/commands/one_off/options.ts";
import { configOf, createFakeRuntime, type Kept } from "./fake_runtime.ts";

const ONCE: RunOptions = {
  count: 1,
  output: "lines",
  waitSeconds: null,
  maxDurationSeconds: null,
};

/** Starts a one-off run on fakes, without retries. */
export async function startOneOff(
  env: Record<string, string> = {},
  options: Partial<RunOptions> & { table?: boolean; color?: boolean; progress?: Kept } = {},
) {
  const { table = false, color = false, progress = null, ...run } = options;
  const fakes = createFakeRuntime();
  const stop = new AbortController();
  const listen = () => {
    throw new Error("a one-off run opened a port");
  };
  const terminal = () => ({ width: 80, color });
  const runtime = { ...fakes.runtime, listen, progress, terminal };
  const view = { table, rows: 20, utc: true };
  const config = configOf({ RETRIES: "0", ...env });
  const exitCode = runOnce(config, view, { ...ONCE, ...run }, runtime, stop.signal);
  await fakes.clock.run(0);
  return { ...fakes, exitCode, stop };
}
