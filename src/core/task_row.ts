import { settledMs, type State, type Task } from "./task.ts";

/** What a table shows of a task, whether it is this program's own or that of another probe. */
export type TaskRow = {
  seqno: number;
  datasetId: string;
  state: State;
  createdMs: number;
  /** Null while pending, as are the two below. */
  settledMs: number | null;
  durationSeconds: number | null;
  attempts: number | null;
  /** Null unless failed. Another version of the program may have reasons that this one has not. */
  reason: string | null;
  /** Null unless failed, and for a task of a probe that does not keep messages. */
  message: string | null;
};

/** The row of one of this program's own tasks. */
export function taskToRow(task: Task): TaskRow {
  const settled = task.state === "PENDING" ? null : task;
  return {
    seqno: task.seqno,
    datasetId: task.datasetId,
    state: task.state,
    createdMs: task.createdMs,
    settledMs: settledMs(task),
    durationSeconds: settled && settled.durationSeconds,
    attempts: settled && settled.attempts.length,
    reason: task.state === "FAILED" ? task.reason : null,
    message: task.state === "FAILED" ? task.message : null,
  };
}
