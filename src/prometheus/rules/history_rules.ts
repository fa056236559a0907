import { STATE_NUMBERS } from "../../core/verdict/states.ts";
import { METRICS } from "../definitions.ts";
import { fastSuccesses, type Objectives } from "../slo.ts";
import { DATASET_LABELS, increase } from "./promql.ts";
import type { RecordingRule } from "./rule_file.ts";
import type { Times } from "./windows.ts";

/** What the bars of the page count. */
export const HISTORY_COUNTS = ["settled", "failed", "slow"] as const;
export type HistoryCount = typeof HISTORY_COUNTS[number];

/** Since when a dataset has been failing; there is no sample while it is not. */
export const FAILING_SINCE = "dataset:probe_dataset_failing:since";

/** When a task of a dataset that is failing had succeeded last; no sample when that is long ago. */
export const FAILING_SUCCESS = "dataset:probe_dataset_failing:last_success";

/** The windows of the recorded numbers, in the default scale of the rules. */
export const HISTORY_WINDOWS = { lost: "5m", success: "15m", bar: "15m", day: "1d" } as const;

/** The failures in a window up to now, by reason, while a dataset is failing or was in that window. */
export function lostName(window: string): string {
  return `dataset:probe_dataset_failing:lost${window}`;
}

/** The recorded number of tasks in a window. */
export function historyName(count: HistoryCount, window: string): string {
  return `dataset:probe_history_${count}:increase${window}`;
}

/** The number of tasks in a window by what became of them, as an expression. */
export function historyCount(
  count: HistoryCount,
  window: string,
  objectives: Objectives,
  { by = DATASET_LABELS, matchers = [] }: { by?: string; matchers?: readonly string[] } = {},
): string {
  const of = (selector: string) => increase(by, selector, window);
  const within = (name: string, ...more: string[]) => {
    const all = [...more, ...matchers];
    return all.length === 0 ? name : `${name}{${all.join(", ")}}`;
  };
  const { succeeded, failed, duration } = METRICS;
  if (count === "failed") return of(within(failed.name));
  if (count === "settled") return `${of(within(failed.name))}\n+ ${of(within(succeeded.name))}`;
  const successes = within(`${duration.name}_count`, 'outcome="succeeded"');
  return `${of(successes)}\n- ${of(fastSuccesses(objectives, ...matchers))}`;
}

/**
 * By how much a counter has grown between the last sample a window ago and the last one: numbers of
 * windows in a row add up, which those of `increase` do not, since it extrapolates. A counter that is
 * new counts from its first sample.
 */
export function newlyCounted(by: string, selector: string, window: string): string {
  const [now, before] = ["", ` offset ${window}`].map((offset) =>
    `last_over_time(${selector}[${window}]${offset})`
  );
  const first = `min_over_time(${selector}[${window}])`;
  return `sum by (${by}) (\n  ${now}\n  - (${before} <= ${now} or ${first})\n)`;
}

/** Since when datasets are failing, by the verdict of the probe that runs now. */
export function failingSince(): string {
  const { state, stateSince } = METRICS;
  return `min by (${DATASET_LABELS}) (\n  ${stateSince.name}\n  and ${state.name} == ` +
    `${STATE_NUMBERS.failing}\n)`;
}

/**
 * When datasets were failing, and why. Series with samples only while one is: months of them cost
 * little to read.
 */
export function incidentRules(times: Times): RecordingRule[] {
  const { lastSuccess, failures } = METRICS;
  const window = times.minutes(5);
  return [
    {
      record: FAILING_SINCE,
      expr: failingSince(),
    },
    {
      record: lostName(window),
      expr: `${newlyCounted(`${DATASET_LABELS}, reason`, failures.name, window)} > 0\n` +
        `and on (${DATASET_LABELS})\nlast_over_time(${FAILING_SINCE}[${window}])`,
    },
    {
      record: FAILING_SUCCESS,
      // A process that has ended counts too: it tells whether an outage ended before it.
      expr:
        `max by (${DATASET_LABELS}) (max_over_time(${lastSuccess.name}[${times.minutes(15)}]))\n` +
        `and on (${DATASET_LABELS})\n${FAILING_SINCE}`,
    },
  ];
}

/** The number of tasks in each quarter of an hour, and in each day as the sum of those. */
export function historyRules(objectives: Objectives, times: Times): RecordingRule[] {
  const [bar, day] = [times.minutes(15), times.hours(24)];
  return [
    ...HISTORY_COUNTS.map((count) => ({
      record: historyName(count, bar),
      expr: historyCount(count, bar, objectives),
    })),
    ...HISTORY_COUNTS.map((count) => ({
      record: historyName(count, day),
      expr: `sum_over_time(${historyName(count, bar)}[${day}:${bar}])`,
    })),
  ];
}
