/** Figures and times as the page shows them. */
import type { Ratio } from "../probing/health.ts";
import { formatDuration, formatShare, formatSpan } from "../text/format.ts";

/** A no-break space, which keeps a number and its unit on one line. */
const GAP = "\u00a0";

/** A duration in the unit that suits it. */
export function durationText(seconds: number): string {
  return formatDuration(seconds).replace(" ", GAP);
}

/** How long something has lasted, in its two largest units. */
export function spanText(ms: number): string {
  return formatSpan(ms / 1e3).replaceAll(/(?<=\d) /g, GAP);
}

/** Windows that are at least so long are told in whole minutes, which are off by a tenth at most. */
const MIN_ROUNDED_SECONDS = 600;

/**
 * The length of a window that figures cover, at least a second: short, since it stands beside each of
 * them.
 */
export function windowText(seconds: number): string {
  if (seconds < 120) return `${Math.max(1, Math.floor(seconds))}${GAP}s`;
  return spanText(1e3 * (seconds < MIN_ROUNDED_SECONDS ? seconds : seconds - seconds % 60));
}

/** A share in percent; a dash when no task was settled. */
export function ratioText({ succeeded, settled }: Pick<Ratio, "succeeded" | "settled">): string {
  return settled === 0 ? "–" : formatShare(succeeded, settled).replace(" ", GAP);
}

/** A count with a comma between thousands. */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
