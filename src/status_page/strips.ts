/** What a strip says: how much of it is known, and what became of the tasks in it. */
import { type Bar, type Strip, sumOf } from "../history/bars.ts";

/** The whole of a strip in one bar. */
export function totalOf({ bars }: Strip): Bar {
  return sumOf(bars[0]?.startMs ?? 0, bars);
}

/**
 * The beginning of the first bar with durations, where bars before it have successes without them;
 * null where all successes have them, Infinity where none has.
 */
export function durationsSinceMs({ bars }: Strip): number | null {
  const isUntimed = (bar: Bar) => bar.settled > bar.failed && bar.meanSeconds === null;
  if (!bars.some(isUntimed)) return null;
  return bars.find(({ meanSeconds }) => meanSeconds !== null)?.startMs ?? Infinity;
}

/** The milliseconds that a strip knows of, up to `nowMs`; null when it knows its whole window. */
export function partlyKnownMs({ bars, knownSinceMs }: Strip, nowMs: number): number | null {
  return knownSinceMs > (bars[0]?.startMs ?? 0) ? Math.max(0, nowMs - knownSinceMs) : null;
}

/** What of a bar is known; `endMs` is null while the bar grows. */
export type KnownPart = { startMs: number; endMs: number | null; isWhole: boolean };

/** The part of a bar that its strip knows. */
export function knownPart({ startMs }: Bar, { bars, barSeconds, knownSinceMs }: Strip): KnownPart {
  const isLast = startMs === bars.at(-1)?.startMs;
  return {
    startMs: Math.max(startMs, Math.round(knownSinceMs)),
    endMs: isLast ? null : startMs + barSeconds * 1e3,
    isWhole: !isLast && startMs >= knownSinceMs,
  };
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
  return Array.from(
    { length: Math.ceil(bars.length / 2) },
    (_, i) => sumOf(bars[2 * i]?.startMs ?? 0, bars.slice(2 * i, 2 * i + 2)),
  );
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
