import type { Reason } from "../core/reasons.ts";
import type { Cause } from "../core/verdict/dataset_verdict.ts";

/** The datasets that are failing for the same reason now. */
export type OutageGroup = {
  reason: Reason;
  datasets: number;
  /** When the first of them began to fail for this reason, milliseconds since the epoch. */
  sinceMs: number;
  /**
   * Those that were failing before for another reason: since when the first of them was, and for
   * which; null when there are none.
   */
  earlier: { datasets: number; sinceMs: number; reason: Reason } | null;
};

/**
 * The datasets that are failing by reason, that of most datasets first. Reasons that follow each
 * other within `toleranceMs` count as one beginning: datasets take turns.
 */
export function groupCauses(causes: readonly Cause[], toleranceMs: number): OutageGroup[] {
  return [...Map.groupBy(causes, ({ reason }) => reason)]
    .map(([reason, alike]) => groupOf(reason, alike, toleranceMs))
    .sort((a, b) => b.datasets - a.datasets || a.sinceMs - b.sinceMs);
}

function groupOf(reason: Reason, causes: readonly Cause[], toleranceMs: number): OutageGroup {
  const sinceMs = Math.min(...causes.map((cause) => cause.sinceMs));
  const before = causes
    .map(({ first }) => first)
    .filter((first) => first.sinceMs < sinceMs - toleranceMs)
    .sort((a, b) => a.sinceMs - b.sinceMs);
  const [first] = before;
  const earlier = first ? { datasets: before.length, ...first } : null;
  return { reason, datasets: causes.length, sinceMs, earlier };
}
