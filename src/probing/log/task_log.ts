import type { Clock } from "../../core/clock.ts";
import type { Attempt, FailedTask, SettledTask } from "../../core/task.ts";
import type { TaskObserver } from "../../core/task_observer.ts";
import type { News } from "../../core/verdict/dataset_verdict.ts";
import type { Log } from "../../runtime/log.ts";
import { stackOf } from "../../text/error_text.ts";
import { formatSeconds, formatTraceUrl } from "../../text/format.ts";
import { dashboardLink, type LinkSettings, statusPageLink } from "../../text/links.ts";

/** With more tasks than this, a line of each success would hide the lines that matter. */
const MAX_SUCCESSES_PER_SECOND = 5;

/** How often successes are summarized that have no line at level info. */
export const SUMMARY_SECONDS = 60;

export type TaskLogOptions = LinkSettings & {
  clock: Clock;
  log: Log;
  /** Whether an outage has begun or ended with the task that was just settled. */
  newsOf: (task: SettledTask) => News | null;
  datasetIds: readonly string[];
  taskIntervalSeconds: number;
};

/**
 * Logs settled tasks, a line each: a success as information, a failure as a warning, since a probe
 * expects failures. The line with which an outage begins stands out and has the link to the status
 * page, or else to the dashboard; so does the one with which it ends. With many tasks a second,
 * successes have level debug and are summarized.
 */
export class TaskLog implements TaskObserver {
  /** Whether successes are summarized: by how many tasks there are, whatever becomes of them. */
  readonly summarizes: boolean;
  readonly #options: TaskLogOptions;
  readonly #tasksPerSecond: number;
  #settled = 0;
  #succeeded = 0;
  #slowestSeconds = 0;
  #sinceMs: number;

  constructor(options: TaskLogOptions) {
    this.#options = options;
    this.#tasksPerSecond = options.datasetIds.length / options.taskIntervalSeconds;
    this.summarizes = this.#tasksPerSecond > MAX_SUCCESSES_PER_SECOND;
    this.#sinceMs = options.clock.monotonic();
  }

  /** Says once where the successes are, when they have no line at level info. */
  announce(): void {
    if (!this.summarizes) return;
    const rate = Number(this.#tasksPerSecond.toPrecision(2));
    this.#options.log.info(
      `successes are logged at level debug and summarized every ${SUMMARY_SECONDS} s, since there ` +
        `are ${rate} tasks a second; failures have a line each`,
    );
  }

  /** Logs how many tasks were settled since the last time; nothing where each has its line. */
  summarize(): void {
    if (!this.summarizes) return;
    const { clock, log } = this.#options;
    const nowMs = clock.monotonic();
    const seconds = Math.round((nowMs - this.#sinceMs) / 1e3);
    const [settled, succeeded] = [this.#settled, this.#succeeded];
    const slowest = `, the slowest of them in ${formatSeconds(this.#slowestSeconds)}`;
    const sentence = settled === 0
      ? `no task was settled in ${seconds} s`
      : `${succeeded} of ${settled} tasks succeeded in ${seconds} s${succeeded > 0 ? slowest : ""}`;
    log.info(sentence, { succeeded, failed: settled - succeeded, window_seconds: seconds });
    this.#settled = this.#succeeded = this.#slowestSeconds = 0;
    this.#sinceMs = nowMs;
  }

  settled(task: SettledTask, error: unknown): void {
    const { log, newsOf } = this.#options;
    const found = newsOf(task);
    const news = found ? newsLine(task.datasetId, found, this.#options) : "";
    this.#settled++;
    if (task.state === "FAILED") return logFailure(log, task, error, news);
    this.#succeeded++;
    this.#slowestSeconds = Math.max(this.#slowestSeconds, task.durationSeconds);
    const logLine = this.summarizes && !found ? log.debug : log.info;
    logLine(`${news}${sentenceOf(task, "succeeded")}`, propertiesOf(task));
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
