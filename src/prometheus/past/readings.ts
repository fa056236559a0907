import { type Bar, QUARTER, RANGES, startOfBar } from "../../history/bars.ts";
import type { DatasetPast } from "../../history/past.ts";
import { BodyTooLarge } from "../../http_client/response.ts";
import { HISTORY_COUNTS, type HistoryCount } from "../rules/history_rules.ts";
import type { Objectives } from "../slo.ts";
import { barsOf } from "./bars_of.ts";
import { incidentsOf } from "./incidents_of.ts";
import {
  barCount,
  dayCount,
  failingSince,
  firstSample,
  lastSuccess,
  lost,
  type Scope,
  seenFailing,
  successBefore,
} from "./queries.ts";
import type { QueryRange, RangeQuery, Series } from "./query_range.ts";

const DAY_MS = 86_400_000;

/** A day is recorded within the interval of the rules after its end. */
const RECORDED_AFTER_MS = 2 * 60_000;

/**
 * Outages are looked for in points so far apart: of the last day in what was scraped, and further back
 * in what rules have recorded.
 */
const INCIDENT_STEP_SECONDS = 300;
const RECORDED_DAYS = 30;
const UNRECORDED_DAYS = 1;

/** A response with so many points is read within a few milliseconds, in which no task is delayed. */
const MAX_POINTS = 2_500;

/** A part of the past of each dataset that Prometheus knows. */
export type Found<K extends keyof DatasetPast> = ReadonlyMap<string, DatasetPast[K]>;

export type Reading = {
  queryRange: QueryRange;
  datasetIds: readonly string[];
  scope: Scope;
  objectives: Objectives;
  /** Where this process' own memory begins. */
  startedMs: number;
  nowMs: number;
  signal: AbortSignal;
};

/** The bars of the last day in which this process was not there, or had only begun. */
export async function readBars(reading: Reading): Promise<Found<"day">> {
  const { scope, objectives, startedMs, nowMs } = reading;
  const { barSeconds, bars } = RANGES["24h"];
  const barMs = barSeconds * 1e3;
  // A point counts the bar that ends there.
  const range = {
    startMs: startOfBar(nowMs, barSeconds) - (bars - 2) * barMs,
    endMs: startOfBar(startedMs, barSeconds) + barMs,
    stepSeconds: barSeconds,
  };
  if (range.startMs > range.endMs) return new Map();
  return await readCounts(
    reading,
    range,
    (count, ids) => barCount(count, scope, ids, objectives),
    (atMs) => atMs - barMs,
  );
}

/** The whole days, which rules record; empty without them. */
export async function readDays(reading: Reading): Promise<Found<"quarter">> {
  const { scope, nowMs } = reading;
  const today = startOfBar(nowMs - RECORDED_AFTER_MS, QUARTER.barSeconds);
  const range = {
    startMs: today + RECORDED_AFTER_MS - (QUARTER.bars - 1) * DAY_MS,
    endMs: today + RECORDED_AFTER_MS,
    stepSeconds: QUARTER.barSeconds,
  };
  return await readCounts(
    reading,
    range,
    (count, ids) => dayCount(count, scope, ids),
    (atMs) => atMs - RECORDED_AFTER_MS - DAY_MS,
  );
}

/**
 * When those bars began to be known: the first sample of each dataset whose first bar is not that of
 * the day.
 */
export async function readBeginnings(
  reading: Reading,
  bars: Found<"day">,
): Promise<ReadonlyMap<string, number>> {
  const { scope, nowMs } = reading;
  const { barSeconds, bars: count } = RANGES["24h"];
  const barMs = barSeconds * 1e3;
  const firstMs = startOfBar(nowMs, barSeconds) - (count - 1) * barMs;
  const begun = [...bars].filter(([, [first]]) => first && first.startMs > firstMs);
  const beginnings = new Map<string, number>();
  for (const [startMs = 0, found] of Map.groupBy(begun, ([, [first]]) => first?.startMs)) {
    const endMs = startMs + barMs;
    const range = { startMs: endMs, endMs, stepSeconds: barSeconds };
    const ids = found.map(([id]) => id);
    const series = await askInParts(reading, ids, range, (part) => firstSample(scope, part));
    for (const { labels, points: [point] } of series) {
      if (point) beginnings.set(labels.dataset_id ?? "", Math.round(point.value * 1e3));
    }
  }
  return beginnings;
}

