import { type Bar, emptyBar } from "../../history/bars.ts";
import type { HistoryCount } from "../rules/history_rules.ts";
import type { Series } from "./query_range.ts";

/** The most tasks that a bar can count. */
const MAX_COUNT = 1e9;

/**
 * The bars of each dataset, oldest first. A point counts what was between the bar's start, `toStartMs`
 * of its time, and its end. A point without settled tasks makes no bar.
 */
export function barsOf(
  counts: Readonly<Partial<Record<HistoryCount, readonly Series[]>>>,
  toStartMs: (atMs: number) => number,
): Map<string, Bar[]> {
  const [failed, slow] = [valuesOf(counts.failed), valuesOf(counts.slow)];
  const bars = new Map<string, Bar[]>();
  for (const [datasetId, values] of valuesOf(counts.settled)) {
    const found = [...values].filter(([, settled]) => settled > 0).sort(([a], [b]) => a - b);
    bars.set(
      datasetId,
      found.map(([atMs, settled]): Bar => {
        const failures = Math.min(settled, failed.get(datasetId)?.get(atMs) ?? 0);
        return {
          ...emptyBar(toStartMs(atMs)),
          settled,
          failed: failures,
          slow: Math.min(settled - failures, slow.get(datasetId)?.get(atMs) ?? 0),
        };
      }),
    );
  }
  return bars;
}

/** Whole numbers by dataset and time. */
function valuesOf(series: readonly Series[] = []): Map<string, Map<number, number>> {
  const values = new Map<string, Map<number, number>>();
  for (const { labels, points } of series) {
    const counts = points.map(({ atMs, value }) =>
      [atMs, Math.min(MAX_COUNT, Math.round(value))] as const
    );
    values.set(labels.dataset_id ?? "", new Map(counts));
  }
  return values;
}
