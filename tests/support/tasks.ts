import { fail, type PendingTask, type SettledTask, succeed } from "../../src/core/task.ts";
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

/** The task after it succeeded in one attempt of `seconds`. */
export function succeeded(task: PendingTask, seconds = 0.125): SettledTask {
  return succeed(task, task.createdMonotonicMs + seconds * 1e3, {
    attempts: [{ status: 200, reason: null, durationSeconds: seconds }],
    phases: { resolve: 0.001, connect: 0.002, processing: seconds - 0.004, transfer: 0.001 },
  });
}

/** The task after it failed in one attempt of `seconds`. */
export function failed(
  task: PendingTask,
  reason: Reason = "server_error",
  seconds = 0.125,
): SettledTask {
  return fail(
    task,
    task.createdMonotonicMs + seconds * 1e3,
    {
      attempts: [{ status: 500, reason, durationSeconds: seconds }],
      phases: { connect: 0.001, processing: seconds - 0.001 },
    },
    { reason, message: "status 500: it broke", body: "it broke" },
  );
}
