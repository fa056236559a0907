import type { Attempt, FailedTask, SettledTask } from "../core/task.ts";
import type { SkippedSlots, TaskObserver } from "../core/task_observer.ts";
import type { News } from "../core/verdict/dataset_verdict.ts";
import type { Log } from "../runtime/log.ts";
import { stackOf } from "../text/error_text.ts";
import { formatSeconds, formatTraceUrl } from "../text/format.ts";
import { dashboardLink, type LinkSettings, statusPageLink } from "../text/links.ts";

/**
 * Logs settled tasks, a line each: a success as information, a failure as a warning, since a probe
 * expects failures. The line with which an outage begins stands out, and the one with which it ends.
 */
export class TaskLog implements TaskObserver {
  readonly #log: Log;
  readonly #maxInFlightTasks: number;
  readonly #links: LinkSettings;
  readonly #newsOf: (task: SettledTask) => News | null;

  /**
   * `newsOf` says whether an outage has begun or ended with the task that was just settled. The line
   * with which one begins has the link to the status page, or else to the dashboard.
   */
  constructor(
    log: Log,
    { maxInFlightTasks, ...links }: { maxInFlightTasks: number } & LinkSettings,
    newsOf: (task: SettledTask) => News | null,
  ) {
    this.#log = log;
    this.#maxInFlightTasks = maxInFlightTasks;
    this.#links = links;
    this.#newsOf = newsOf;
  }

  settled(task: SettledTask, error: unknown): void {
    const found = this.#newsOf(task);
    const news = found ? newsLine(task.datasetId, found, this.#links) : "";
    if (task.state === "FAILED") return logFailure(this.#log, task, error, news);
    this.#log.info(`${news}${sentenceOf(task, "succeeded")}`, propertiesOf(task));
  }

  skipped({ datasetId, cause, count }: SkippedSlots): void {
    const slots = count === 1 ? "a slot" : `${count} slots`;
    const why = cause === "late"
      ? "the probe itself was late"
      : `${this.#maxInFlightTasks} tasks are in flight`;
    this.#log.warn(`skipped ${slots} of ${datasetId}: ${why}`, {
      dataset_id: datasetId,
      skipped: count,
    });
  }
}

/**
 * A settled task in one line, for the output of a one-off run; `paint` colours its state. The line of
 * a failure ends with the link to its trace, where a template of links is given.
 */
export function lineOf(
  task: SettledTask,
  { traceUrl, paint = (state) => state }: {
    traceUrl?: string;
    paint?: (state: SettledTask["state"]) => string;
  } = {},
): string {
  const { seqno, datasetId, state } = task;
  const duration = formatSeconds(task.durationSeconds);
  const line = `#${seqno} ${datasetId} ${paint(state)} in ${duration}${afterAttempts(task)}`;
  if (task.state === "SUCCEEDED") return line;
  const trace = traceUrl === undefined ? "" : `; trace: ${formatTraceUrl(traceUrl, task.traceId)}`;
  return `${line}: ${task.reason}: ${task.message}${trace}`;
}

/** Logs an attempt, at level debug. */
export function logAttempt(
  log: Log,
  { seqno, datasetId }: { seqno: number; datasetId: string },
  { status, reason, durationSeconds }: Attempt,
): void {
  const result = [reason, status && `status ${status}`].filter(Boolean).join(", ");
  log.debug(`an attempt of task ${seqno} ended in ${formatSeconds(durationSeconds)}: ${result}`, {
    seqno,
    dataset_id: datasetId,
    status,
    reason,
    duration_seconds: durationSeconds,
  });
}

/** Logs a failed task; a fault of the probe itself as an error, with the stack. */
export function logFailure(log: Log, task: FailedTask, error: unknown, news = ""): void {
  const outcome = `${news}${sentenceOf(task, "failed")}: ${task.reason}: ${task.message}`;
  const properties = { ...propertiesOf(task), reason: task.reason };
  if (task.reason === "internal") {
    const cause = error instanceof Error && error.cause ? error.cause : error;
    log.error(`${outcome}\n${stackOf(cause)}`, properties);
  } else {
    log.warn(outcome, properties);
  }
}

function newsLine(
  datasetId: string,
  { change, sinceMs, lost }: News,
  links: LinkSettings,
): string {
  const since = `${new Date(sinceMs).toISOString().slice(0, 19)}Z`;
  if (change === "failing") {
    const link = statusPageLink(links, datasetId) ??
      dashboardLink(links, { datasetId, from: `${sinceMs}` });
    return `FAILING: ${datasetId} fails since ${since}${link === null ? "" : `, see ${link}`}; `;
  }
  const tasks = lost === 1 ? "1 failed task" : `${lost} failed tasks`;
  return `RECOVERED: ${datasetId} works again after ${tasks} since ${since}; `;
}

function sentenceOf(task: SettledTask, outcome: string): string {
  const duration = formatSeconds(task.durationSeconds);
  return `task ${task.seqno} of ${task.datasetId} ${outcome} in ${duration}${afterAttempts(task)}`;
}

function propertiesOf({ seqno, datasetId, durationSeconds, attempts, traceId }: SettledTask) {
  return {
    seqno,
    dataset_id: datasetId,
    duration_seconds: durationSeconds,
    attempts: attempts.length,
    trace_id: traceId,
  };
}

function afterAttempts({ attempts }: SettledTask): string {
  return attempts.length > 1 ? ` after ${attempts.length} attempts` : "";
}
