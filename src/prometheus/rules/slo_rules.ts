import { METRICS } from "../definitions.ts";
import { fastSuccesses, type Objectives } from "../slo.ts";
import { DATASET_LABELS, increase, indented, rate } from "./promql.ts";
import type { RecordingRule } from "./rule_file.ts";
import { isShortWindow, type Times } from "./windows.ts";

/** A kind of bad task, counted among the tasks that could have been bad. */
export type Objective = {
  title: "Availability" | "Latency";
  /** For sentences: which tasks count, and what bad ones did. */
  subject: string;
  predicate: string;
  /** What bad tasks are called in the names of recorded series. */
  metric: string;
  /** The rates of bad tasks and of all that count, over a window. */
  badRate: (window: string) => string;
  allRate: (window: string) => string;
  /** The number of bad tasks in a window. */
  badCount: (window: string) => string;
  /** The share of tasks that may be bad. */
  budget: number;
};

export function objectivesOf(
  objectives: Objectives,
): { availability: Objective; latency: Objective } {
  const { succeeded, failed, duration } = METRICS;
  const rateOf = (selector: string, window: string) => rate(DATASET_LABELS, selector, window);
  const countOf = (selector: string, window: string) => increase(DATASET_LABELS, selector, window);
  const successes = `${duration.name}_count{outcome="succeeded"}`;
  const fast = fastSuccesses(objectives);
  // A process that was started for another objective has no bucket for this one.
  const known = (kind: "rate" | "increase", window: string) =>
    `sum by (${DATASET_LABELS}) (\n  ${kind}(${successes}[${window}])\n` +
    `  and ignoring(le) ${kind}(${fast}[${window}])\n)`;
  // Without the noise of binary fractions.
  const budget = Number((1 - objectives.availability).toPrecision(6));
  return {
    availability: {
      title: "Availability",
      subject: "tasks",
      predicate: "failed",
      metric: failed.name.replace(/_total$/, ""),
      badRate: (window) => rateOf(failed.name, window),
      allRate: (window) => `${rateOf(failed.name, window)}\n+ ${rateOf(succeeded.name, window)}`,
      badCount: (window) => countOf(failed.name, window),
      budget,
    },
    latency: {
      title: "Latency",
      subject: "successes",
      predicate: `took more than ${objectives.latencySeconds} s`,
      metric: "probe_tasks_slow",
      badRate: (window) => `${known("rate", window)}\n- ${rateOf(fast, window)}`,
      allRate: (window) => known("rate", window),
      badCount: (window) => `${known("increase", window)}\n- ${countOf(fast, window)}`,
      budget,
    },
  };
}

/** The error budget of each objective, for dashboards and rules of others. */
export function budgetRules(objectives: Objectives): RecordingRule[] {
  return Object.values(objectivesOf(objectives)).map(({ title, budget }) => ({
    record: "probe:error_budget:ratio",
    expr: `vector(${budget})`,
    labels: { objective: title.toLowerCase() },
  }));
}

/** The share of bad tasks in a window, and their number where an alert needs it. */
export function ratioRules(
  multiple: number,
  objectives: Objectives,
  times: Times,
): RecordingRule[] {
  const window = times.window(multiple);
  return Object.values(objectivesOf(objectives)).flatMap((objective) => [
    {
      record: ratioName(objective, window),
      // Without tasks there is no ratio; dividing by 0 would record NaN.
      expr: `(\n  ${indented(objective.badRate(window))}\n)\n` +
        `/ (\n  ${indented(objective.allRate(window))}\n  > 0\n)`,
    },
    ...isShortWindow(multiple)
      ? [{ record: countName(objective, window), expr: objective.badCount(window) }]
      : [],
  ]);
}

/** The recorded share of bad tasks. */
export function ratioName({ metric }: Objective, window: string): string {
  return `dataset:${metric}:ratio_rate${window}`;
}

/** The recorded number of bad tasks. */
export function countName({ metric }: Objective, window: string): string {
  return `dataset:${metric}:increase${window}`;
}
