import type { Backlog } from "./backlog.ts";
import type { Log } from "./log.ts";
import { renderTable, type TableOptions } from "./table.ts";
import type { Attempt, SettledTask } from "./task.ts";
import { formatDateTime, formatSeconds, offsetOf } from "./times.ts";

/** A settled task in one line, for the output of a one-off run. */
export function lineOf(task: SettledTask, error: unknown): string {
  const line = `#${task.seqno} ${task.datasetId} ${task.state} in ${
    formatSeconds(task.durationSeconds)
  }`;
  const why = task.state === "FAILED" ? `: ${task.reason}: ${messageOf(error)}` : "";
  return line + afterAttempts(task) + why;
}

/** Logs an attempt that failed, for whoever follows a task closely. */
export function logAttempt(
  log: Log,
  { seqno, datasetId }: { seqno: number; datasetId: string },
  { status, reason, durationSeconds }: Attempt,
): void {
  log.debug("an attempt of task {seqno} ended in {in}: {result}", {
    seqno,
    dataset_id: datasetId,
    status,
    reason,
    duration_seconds: durationSeconds,
    in: formatSeconds(durationSeconds),
    result: [reason, status && `status ${status}`].filter(Boolean).join(", "),
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
    const before = failures.get(task.datasetId) ?? 0;
    if (task.state === "FAILED") {
      failures.set(task.datasetId, before + 1);
      return logFailure(log, task, error, before === 0);
    }
    failures.delete(task.datasetId);
    const properties = { ...propertiesOf(task), failures: before };
    if (before === 0) {
      log.info("task {seqno} of {dataset_id} succeeded in {in}{after}", properties);
    } else {
      log.info(
        "RECOVERED: {dataset_id} works again after {failures} failed tasks; " +
          "task {seqno} succeeded in {in}{after}",
        properties,
      );
    }
  };
}

/** Logs a failed task; one that failed by the probe's own fault as an error, with the stack. */
export function logFailure(log: Log, task: SettledTask, error: unknown, isFirst = false): void {
  if (task.state !== "FAILED") return;
  const properties = {
    ...propertiesOf(task),
    reason: task.reason,
    first: isFirst ? "FAILING: " : "",
  };
  if (task.reason === "internal") {
    log.error(
      "{first}task {seqno} of {dataset_id} failed in {in} by the probe's own fault: {error}",
      {
        ...properties,
        error: inspectError(error instanceof Error && error.cause ? error.cause : error),
      },
    );
  } else {
    log.warn("{first}task {seqno} of {dataset_id} failed in {in}{after}: {reason}: {error}", {
      ...properties,
      error: messageOf(error),
    });
  }
}

function propertiesOf(task: SettledTask) {
  return {
    seqno: task.seqno,
    dataset_id: task.datasetId,
    duration_seconds: task.durationSeconds,
    attempts: task.attempts.length,
    trace_id: task.traceId,
    after: afterAttempts(task),
    in: formatSeconds(task.durationSeconds),
  };
}

/** The table of the newest `rows` tracked tasks under a line that says what is shown. */
export function tableOf(
  backlog: Backlog,
  { datasetIds, nowMs, rows }: { datasetIds: readonly string[]; nowMs: number; rows: number },
  options: TableOptions,
): string {
  const { PENDING, SUCCEEDED, FAILED } = backlog.counts;
  const tracked = PENDING + SUCCEEDED + FAILED;
  const { tasks } = backlog.page({ limit: rows });
  const older = tracked - tasks.length;
  const time = `${formatDateTime(nowMs, options.utc)} ${offsetOf(nowMs, options.utc)}`;
  const heading = `${time}  ${tracked} tracked: ` +
    `${PENDING} pending, ${SUCCEEDED} succeeded, ${FAILED} failed`;
  const more = older > 0 ? `… and ${older} older` : "";
  const table = renderTable(tasks.reverse(), { datasetIds, nowMs, more }, options);
  return `\n${heading}\n${table}\n`;
}

/** An error with its stack, on one line of the log. */
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
