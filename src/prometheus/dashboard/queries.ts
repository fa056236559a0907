import { STATE_NUMBERS } from "../../core/verdict/states.ts";
import { type Definition, METRICS } from "../definitions.ts";
import { fastSuccesses, type Objectives } from "../slo.ts";

/** The data source that the dashboard's variable selects. */
export const DATASOURCE = { type: "prometheus", uid: "${datasource}" } as const;

/** Holds at least four scrapes, however far the dashboard is zoomed out. */
export const WINDOW = "$__rate_interval";

/** How often Prometheus scrapes a probe, usually: a longer task interval needs longer windows. */
export const USUAL_SCRAPE_SECONDS = 15;

/**
 * So many points that Grafana keeps `WINDOW` short: a current value must not be the mean of a day.
 */
export const MAX_POINTS = 10_000;

/** The time that one bar stands for. */
const BAR = "1m";

/** What the dashboard's variables select: targets, probes, datasets. */
const OF_SCRAPE = `job=~"$job", location=~"$location"`;
export const OF_ENVIRONMENT = `${OF_SCRAPE}, environment=~"$environment"`;
export const FILTERS = `${OF_ENVIRONMENT}, app_id=~"$app_id"`;
const OF_DATASET = `dataset_id=~"$dataset_id"`;

const {
  succeeded,
  failed,
  duration,
  lastDuration,
  phaseDuration,
  lag,
  buildInfo,
  startTime,
  state,
  stateSince,
} = METRICS;

/** What a dataset is told apart by: the one of dev must not hide that of prod. */
export const BY_DATASET = "environment, dataset_id";
export const BY_DATASET_AND_LOCATION = `${BY_DATASET}, location`;

/** A query of a panel; `interval` is the shortest distance of two points. */
export type Query = { expr: string; legend: string; interval?: string };

export function query(expr: string, legend = ""): Query {
  return { expr, legend };
}

/** A query whose points each cover one bar. */
export function queryPerBar(expr: string, legend: string): Query {
  return { expr, legend, interval: BAR };
}

/** Creates queries with `WINDOW` in them: their windows hold several tasks, not only scrapes. */
export function queriesInWindow(
  { taskIntervalSeconds }: Objectives,
): (expr: string, legend?: string) => Query {
  const interval = taskIntervalSeconds > USUAL_SCRAPE_SECONDS
    ? { interval: `${taskIntervalSeconds}s` }
    : {};
  return (expr, legend = "") => ({ expr, legend, ...interval });
}

/** Which of a histogram's series. */
export type Suffix = "_bucket" | "_count" | "_sum" | "";

/** The series that the variables select, narrowed by these matchers. */
export function series(
  { name, labels }: Definition,
  matchers: string[] = [],
  suffix: Suffix = "",
): string {
  const all = [FILTERS, ...labels.includes("dataset_id") ? [OF_DATASET] : [], ...matchers];
  return `${name}${suffix}{${all.join(", ")}}`;
}

export function successes(suffix: Suffix): string {
  return series(duration, [`outcome="succeeded"`], suffix);
}

/** The sum, or one sum for each combination of these labels. */
export function sum(expr: string, by = ""): string {
  return by ? `sum by (${by}) (${expr})` : `sum(${expr})`;
}

/** How much a counter grew in this time. */
export function over(metric: Definition, time: string, by?: string): string {
  return sum(`increase(${series(metric)}[${time}])`, by);
}

/** How much a counter or histogram grows each second, in `WINDOW`. */
export function perSecond(metric: Definition, by?: string, suffix?: Suffix): string {
  return sum(`rate(${series(metric, [], suffix)}[${WINDOW}])`, by);
}

/** Has no value where `whole` is 0. */
export function ratio(part: string, whole: string): string {
  return `${part} / (${whole} > 0)`;
}

/** Which share of the settled tasks `part` is. */
export function shareOf(part: Definition, time: string, by?: string): string {
  return ratio(over(part, time, by), `${over(succeeded, time, by)} + ${over(failed, time, by)}`);
}

/** Which share of the successes was fast. */
export function fastShare(objectives: Objectives, time: string): string {
  return ratio(
    sum(`increase(${fastSuccesses(objectives, FILTERS, OF_DATASET)}[${time}])`),
    sum(`increase(${successes("_count")}[${time}])`),
  );
}

/** The number of the state, the most urgent of each combination of these labels. */
export function stateBy(labels: string): string {
  return labels ? `max by (${labels}) (${series(state)})` : `max(${series(state)})`;
}

/** Since when the most urgent state of each combination holds. */
export function stateSinceBy(labels: string): string {
  const inState = `${series(state)} == on (${labels}) group_left () ${stateBy(labels)}`;
  const since = `${series(stateSince)} and (${inState})`;
  return labels ? `min by (${labels}) (${since})` : `min(${since})`;
}

/** How many outages the range has, of which the last may go on. */
export function incidentsBy(labels: string): string {
  const failing = `(${stateBy(labels)} == bool ${STATE_NUMBERS.failing})[$__range:$__interval]`;
  return `resets(${failing}) + last_over_time(${failing})`;
}

/** For how many seconds of the range the dataset was failing. */
export function failingSecondsBy(labels: string): string {
  const failing = `(${stateBy(labels)} == ${STATE_NUMBERS.failing})[$__range:$__interval]`;
  return `count_over_time(${failing}) * $__interval_ms / 1000`;
}

/** The gauge's greatest value in the range. */
export function maxInRange(metric: Definition): string {
  return `max_over_time(${series(metric)}[$__range])`;
}

/** The last duration where a success is recent: the gauge keeps its value in an outage. */
export function freshDuration(): string {
  return `${series(lastDuration)} and increase(${series(succeeded)}[${WINDOW}]) > 0`;
}

export function meanDuration(time: string): string {
  const rateOf = (suffix: Suffix) => sum(`rate(${successes(suffix)}[${time}])`);
  return ratio(rateOf("_sum"), rateOf("_count"));
}

/** A quantile of the durations of successes; has no value where there was no success. */
export function quantile(q: number, time = WINDOW, by = ""): string {
  const buckets = sum(`rate(${successes("_bucket")}[${time}])`, by ? `le, ${by}` : "le");
  const count = sum(`rate(${successes("_count")}[${time}])`, by);
  return `histogram_quantile(${q}, ${buckets}) and on (${by}) ${count} > 0`;
}

/** The mean time in each phase. */
export function meanPhases(): string {
  return ratio(
    perSecond(phaseDuration, "phase", "_sum"),
    perSecond(phaseDuration, "phase", "_count"),
  );
}

/** A quantile of how late tasks are created. */
export function lagQuantile(q: number): string {
  const buckets = series(lag, [`loop="probe"`], "_bucket");
  return `histogram_quantile(${q}, ${sum(`rate(${buckets}[${WINDOW}])`, "le")})`;
}

/** Whether each probe can be scraped; without those that are known to be of another environment. */
export function targets(): string {
  const others = `${buildInfo.name}{${OF_SCRAPE}, environment!~"$environment"}[$__range]`;
  return `(up{${OF_SCRAPE}} unless on (job, location, instance) last_over_time(${others}))`;
}

/** When each probe started, with the labels of its build. */
export function runningSince(): string {
  const times = `1000 * ${series(startTime)}`;
  return sum(
    `${series(buildInfo)} * on (job, instance, app_id) group_left () (${times})`,
    "app_id, version, deno, target, job, instance, environment, location",
  );
}
