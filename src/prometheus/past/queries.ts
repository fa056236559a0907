/** What is asked of Prometheus, in PromQL. */
import { STATE_NUMBERS } from "../../core/verdict/states.ts";
import { METRICS } from "../definitions.ts";
import {
  FAILING_SINCE,
  FAILING_SUCCESS,
  HISTORY_WINDOWS,
  type HistoryCount,
  historyCount,
  historyName,
  lostName,
  newlyCounted,
} from "../rules/history_rules.ts";
import type { Objectives } from "../slo.ts";

/** Whose series are read. */
export type Scope = {
  /** Null for probes without one. */
  environment: string | null;
  /** The value of the label `location`; null for every location. */
  location: string | null;
};

/**
 * A day is recorded a short while after its end. When Prometheus was down then, what it had recorded
 * within this time before is taken.
 */
const RECORDED_WITHIN = "1h";

/** How often a moment is looked at that no rule has recorded: a shorter outage may be missed. */
const COARSE_STEP = "30s";
const FINE_STEP = "15s";

/** The number of tasks in the quarter of an hour that ends then. Needs no rules. */
export function barCount(
  count: HistoryCount,
  scope: Scope,
  ids: readonly string[],
  objectives: Objectives,
): string {
  const matchers = matchersOf(scope, ids);
  const { bar } = HISTORY_WINDOWS;
  return `round(${historyCount(count, bar, objectives, { by: "dataset_id", matchers })})`;
}

/** The recorded number of tasks in the day that ended shortly before. */
export function dayCount(count: HistoryCount, scope: Scope, ids: readonly string[]): string {
  const recorded = select(historyName(count, HISTORY_WINDOWS.day), scope, ids);
  return `round(sum by (dataset_id) (last_over_time(${recorded}[${RECORDED_WITHIN}])))`;
}

/** When the first sample in the quarter of an hour that ends then was scraped, in seconds. */
export function firstSample(scope: Scope, ids: readonly string[]): string {
  const times = `timestamp(${select(METRICS.succeeded.name, scope, ids)})`;
  const { bar } = HISTORY_WINDOWS;
  return `min by (dataset_id) (min_over_time(${times}[${bar}:${FINE_STEP}]))`;
}

/**
 * Since when each dataset was failing, by location, in the step before: as recorded, or as it was. Of
 * several outages in a step it knows the first and the last.
 */
export function failingSince(isRecorded: boolean, scope: Scope, ids: readonly string[]): string {
  const during = isRecorded
    ? `${select(FAILING_SINCE, scope, ids)}[${HISTORY_WINDOWS.lost}]`
    : `(${failingNow(scope, ids)})[${HISTORY_WINDOWS.lost}:${COARSE_STEP}]`;
  return `min_over_time(${during})\n` +
    `or\nlabel_replace(max_over_time(${during}), "edge", "last", "", "")`;
}

/** When each dataset was seen failing last, by location, in the step before. */
export function seenFailing(isRecorded: boolean, scope: Scope, ids: readonly string[]): string {
  const failing = isRecorded ? select(FAILING_SINCE, scope, ids) : failingNow(scope, ids);
  return `max_over_time(timestamp(${failing})[${HISTORY_WINDOWS.lost}:${COARSE_STEP}])`;
}

/** When a task had succeeded last while a dataset was failing, by location, in the step before. */
export function successBefore(isRecorded: boolean, scope: Scope, ids: readonly string[]): string {
  const during = isRecorded
    ? `${select(FAILING_SUCCESS, scope, ids)}[${HISTORY_WINDOWS.lost}]`
    : `(${lastSuccess(scope, ids)} and on (dataset_id, location) ${failingNow(scope, ids)})` +
      `[${HISTORY_WINDOWS.lost}:${COARSE_STEP}]`;
  return `max_over_time(${during})`;
}

/** When a task succeeded last, by location; nothing when that is longer ago. */
export function lastSuccess(scope: Scope, ids: readonly string[]): string {
  const times = `${select(METRICS.lastSuccess.name, scope, ids)}[${HISTORY_WINDOWS.success}]`;
  return `max by (dataset_id, location) (max_over_time(${times}))`;
}

/** The tasks that failed in the step before, by reason; as recorded, of outages alone. */
export function lost(isRecorded: boolean, scope: Scope, ids: readonly string[]): string {
  const { lost: window } = HISTORY_WINDOWS;
  const by = "dataset_id, reason";
  return isRecorded
    ? `sum by (${by}) (${select(lostName(window), scope, ids)})`
    : `${newlyCounted(by, select(METRICS.failures.name, scope, ids), window)} > 0`;
}

function failingNow(scope: Scope, ids: readonly string[]): string {
  const { state, stateSince } = METRICS;
  const failing = `${select(state.name, scope, ids)} == ${STATE_NUMBERS.failing}`;
  return `min by (dataset_id, location) (${select(stateSince.name, scope, ids)} and ${failing})`;
}

function select(name: string, scope: Scope, ids: readonly string[]): string {
  return `${name}{${matchersOf(scope, ids).join(", ")}}`;
}

function matchersOf({ environment, location }: Scope, ids: readonly string[]): string[] {
  // The only character of an ID that means something in a regular expression.
  const pattern = ids.map((id) => id.replaceAll(".", "\\.")).join("|");
  return [
    `dataset_id=~${JSON.stringify(pattern)}`,
    `environment=${JSON.stringify(environment ?? "")}`,
    ...location === null ? [] : [`location=${JSON.stringify(location)}`],
  ];
}
