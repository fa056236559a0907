/** How many ticks a scale has at most between its two ends: with more, a phone's labels overlap. */
const MAX_TICKS = 4;

/** Nearer to the end of the scale than this share, a label would overlap that of the end. */
const FREE_SHARE = 0.2;

/** Round instants of a scale from 0 to `durationSeconds`, without its two ends. */
export function ticksOf(durationSeconds: number): number[] {
  if (!(durationSeconds > 0)) return [];
  const step = roundUp(durationSeconds / (MAX_TICKS + 1));
  const count = Math.ceil(durationSeconds * (1 - FREE_SHARE) / step) - 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => round(step * (i + 1)));
}

/** The next larger number of 1, 2, 2.5 or 5 times a power of ten. */
function roundUp(seconds: number): number {
  const power = 10 ** Math.floor(Math.log10(seconds));
  const factor = [1, 2, 2.5, 5, 10].find((each) => each * power >= seconds) ?? 10;
  return round(factor * power);
}

/** Without the error of binary fractions. */
function round(seconds: number): number {
  return Number(seconds.toPrecision(6));
}
