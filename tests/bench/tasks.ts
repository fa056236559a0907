import type { Backlog } from "../../src/probing/backlog.ts";
import { fail, succeed } from "../../src/core/task.ts";

/** One of `failEvery` tasks fails; none when it is 0. */
type Filling = { first: number; count: number; failEvery?: number };

/** Opens and settles tasks in the backlog, created a millisecond apart. */
export function fill(backlog: Backlog, { first, count, failEvery = 0 }: Filling): void {
  for (let nth = first; nth < first + count; nth++) {
    const task = backlog.open({
      datasetId: "abc123",
      traceId: nth.toString(16).padStart(32, "0"),
      createdMs: 1_795_000_000_000 + nth,
      createdMonotonicMs: nth,
    });
    const durationSeconds = 0.01 + (nth % 1000) / 1e6;
    const endMs = nth + durationSeconds * 1e3;
    const phases = { connect: 0.001, processing: durationSeconds - 0.002, transfer: 0.001 };
    const attempt = { durationSeconds, startSeconds: 0, wait: null, phases };
    const isFailure = failEvery > 0 && nth % failEvery === 0;
    backlog.settle(
      isFailure
        ? fail(task, endMs, {
          attempts: [{ ...attempt, status: 503, reason: "server_error" }],
          phases,
        }, { reason: "server_error", message: "status 503", body: null })
        : succeed(task, endMs, {
          attempts: [{ ...attempt, status: 200, reason: null }],
          phases,
        }),
    );
  }
}
