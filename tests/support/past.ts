/** What was before a probe started, invented. */
import type { Reason } from "../../src/core/reasons.ts";
import { type Bar, QUARTER, RANGES, startOfBar } from "../../src/history/bars.ts";
import type { KnownIncident, Past, PastSource } from "../../src/history/past.ts";

/** How many of a bar's 90 tasks failed and how many were slow; null for a bar of which nothing is known. */
export type BarOf = (nth: number) => { failed?: number; slow?: number } | null;

const TASKS = 90;

export const KNOWN: PastSource = {
  state: "known",
  asOfMs: Date.UTC(2026, 10, 23, 20, 1),
  failedSinceMs: null,
  problem: null,
  location: null,
};

/** A past that is the same for every dataset: a day and a quarter before `startMs`. */
export function pastBefore(
  startMs: number,
  { dayOf, quarterOf = dayOf, incidents = [], source = KNOWN }: {
    dayOf: BarOf;
    quarterOf?: BarOf;
    incidents?: readonly KnownIncident[];
    source?: PastSource;
  },
): Past {
  const day = barsBefore(startMs, RANGES["24h"], dayOf);
  const quarter = barsBefore(startMs, QUARTER, quarterOf);
  return { of: () => ({ day, daySinceMs: null, quarter, incidents }), source: () => source };
}

/** An incident as Prometheus tells it. */
export function pastIncident(
  startMs: number,
  minutes: number,
  reasons: Partial<Record<Reason, number>>,
): KnownIncident {
  return {
    startMs,
    endMs: startMs + minutes * 60_000,
    lost: Object.values(reasons).reduce((sum, count) => sum + count, 0),
    reasons,
    firstSeqno: null,
    endSeqno: null,
    resolutionSeconds: 60,
  };
}

function barsBefore(
  startMs: number,
  { bars, barSeconds }: { bars: number; barSeconds: number },
  barOf: BarOf,
): Bar[] {
  const last = startOfBar(startMs, barSeconds);
  return Array.from({ length: bars }, (_, nth) => ({ nth, bar: barOf(nth) })).flatMap(
    ({ nth, bar }) => {
      if (!bar) return [];
      const { failed = 0, slow = 0 } = bar;
      const hasSuccess = failed < TASKS;
      return [{
        startMs: last - (bars - 1 - nth) * barSeconds * 1e3,
        settled: TASKS,
        failed,
        slow,
        meanSeconds: hasSuccess ? (slow > TASKS / 2 ? 1.4 : 0.09) : null,
        longestSeconds: hasSuccess ? (slow > 0 ? 2.5 : 0.3) : null,
      }];
    },
  );
}
