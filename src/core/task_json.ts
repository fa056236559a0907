import { settledMs, type Task } from "./task.ts";

/** The version of the JSON document of tasks; raised when a reader must change. */
export const DOCUMENT_VERSION = 1;

/** A task as `/tasks`, `/events` and `--json` show it. */
export function taskToJson(task: Task, appId: string) {
  const settledAtMs = settledMs(task);
  const settled = task.state === "PENDING" ? null : task;
  return {
    seqno: task.seqno,
    app_id: appId,
    dataset_id: task.datasetId,
    state: task.state,
    created: new Date(task.createdMs).toISOString(),
    settled: settledAtMs === null ? null : new Date(settledAtMs).toISOString(),
    duration_seconds: settled && settled.durationSeconds,
    reason: task.state === "FAILED" ? task.reason : null,
    message: task.state === "FAILED" ? task.message : null,
    attempts: (settled?.attempts ?? []).map((attempt) => ({
      status: attempt.status,
      reason: attempt.reason,
      duration_seconds: attempt.durationSeconds,
      start_seconds: attempt.startSeconds,
      wait: attempt.wait,
      phases: attempt.phases,
    })),
    phases: settled?.phases ?? {},
    trace_id: task.traceId,
    body: task.state === "FAILED" ? task.body : null,
  };
}
