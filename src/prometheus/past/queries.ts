/** What is asked of Prometheus, in PromQL. */
import { STATE_NUMBERS } from "../../core/verdict/states.ts";
import { METRICS } from "../definitions.ts";
import { increase } from "../rules/promql.ts";
import {
  FAILING_SINCE,
  HISTORY_WINDOWS,
  type HistoryCount,
  historyCount,
  historyName,
  lostName,
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

/** Since when each dataset was failing, by location: as recorded, or at the moment of the point. */
export function failingSince(isRecorded: boolean, scope: Scope, ids: readonly string[]): string {
  return isRecorded
    ? `min_over_time(${select(FAILING_SINCE, scope, ids)}[${HISTORY_WINDOWS.lost}])`
    : failingNow("dataset_id, location", scope, ids);
}

/** The tasks that were lost while a dataset was failing, by reason. */
export function lost(isRecorded: boolean, scope: Scope, ids: readonly string[]): string {
  const { lost: window } = HISTORY_WINDOWS;
  if (isRecorded) {
    const recorded = `max_over_time(${select(lostName(window), scope, ids)}[${window}])`;
    return `round(sum by (dataset_id, reason) (${recorded}))`;
  }
  const failures = select(METRICS.failures.name, scope, ids);
  return `round(${increase("dataset_id, reason", failures, window)}) > 0\n` +
    `and on (dataset_id)\n${failingNow("dataset_id", scope, ids)}`;
}

function failingNow(by: string, scope: Scope, ids: readonly string[]): string {
  const { state, stateSince } = METRICS;
  const failing = `${select(state.name, scope, ids)} == ${STATE_NUMBERS.failing}`;
  return `min by (${by}) (${select(stateSince.name, scope, ids)} and ${failing})`;
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
