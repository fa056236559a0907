/** What a strip says: how much of it is known, and what became of the tasks in it. */
import type { Bar, Strip } from "../history/bars.ts";

/** The whole of a strip in one bar. */
export type Total = Omit<Bar, "startMs">;

/** The sum of bars; the mean is that of all successes. */
export function totalOf(bars: readonly Bar[]): Total {
  let [settled, failed, slow, seconds] = [0, 0, 0, 0];
  let longestSeconds: number | null = null;
  for (const bar of bars) {
    settled += bar.settled;
    failed += bar.failed;
    slow += bar.slow;
    seconds += (bar.meanSeconds ?? 0) * (bar.settled - bar.failed);
    longestSeconds = maxOf(longestSeconds, bar.longestSeconds);
  }
  const succeeded = settled - failed;
  return {
    settled,
    failed,
    slow,
    meanSeconds: succeeded > 0 ? seconds / succeeded : null,
    longestSeconds,
  };
}

function maxOf(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}

/** The milliseconds that a strip knows of, up to `nowMs`; null when it knows its whole window. */
export function partlyKnownMs({ bars, knownSinceMs }: Strip, nowMs: number): number | null {
  return knownSinceMs > (bars[0]?.startMs ?? 0) ? Math.max(0, nowMs - knownSinceMs) : null;
}

/** The bar with the largest share of failures; of equals the one with more of them, then the later. */
export function worstBar(bars: readonly Bar[]): Bar | null {
  let worst: Bar | null = null;
  for (const bar of bars) {
    if (bar.failed === 0) continue;
    const difference = worst ? bar.failed * worst.settled - worst.failed * bar.settled : 1;
    if (!worst || difference > 0 || difference === 0 && bar.failed >= worst.failed) worst = bar;
  }
  return worst;
}

/** Half as many bars, each of two; the last one may be of one. */
export function halved(bars: readonly Bar[]): Bar[] {
  return Array.from({ length: Math.ceil(bars.length / 2) }, (_, i) => ({
    startMs: bars[2 * i]?.startMs ?? 0,
    ...totalOf(bars.slice(2 * i, 2 * i + 2)),
  }));
}

/** How a bar looks: `some` is less than half of its tasks. A bar without tasks has no look. */
export type BarLook = "ok" | "some" | "most";

export function lookOf({ settled, failed }: Bar): BarLook | null {
  if (settled === 0) return null;
  if (failed === 0) return "ok";
  return failed * 2 < settled ? "some" : "most";
}

/** How slow the successes of a bar were, as a mark above it: `slow` is more than half of them. */
export function slownessOf({ settled, failed, slow }: Bar): "slow" | "slower" | null {
  const succeeded = settled - failed;
  if (slow * 2 > succeeded) return "slow";
  return slow * 10 > succeeded ? "slower" : null;
}
