/** Figures and times as the page shows them. */
import type { Ratio } from "../probing/health.ts";
import { formatDuration, formatSpan } from "../text/format.ts";

/** A no-break space, which keeps a number and its unit on one line. */
const GAP = "\u00a0";

/** A duration in the unit that suits it. */
export function durationText(seconds: number): string {
  return formatDuration(seconds).replace(" ", GAP);
}

/** How long something has lasted, in its two largest units. */
export function spanText(ms: number): string {
  return formatSpan(ms / 1e3).replace(" ", GAP);
}

/** The length of a window that counts tasks. */
export function windowText(seconds: number): string {
  return seconds < 120 ? `${seconds}${GAP}s` : spanText(seconds * 1e3);
}

/** A share in percent, rounded down: 100 % means that not one task failed. */
export function ratioText({ succeeded, settled }: Pick<Ratio, "succeeded" | "settled">): string {
  if (settled === 0) return "–";
  if (succeeded === settled) return `100${GAP}%`;
  const percent = succeeded / settled * 100;
  const factor = percent >= 99.9 ? 100 : percent >= 90 ? 10 : 1;
  return `${Math.floor(percent * factor) / factor}${GAP}%`;
}

/** A count with a comma between thousands. */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
