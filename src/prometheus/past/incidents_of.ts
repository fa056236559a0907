import { type Reason, REASONS } from "../../core/reasons.ts";
import { MAX_INCIDENTS } from "../../core/verdict/rows.ts";
import type { KnownIncident } from "../../history/past.ts";
import type { Series } from "./query_range.ts";

/** An outage goes on after a restart of the probe, when that takes no longer. */
const MAX_PAUSE_MS = 10 * 60_000;

/** What Prometheus knows of outages, by dataset; values are seconds since the epoch, or tasks. */
export type OutageSeries = {
  /** Since when the dataset was failing then, by location. */
  since: readonly Series[];
  /** When the dataset was seen failing last in the step before, by location. */
  seen: readonly Series[];
  /** When a task had succeeded last while the dataset was failing, by location. */
  successes: readonly Series[];
  /** When a task had succeeded last at the end of what is asked for, by location. */
  lastSuccesses: readonly Series[];
  /** How many tasks failed in the step before, by reason. */
  lost: readonly Series[];
};

/** `endMs` is the end of the last step in which it was failing, `seenMs` when that was seen last. */
type Span = { startMs: number; endMs: number; seenMs: number; lasts: boolean };

type Point = Series["points"][number];

/** The outages of each dataset before `untilMs`, newest first, from points `stepSeconds` apart. */
export function incidentsOf(
  { since, ...more }: OutageSeries,
  { stepSeconds, untilMs }: { stepSeconds: number; untilMs: number },
): Map<string, KnownIncident[]> {
  const incidents = new Map<string, KnownIncident[]>();
  for (const [datasetId, ofDataset] of Map.groupBy(since, datasetOf)) {
    const only = (series: readonly Series[]) =>
      series.filter((each) => datasetOf(each) === datasetId);
    const spans = [...Map.groupBy(ofDataset, locationOf)].flatMap(([location, ofLocation]) => {
      const pointsOf = (series: readonly Series[]) =>
        only(series).flatMap((each) => locationOf(each) === location ? each.points : []);
      const successes = pointsOf(more.successes);
      const outages = outagesOf(
        pointsOf(ofLocation),
        successes,
        pointsOf(more.lastSuccesses),
        untilMs,
      );
      return withSeen(outages, pointsOf(more.seen));
    });
    const merged = withoutOverlaps(spans);
    const lost = only(more.lost);
    incidents.set(
      datasetId,
      merged.slice(-MAX_INCIDENTS).reverse().map(({ startMs, seenMs, lasts }): KnownIncident => {
        const reasons = reasonsOf({ startMs, seenMs }, merged, lost, stepSeconds * 1e3);
        return {
          startMs,
          endMs: lasts ? null : seenMs,
          lost: Object.values(reasons).reduce((sum, count) => sum + count, 0),
          reasons,
          firstSeqno: null,
          endSeqno: null,
          resolutionSeconds: stepSeconds,
        };
      }),
    );
  }
  return incidents;
}

/** The outages of one location, oldest first: each has its own time since when it lasts. */
function outagesOf(
  since: readonly Point[],
  successes: readonly Point[],
  lastSuccesses: readonly Point[],
  untilMs: number,
): Span[] {
  const before = since.filter(({ value }) => value * 1e3 < untilMs);
  const found = [...Map.groupBy(before, ({ value }) => value)].map(([seconds, points]): Span => {
    const endMs = Math.max(...points.map(({ atMs }) => atMs));
    return { startMs: Math.min(seconds * 1e3, endMs), endMs, seenMs: endMs, lasts: false };
  }).sort((a, b) => a.startMs - b.startMs);
  const spans: Span[] = [];
  for (const outage of found) {
    const last = spans.at(-1);
    if (last && goesOnIn(last, outage, successes)) {
      last.endMs = Math.max(last.endMs, outage.endMs);
    } else {
      spans.push(outage);
    }
  }
  const newest = spans.at(-1);
  if (newest) {
    const seenMs = lastSuccessMs(newest, successes, newest.endMs + 1);
    newest.lasts = untilMs - newest.endMs <= MAX_PAUSE_MS &&
      lastSuccesses.every(({ value }) => value * 1e3 <= seenMs);
  }
  return spans;
}

/** Each outage with when it was seen last, which is before the next one. */
function withSeen(outages: readonly Span[], seen: readonly Point[]): Span[] {
  const lastMs = new Map(seen.map(({ atMs, value }) => [atMs, value * 1e3]));
  return outages.map((outage, i) => {
    const nextMs = outages[i + 1]?.startMs ?? Infinity;
    const seenMs = Math.min(outage.endMs, lastMs.get(outage.endMs) ?? Infinity, nextMs);
    return { ...outage, seenMs: Math.max(outage.startMs, seenMs) };
  });
}

/** Whether no task succeeded between the two, so that only the probe has restarted. */
function goesOnIn(outage: Span, next: Span, successes: readonly Point[]): boolean {
  const seenMs = lastSuccessMs(outage, successes, next.startMs);
  return next.startMs - outage.endMs <= MAX_PAUSE_MS &&
    successes.every(({ atMs, value }) =>
      atMs <= outage.startMs || atMs > next.endMs || value * 1e3 <= seenMs
    );
}

/** The last success that was known during an outage: a straggler may come after its beginning. */
function lastSuccessMs({ startMs }: Span, successes: readonly Point[], beforeMs: number): number {
  const known = successes.filter(({ atMs }) => atMs > startMs && atMs < beforeMs);
  return Math.max(startMs, ...known.map(({ value }) => value * 1e3));
}

/** Oldest first. An outage in one location during that in another is the same one. */
function withoutOverlaps(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.startMs - b.startMs)) {
    const last = merged.at(-1);
    if (last && span.startMs < last.seenMs) {
      last.seenMs = Math.max(last.seenMs, span.seenMs);
      last.lasts ||= span.lasts;
    } else {
      merged.push({ ...span });
    }
  }
  return merged;
}

type Times = Pick<Span, "startMs" | "seenMs">;

/** The failures of an outage. Those of a step that several outages share are divided by its time. */
function reasonsOf(
  outage: Times,
  all: readonly Times[],
  lost: readonly Series[],
  stepMs: number,
): Partial<Record<Reason, number>> {
  const reasons: Partial<Record<Reason, number>> = {};
  for (const { labels, points } of lost) {
    const reason = REASONS.find((each) => each === labels.reason);
    if (!reason) continue;
    let count = reasons[reason] ?? 0;
    for (const { atMs, value } of points) {
      const shareOf = ({ startMs, seenMs }: Times) =>
        Math.max(0, Math.min(seenMs, atMs) - Math.max(startMs, atMs - stepMs));
      const share = shareOf(outage);
      if (share > 0) count += value * share / all.reduce((sum, each) => sum + shareOf(each), 0);
    }
    if (count >= 0.5) reasons[reason] = Math.round(count);
  }
  return reasons;
}

function datasetOf({ labels }: Series): string {
  return labels.dataset_id ?? "";
}

function locationOf({ labels }: Series): string {
  return labels.location ?? "";
}
