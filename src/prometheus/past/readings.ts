import { type Bar, QUARTER, RANGES, startOfBar } from "../../history/bars.ts";
import type { DatasetPast } from "../../history/past.ts";
import { isTooLarge } from "../../http_client/response.ts";
import { HISTORY_COUNTS, type HistoryCount } from "../rules/history_rules.ts";
import type { Objectives } from "../slo.ts";
import { barsOf } from "./bars_of.ts";
import { incidentsOf } from "./incidents_of.ts";
import { barCount, dayCount, failingSince, lost, type Scope } from "./queries.ts";
import type { QueryRange, RangeQuery, Series } from "./query_range.ts";

const DAY_MS = 86_400_000;

/** A day is recorded within the interval of the rules after its end. */
const RECORDED_AFTER_MS = 2 * 60_000;

/** Outages are looked for in points so far apart, as far back as recorded, and as they are. */
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

/** The outages before this process; without rules, those of the last day. */
export async function readIncidents(
  reading: Reading,
  isRecorded: boolean,
): Promise<Found<"incidents">> {
  const { scope, startedMs } = reading;
  const stepMs = INCIDENT_STEP_SECONDS * 1e3;
  const endMs = Math.floor(startedMs / stepMs) * stepMs;
  const range = {
    startMs: endMs - (isRecorded ? RECORDED_DAYS : UNRECORDED_DAYS) * DAY_MS,
    endMs,
    stepSeconds: INCIDENT_STEP_SECONDS,
  };
  const ask = (expression: (ids: readonly string[]) => string) =>
    askInParts(reading, reading.datasetIds, range, expression);
  const since = await ask((ids) => failingSince(isRecorded, scope, ids));
  if (since.length === 0) return new Map();
  const failures = await ask((ids) => lost(isRecorded, scope, ids));
  return incidentsOf(since, failures, INCIDENT_STEP_SECONDS);
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
    if (!isTooLarge(error) || ids.length === 1) throw error;
    const half = Math.ceil(ids.length / 2);
    return [
      ...await askInParts(reading, ids.slice(0, half), range, expression),
      ...await askInParts(reading, ids.slice(half), range, expression),
    ];
  }
}
