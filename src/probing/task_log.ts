import type { Log } from "../runtime/log.ts";
import type { Attempt, FailedTask, SettledTask } from "../core/task.ts";
import { formatSeconds } from "../text/format.ts";

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
