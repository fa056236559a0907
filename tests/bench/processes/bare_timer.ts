/**
 * The least that keeps a schedule: timers set for absolute times, and no work in the slots. For
 * each window that passes it says how late they were. Arguments: interval and window, milliseconds.
 */
import { latenessOf } from "../slots.ts";

const [intervalMs = NaN, windowMs = NaN] = Deno.args.map(Number);
const startMs = performance.now();
const lateMs: number[] = [];
let next = 0;

function arm(): void {
  const leftMs = startMs + next * intervalMs - performance.now();
  setTimeout(run, Math.max(0, Math.ceil(leftMs)));
}

function run(): void {
  lateMs.push(performance.now() - startMs - next * intervalMs);
  next++;
  if (lateMs.length * intervalMs >= windowMs) {
    console.log(JSON.stringify(latenessOf(lateMs.splice(0))));
  }
  arm();
}

arm();
