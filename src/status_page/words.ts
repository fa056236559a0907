/** Figures and times as the page says them. */
import type { Ratio } from "../probing/health.ts";
import { formatDuration } from "../text/format.ts";

/** Stands between a number and its unit, which no line may part. */
const GAP = "\u00a0";

/** A duration in the unit that suits it, which no line may part from it. */
export function durationText(seconds: number): string {
  return formatDuration(seconds).replace(" ", GAP);
}

/** How long something has lasted, as exactly as anybody wants to know. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1e3));
  if (seconds < 60) return `${seconds}${GAP}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}${GAP}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return two(hours, "h", minutes % 60, "min");
  return two(Math.floor(hours / 24), "d", hours % 24, "h");
}

function two(much: number, unit: string, little: number, smallerUnit: string): string {
  return `${much}${GAP}${unit}${little > 0 ? ` ${little} ${smallerUnit}` : ""}`;
}

/** A share in percent. Never rounded up: 100 % means that not one failed. */
export function ratioText({ succeeded, settled }: Ratio): string {
  if (settled === 0) return "–";
  if (succeeded === settled) return `100${GAP}%`;
  const percent = succeeded / settled * 100;
  const factor = percent >= 99.9 ? 100 : percent >= 90 ? 10 : 1;
  return `${Math.floor(percent * factor) / factor}${GAP}%`;
}

export function countText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