/** The outages before this process; without rules, those of the last day. */
export async function readIncidents(reading: Reading): Promise<Found<"incidents">> {
  const { scope, startedMs, datasetIds } = reading;
  const stepSeconds = INCIDENT_STEP_SECONDS;
  const scrapedMs = startedMs - UNRECORDED_DAYS * DAY_MS;
  // Steps end where the process begins, so that the last one is whole.
  const recorded = { startMs: startedMs - RECORDED_DAYS * DAY_MS, endMs: scrapedMs, stepSeconds };
  const scraped = { startMs: scrapedMs + stepSeconds * 1e3, endMs: startedMs, stepSeconds };
  const ask = async (
    ids: readonly string[],
    expression: (isRecorded: boolean, scope: Scope, ids: readonly string[]) => string,
  ) => [
    ...await askInParts(reading, ids, recorded, (part) => expression(true, scope, part)),
    ...await askInParts(reading, ids, scraped, (part) => expression(false, scope, part)),
  ];
  const since = await ask(datasetIds, failingSince);
  const found = new Set(since.map(({ labels }) => labels.dataset_id));
  const ids = datasetIds.filter((id) => found.has(id));
  if (ids.length === 0) return new Map();
  const seen = await ask(ids, seenFailing);
  const successes = await ask(ids, successBefore);
  const end = { startMs: startedMs, endMs: startedMs, stepSeconds };
  const lastSuccesses = await askInParts(reading, ids, end, (part) => lastSuccess(scope, part));
  const failures = await ask(ids, lost);
  return incidentsOf({ since, seen, successes, lastSuccesses, lost: failures }, {
    stepSeconds,
    untilMs: startedMs,
  });
}

type TimeRange = Omit<RangeQuery, "expression">;

/**
 * The bars of the points in the range. It asks for a bounded number of datasets each time, so that no
 * response takes long to read.
 */
async function readCounts(
  reading: Reading,
  range: TimeRange,
  expression: (count: HistoryCount, ids: readonly string[]) => string,
  toStartMs: (atMs: number) => number,
): Promise<Map<string, Bar[]>> {
  const bars = new Map<string, Bar[]>();
  const points = 1 + (range.endMs - range.startMs) / (range.stepSeconds * 1e3);
  const atOnce = Math.max(1, Math.floor(MAX_POINTS / points));
  const { datasetIds } = reading;
  for (let i = 0; i < datasetIds.length; i += atOnce) {
    const ids = datasetIds.slice(i, i + atOnce);
    const counts: Partial<Record<HistoryCount, Series[]>> = {};
    for (const count of HISTORY_COUNTS) {
      counts[count] = await askInParts(reading, ids, range, (part) => expression(count, part));
    }
    for (const [id, found] of barsOf(counts, toStartMs)) bars.set(id, found);
  }
  return bars;
}

/** Asks for all of them at once, and for half of them at a time when the response is too large. */
async function askInParts(
  reading: Reading,
  ids: readonly string[],
  range: TimeRange,
  expression: (ids: readonly string[]) => string,
): Promise<Series[]> {
  const { queryRange, signal } = reading;
  try {
    return await queryRange({ ...range, expression: expression(ids) }, signal);
  } catch (error) {
    if (!(error instanceof BodyTooLarge) || ids.length === 1) throw error;
    const half = Math.ceil(ids.length / 2);
    return [
      ...await askInParts(reading, ids.slice(0, half), range, expression),
      ...await askInParts(reading, ids.slice(half), range, expression),
    ];
  }
}
