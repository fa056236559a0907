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
  return formatSpan(ms / 1e3).replace(" ", GAP);
}

/** The length of a window that counts tasks, in whole seconds and at least one. */
export function windowText(seconds: number): string {
  return seconds < 120 ? `${Math.max(1, Math.floor(seconds))}${GAP}s` : spanText(seconds * 1e3);
}

/** A share in percent; a dash when no task was settled. */
export function ratioText({ succeeded, settled }: Pick<Ratio, "succeeded" | "settled">): string {
  return settled === 0 ? "–" : formatShare(succeeded, settled).replace(" ", GAP);
}

/** A count with a comma between thousands. */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
