/** The marks of the axis of times, at round times of the reader's day. */

/** Seconds between two marks. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600];

/** The times from `from` to `to` that are marked, at most `count`; all in seconds since the epoch. */
export function timeSplits(from: number, to: number, count: number): number[] {
  const step = STEPS.find((step) => (to - from) / step <= count) ?? 43_200;
  const offset = new Date(to * 1e3).getTimezoneOffset() * 60;
  const first = Math.ceil((from - offset) / step) * step + offset;
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, i) => first + i * step);
}
