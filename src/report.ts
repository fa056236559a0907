import type { Backlog } from "./backlog.ts";
import type { Log } from "./log.ts";
import { renderTable, rowOf, type TableOptions } from "./table.ts";
import type { Attempt, FailedTask, SettledTask, State } from "./task.ts";
import { formatDateTime, formatSeconds, offsetOf } from "./times.ts";

/** A settled task in one line, for the output of a one-off run. */
export function lineOf(task: SettledTask, error: unknown): string {
  const line = `#${task.seqno} ${task.datasetId} ${task.state} in ${
    formatSeconds(task.durationSeconds)
  }`;
  const why = task.state === "FAILED" ? `: ${task.reason}: ${messageOf(error)}` : "";
  return line + afterAttempts(task) + why;
}

/** Logs an attempt, for whoever follows a task closely. */
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

/**
 * Logs settled tasks, a line each: success as information, failure as a warning, since it is what a
 * probe expects. The first failure after successes and the first success after failures stand out.
 */
export function createTaskLog(log: Log): (task: SettledTask, error: unknown) => void {
  /** Failures in a row, by dataset. */
  const failures = new Map<string, number>();

  return (task, error) => {
    const { datasetId } = task;
    const before = failures.get(datasetId) ?? 0;
    if (task.state === "FAILED") {
      failures.set(datasetId, before + 1);
      return logFailure(log, task, error, before === 0 ? "FAILING: " : "");
    }
    failures.delete(datasetId);
    const news = before > 0
      ? `RECOVERED: ${datasetId} works again after ${before} failed ${
        before > 1 ? "tasks" : "task"
      }; `
      : "";
    log.info(`${news}${outcomeOf(task, "succeeded")}`, propertiesOf(task));
  };
}

/** Logs a failed task; one that failed by the probe's own fault as an error, with the stack. */
export function logFailure(log: Log, task: FailedTask, error: unknown, news = ""): void {
  const outcome = `${news}${outcomeOf(task, "failed")}: ${task.reason}`;
  const properties = { ...propertiesOf(task), reason: task.reason };
  if (task.reason === "internal") {
    const cause = error instanceof Error && error.cause ? error.cause : error;
    log.error(`${outcome}, a fault of the probe's own: ${inspectError(cause)}`, properties);
  } else {
    log.warn(`${outcome}: ${messageOf(error)}`, properties);
  }
}

function outcomeOf(task: SettledTask, how: string): string {
  const duration = formatSeconds(task.durationSeconds);
  return `task ${task.seqno} of ${task.datasetId} ${how} in ${duration}${afterAttempts(task)}`;
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

/** The table of the newest `rows` tracked tasks under a line that says what is shown. */
export function tableOf(
  backlog: Backlog,
  { datasetIds, nowMs, rows }: { datasetIds: readonly string[]; nowMs: number; rows: number },
  options: TableOptions,
): string {
  const { PENDING, SUCCEEDED, FAILED } = backlog.counts;
  const { tasks } = backlog.page({ limit: rows });
  const more = olderLine(PENDING + SUCCEEDED + FAILED - tasks.length);
  const shown = { severalDatasets: datasetIds.length > 1, nowMs, more };
  const lines = renderTable(tasks.reverse().map(rowOf), shown, options);
  const heading = headingOf(nowMs, tallyOf(backlog.counts), options);
  return ["", ...heading, ...lines, "", ""].join("\n");
}

/** What stands over a table: the time and what is shown, on two lines where one is too narrow. */
export function headingOf(nowMs: number, shown: string, { width, utc }: TableOptions): string[] {
  const time = timeOf(nowMs, utc);
  return time.length + 2 + shown.length > width ? [time, shown] : [`${time}  ${shown}`];
}

/** How many tasks there are of each state. */
export function tallyOf({ PENDING, SUCCEEDED, FAILED }: Record<State, number>): string {
  return `${PENDING + SUCCEEDED + FAILED} tracked: ` +
    `${PENDING} pending, ${SUCCEEDED} succeeded, ${FAILED} failed`;
}

/**
 * The last line of a table: how many older tasks are not in it, null for nobody knows how many;
 * empty when there are none.
 */
export function olderLine(older: number | null): string {
  if (older === null) return "… and older ones";
  return older > 0 ? `… and ${older} older` : "";
}

/** The last line of a table without rows, where only some of the tasks are asked for. */
export const NONE_FITS = "no tracked task fits";

/**
 * A document as text, in which no character that acts on a terminal stands by itself: JSON escapes
 * some of them, and the others may be written so too.
 */
export function jsonText(document: unknown): string {
  return JSON.stringify(document, null, 2).replace(
    /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) =>
      Array.from(
        { length: character.length },
        (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
      ).join(""),
  ) + "\n";
}

/** A moment with its offset from UTC. */
export function timeOf(ms: number, utc: boolean): string {
  return `${formatDateTime(ms, utc)} ${offsetOf(ms, utc)}`;
}

/** An error with its stack, for the log: several lines where that is text. */
export function inspectError(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

/** Several attempts are worth a word, in a success as in a failure. */
function afterAttempts({ attempts }: SettledTask): string {
  return attempts.length > 1 ? ` after ${attempts.length} attempts` : "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
