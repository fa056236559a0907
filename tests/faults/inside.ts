/**
 * Loaded before the program's own code (`deno run --preload`), it breaks the running probe at SIGUSR2
 * in a way that no target, network or machine can. `BREAKS` names the way.
 */
import { Backlog } from "../../src/probing/backlog.ts";

const BREAKAGES: Record<string, () => void> = {
  // Timers do not fire any more. Requests get responses as before.
  timers: () => areTimersDead = true,
  // The backlog does not settle the next task.
  ledger: () => Backlog.prototype.settle = () => {},
  rejection: () => void Promise.reject(new Error("broken on purpose")),
  exception: () =>
    setTimeout(() => {
      throw new Error("broken on purpose");
    }),
};

let areTimersDead = false;
const { setTimeout } = globalThis;
globalThis.setTimeout =
  ((callback: () => void, delayMs?: number) =>
    setTimeout(() => areTimersDead || callback(), delayMs)) as typeof setTimeout;

const name = Deno.env.get("BREAKS") ?? "";
const breakProbe = BREAKAGES[name];
if (!breakProbe) {
  throw new Error(`BREAKS: expected ${Object.keys(BREAKAGES).join(", ")}, got ${name}`);
}
Deno.addSignalListener("SIGUSR2", breakProbe);
