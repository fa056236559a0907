import {
  type Attempt,
  fail,
  type FailedTask,
  type PendingTask,
  type SettledTask,
  succeed,
} from "../../src/core/task.ts";
import type { Reason } from "../../src/core/reasons.ts";

/** A pending task as a test needs it. */
export function pending(fields: Partial<PendingTask> = {}): PendingTask {
  return {
    state: "PENDING",
    seqno: 1,
    datasetId: "abc123",
    traceId: "0af7651916cd43dd8448eb211c80319c",
    createdMs: Date.UTC(2026, 10, 23, 22, 1, 5),
    createdMonotonicMs: 0,
    ...fields,
  };
}

/** An attempt as a test needs it: a success of a quarter of a second, at once. */
export function attempt(fields: Partial<Attempt> = {}): Attempt {
  return {
    status: 200,
    reason: null,
    durationSeconds: 0.25,
    startSeconds: 0,
    wait: null,
    phases: {},
    ...fields,
  };
}

/** The task after it succeeded in one attempt of `seconds`. */
export function succeeded(task: PendingTask, seconds = 0.125): SettledTask {
  const phases = { resolve: 0.001, connect: 0.002, processing: seconds - 0.004, transfer: 0.001 };
  return succeed(task, task.createdMonotonicMs + seconds * 1e3, {
    attempts: [attempt({ durationSeconds: seconds, phases })],
    phases,
  });
}

/** The task after it failed in one attempt of `seconds`. */
export function failed(
  task: PendingTask,
  reason: Reason = "server_error",
  seconds = 0.125,
): SettledTask {
  const phases = { connect: 0.001, processing: seconds - 0.001 };
  return fail(
    task,
    task.createdMonotonicMs + seconds * 1e3,
    { attempts: [attempt({ status: 500, reason, durationSeconds: seconds, phases })], phases },
    { reason, message: "status 500: it broke", body: "it broke" },
  );
}

/** A task of that number that failed without an attempt, with a message and a body of its own. */
export function failedTask(seqno: number, reason: Reason = "dns", datasetId = "a"): FailedTask {
  const task = pending({ seqno, datasetId, createdMonotonicMs: seqno * 10 });
  return fail(task, seqno * 10 + 5, { attempts: [], phases: {} }, {
    reason,
    message: `message ${seqno}`,
    body: `body ${seqno}`,
  });
}
