export type Box = { width: number; height: number };

/** Between a tip and its point, pixels. */
const GAP = 12;

/**
 * Where a tip stands: beside its point, on the side that has room; above or below it in a plot that
 * is too narrow for that. It covers its point only in a plot that is too small for both.
 */
export function placeTip(
  { x, y }: { x: number; y: number },
  tip: Box,
  plot: Box,
): { left: number; top: number } {
  const top = clamped(y - tip.height / 2, plot.height - tip.height);
  if (x + GAP + tip.width <= plot.width) return { left: x + GAP, top };
  if (x - GAP - tip.width >= 0) return { left: x - GAP - tip.width, top };
  const left = clamped(x - tip.width / 2, plot.width - tip.width);
  const hasRoomBelow = y + GAP + tip.height <= plot.height;
  return { left, top: hasRoomBelow ? y + GAP : Math.max(0, y - GAP - tip.height) };
}

function clamped(value: number, max: number): number {
  return Math.max(0, Math.min(value, max));
}
