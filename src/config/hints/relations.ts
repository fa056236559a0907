import { MAX_CLOSED_PER_SECOND } from "../../http_client/tls/paced_closing.ts";
import type { Config } from "../config.ts";
import type { Setting } from "../setting.ts";
import { SETTINGS } from "../settings.ts";

/**
 * A line for each pair of settings of which one undoes what the other is for; no secret is in it. The
 * program runs with them all the same: what is odd may be wanted.
 */
export function warningsOf(config: Config): string[] {
  const { taskTimeoutSeconds, taskIntervalSeconds, dismissTaskSeconds } = config;
  const show = showIn(config);
  const below = (lower: SecondsKey, upper: SecondsKey, consequence: string) =>
    config[lower] < config[upper]
      ? [`${show(lower)} is less than ${show(upper)}: ${consequence}`]
      : [];
  // The sum of two binary fractions may have many digits.
  const longestKept = Number((dismissTaskSeconds + config.cleanTasksIntervalSeconds).toFixed(3));
  return [
    ...taskWarningsOf(config),
    ...config.sloLatencySeconds < taskTimeoutSeconds ? [] : [
      `${show("sloLatencySeconds")} is not less than ${show("taskTimeoutSeconds")}: ` +
      "no task that succeeds is ever too slow",
    ],
    ...below(
      "dismissTaskSeconds",
      "taskTimeoutSeconds",
      "a task that times out may be removed as soon as it has failed",
    ),
    ...below(
      "dismissTaskSeconds",
      "taskIntervalSeconds",
      "the last task may be removed before the next one is created",
    ),
    ...below(
      "dismissTaskSeconds",
      "cleanTasksIntervalSeconds",
      `tasks are kept for up to ${longestKept} s`,
    ),
    ...trackedWarnings(config, Math.floor(taskTimeoutSeconds / taskIntervalSeconds) + 1),
    ...tlsWarnings(config),
    ...withoutEffect(config),
  ];
}

/** Those of the warnings that are about a task itself, and so about a one-off run too. */
export function taskWarningsOf(config: Config): string[] {
  const { taskTimeoutSeconds, requestTimeoutSeconds, retries } = config;
  const show = showIn(config);
  return retries === 0 || taskTimeoutSeconds > requestTimeoutSeconds ? [] : [
    `${show("taskTimeoutSeconds")} is not more than ${show("requestTimeoutSeconds")}: ` +
    "an attempt that gets no response is never tried again",
  ];
}

function showIn(config: Config): (key: SecondsKey) => string {
  return (key) => `${SETTINGS[key].env}=${config[key]}`;
}

type SecondsKey =
  | "taskTimeoutSeconds"
  | "requestTimeoutSeconds"
  | "sloLatencySeconds"
  | "taskIntervalSeconds"
  | "dismissTaskSeconds"
  | "cleanTasksIntervalSeconds";

/** `hanging` is how many tasks of a dataset are in flight while none gets a response. */
function trackedWarnings(
  { maxTrackedTasks, maxInFlightTasks, datasetIds }: Config,
  hanging: number,
): string[] {
  const bound = `${SETTINGS.maxTrackedTasks.env}=${maxTrackedTasks}`;
  const datasets = datasetIds.length;
  if (maxTrackedTasks < datasets) {
    return [`${bound} is less than the ${datasets} datasets: some have no task to look at`];
  }
  const pending = Math.min(maxInFlightTasks, datasets * hanging);
  return maxTrackedTasks < pending
    ? [
      `${bound} is less than the ${pending} tasks that may be in flight: more than that is kept, ` +
      "since none of them is removed",
    ]
    : [];
}

/** More tasks over TLS than the runtime can close connections. */
function tlsWarnings({ apiUrl, datasetIds, taskIntervalSeconds }: Config): string[] {
  const tasksPerSecond = datasetIds.length / taskIntervalSeconds;
  if (!apiUrl.startsWith("https:") || tasksPerSecond <= MAX_CLOSED_PER_SECOND) return [];
  const { taskIntervalSeconds: interval } = SETTINGS;
  return [
    `${interval.env}=${taskIntervalSeconds} with ${datasetIds.length} datasets is ` +
    `${Number(tasksPerSecond.toPrecision(3))} tasks a second over TLS: a probe can close ` +
    `${MAX_CLOSED_PER_SECOND} TLS connections a second, and skips the slots beyond that`,
  ];
}

/** Settings that only matter together with another one, which is not there. */
function withoutEffect(config: Config): string[] {
  const { prometheusUrl, prometheusLocation, prometheusAuth, heartbeatUrl, heartbeatMethod } =
    config;
  const hasLinks = config.publicUrl !== undefined || config.dashboardUrl !== undefined;
  const token = prometheusAuth && "path" in prometheusAuth
    ? SETTINGS.prometheusTokenFile
    : SETTINGS.prometheusToken;
  const idle: [isIdle: boolean, setting: Setting, needed: Setting][] = [
    [
      prometheusUrl === undefined && !hasLinks && prometheusLocation !== undefined,
      SETTINGS.prometheusLocation,
      SETTINGS.prometheusUrl,
    ],
    [prometheusUrl === undefined && prometheusAuth !== null, token, SETTINGS.prometheusUrl],
    [
      heartbeatUrl === undefined && heartbeatMethod !== SETTINGS.heartbeatMethod.default,
      SETTINGS.heartbeatMethod,
      SETTINGS.heartbeatUrl,
    ],
  ];
  return idle
    .filter(([isIdle]) => isIdle)
    .map(([, { env }, needed]) => `${env} has no effect without ${needed.env}`);
}
