import { type Reason, REASONS } from "../../core/reasons.ts";
import type { KnownIncident } from "../../history/past.ts";
import type { Series } from "./query_range.ts";

/** Two outages with less time between them are one: a restart of the probe may be in between. */
const MAX_PAUSE_MS = 10 * 60_000;

type Span = { startMs: number; endMs: number };

/** The incidents that are kept of a dataset. */
const MAX_KEPT = 20;

/**
 * The outages of each dataset, newest first. The points of `since` say since when it was failing then,
 * in seconds since the epoch; those of `lost` how many tasks failed in the step before, by reason.
 */
export function incidentsOf(
  since: readonly Series[],
  lost: readonly Series[],
  stepSeconds: number,
): Map<string, KnownIncident[]> {
  const byDataset = Map.groupBy(since, ({ labels }) => labels.dataset_id ?? "");
  return new Map(
    [...byDataset].map(([datasetId, series]) => {
      const ofDataset = lost.filter(({ labels }) => labels.dataset_id === datasetId);
      const spans = spansOf(series).slice(-MAX_KEPT).reverse();
      const incidents = spans.map((span) => incidentOf(span, ofDataset, stepSeconds));
      return [datasetId, incidents];
    }),
  );
}

/** When the dataset was failing for any of the probes, oldest first. */
function spansOf(series: readonly Series[]): Span[] {
  const points = series.flatMap(({ points }) => points)
    .map(({ atMs, value }) => ({ startMs: Math.min(value * 1e3, atMs), endMs: atMs }))
    .sort((a, b) => a.startMs - b.startMs);
  const spans: Span[] = [];
  for (const { startMs, endMs } of points) {
    const last = spans.at(-1);
    if (!last || startMs - last.endMs > MAX_PAUSE_MS) spans.push({ startMs, endMs });
    else last.endMs = Math.max(last.endMs, endMs);
  }
  return spans;
}

function incidentOf(
  { startMs, endMs }: Span,
  lost: readonly Series[],
  stepSeconds: number,
): KnownIncident {
  const reasons: Partial<Record<Reason, number>> = {};
  for (const { labels, points } of lost) {
    const reason = REASONS.find((each) => each === labels.reason);
    if (!reason) continue;
    const inside = points.filter(({ atMs }) => atMs > startMs && atMs <= endMs);
    const count = inside.reduce((sum, { value }) => sum + Math.round(value), 0);
    if (count > 0) reasons[reason] = count;
  }
  const total = Object.values(reasons).reduce((sum, count) => sum + count, 0);
  return {
    startMs,
    endMs,
    lost: total,
    reasons,
    firstSeqno: null,
    endSeqno: null,
    resolutionSeconds: stepSeconds,
  };
}
