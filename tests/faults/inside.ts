/**
 * Loaded before the program's own code (`deno run --preload`), it breaks a running probe from within
 * at SIGUSR2, as `BREAKS` says: what no target, network or machine can do to it.
 */
import { Backlog } from "../../src/probing/backlog.ts";

const BREAKAGES: Record<string, () => void> = {
  // Timers fire no more. What comes over the network is answered as before.
  timers: () => areTimersDead = true,
  // The next task is settled nowhere.
  books: () => Backlog.prototype.settle = () => {},
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

Deno.addSignalListener("SIGUSR2", BREAKAGES[Deno.env.get("BREAKS") ?? ""]);
