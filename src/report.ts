import type { Backlog } from "./backlog.ts";
import type { Log } from "./log.ts";
import { renderTable, type TableOptions } from "./table.ts";
import type { SettledTask } from "./task.ts";
import { formatDateTime, formatSeconds, offsetOf } from "./times.ts";

/** A settled task in one line, for the output of a one-off run. */
export function lineOf(task: SettledTask): string {
  const what = `#${task.seqno} ${task.datasetId} ${task.state}`;
  return `${what} in ${formatSeconds(task.durationSeconds)}${details(task)}`;
}

/** Logs a settled task. `error` is what a failed one failed with. */
export function logTask(log: Log, task: SettledTask, error: unknown): void {
  const properties = {
    seqno: task.seqno,
    dataset_id: task.datasetId,
    duration_seconds: task.durationSeconds,
    attempts: task.attempts.length,
    trace_id: task.traceId,
    details: details(task),
    in: formatSeconds(task.durationSeconds),
  };
  if (task.state === "SUCCEEDED") {
    log.info("task {seqno} of {dataset_id} succeeded in {in}{details}", properties);
  } else if (task.reason === "internal") {
    const cause = error instanceof Error && error.cause ? error.cause : error;
    log.error("task {seqno} of {dataset_id} failed in {in}: the probe's own fault: {error}", {
      ...properties,
      reason: task.reason,
      error: inspectError(cause),
    });
  } else {
    const message = error instanceof Error ? error.message : String(error);
    log.warn("task {seqno} of {dataset_id} failed in {in}{details}: {error}", {
      ...properties,
      reason: task.reason,
      error: message,
    });
  }
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

function details(task: SettledTask): string {
  const count = task.attempts.length;
  const attempts = count > 1 ? ` after ${count} attempts` : "";
  if (task.state === "SUCCEEDED") return attempts;
  const status = task.attempts.at(-1)?.status;
  return `${attempts}: ${task.reason}${status ? ` (status ${status})` : ""}`;
}
