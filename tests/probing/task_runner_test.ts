import { assert, assertEquals, assertRejects } from "@std/assert";
import type { PendingTask, SettledTask } from "../../src/core/task.ts";
import type { TaskObserver } from "../../src/core/task_observer.ts";
import { RequestError } from "../../src/http_client/errors.ts";
import type { DatasetRequest } from "../../src/okdata/client.ts";
import { Backlog } from "../../src/probing/backlog.ts";
import { createTaskRunner, type TaskRunnerOptions } from "../../src/probing/task_runner.ts";
import { at } from "../support/at.ts";
import { FakeClock } from "../support/clock.ts";
import { attempt } from "../support/tasks.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";

/** A runner whose requests hang until the test settles them. */
function start(options: Partial<TaskRunnerOptions> = {}) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const backlog = new Backlog(100, () => {});
  const requests: { request: DatasetRequest; response: PromiseWithResolvers<void> }[] = [];
  const created: PendingTask[] = [];
  const settled: [SettledTask, error: unknown][] = [];
  const run = createTaskRunner({
    getDataset(request) {
      const response = Promise.withResolvers<void>();
      requests.push({ request, response });
      return response.promise;
    },
    clock,
    trace: (body) => body(TRACE_ID),
    backlog,
    maxInFlight: 2,
    connectionsClosing: () => 0,
    observer: {
      created: (task) => created.push(task),
      settled: (task, error) => settled.push([task, error]),
    },
    ...options,
  });
  return {
    clock,
    stop,
    backlog,
    created,
    settled,
    run: (datasetId = "abc123") => run(datasetId, stop.signal),
    /** The request that was made last. */
    newest: () => at(requests, requests.length - 1),
  };
}

Deno.test("the runner opens a task, and notifies of it, before it returns", () => {
  const { clock, backlog, created, run, newest } = start();
  clock.advance(1_000);
  void run("abc123");
  const [task] = created;
  assertEquals(task, {
    state: "PENDING",
    seqno: 1,
    datasetId: "abc123",
    traceId: TRACE_ID,
    createdMs: clock.now(),
    createdMonotonicMs: 1_000,
    execution: { attempts: [], phases: {} },
  });
  assertEquals(backlog.counts, { PENDING: 1, SUCCEEDED: 0, FAILED: 0 });
  const { seqno, datasetId, traceId } = newest().request;
  assertEquals([seqno, datasetId, traceId], [1, "abc123", TRACE_ID]);
});

Deno.test("the runner settles a success with the execution that the client filled in", async () => {
  const { clock, backlog, settled, run, newest } = start();
  const result = run();
  const { request: { execution }, response } = newest();
  execution.phases = { processing: 0.5 };
  execution.attempts.push(attempt({ durationSeconds: 0.5, phases: execution.phases }));
  clock.advance(500);
  response.resolve();
  const task = await result;
  assert(task?.state === "SUCCEEDED");
  assertEquals([task.durationSeconds, task.phases], [0.5, { processing: 0.5 }]);
  assertEquals(settled, [[task, undefined]]);
  assertEquals(backlog.find(1), task);
});

Deno.test("the runner settles a failure with its reason, message and body, and passes on the error", async () => {
  const { backlog, settled, run, newest } = start();
  const result = run();
  const response = { status: 500, body: "it broke", retryAfterMs: null };
  const error = new RequestError("server_error", "status 500", { response });
  newest().response.reject(error);
  const task = await result;
  assert(task?.state === "FAILED");
  const { reason, message, body } = task;
  assertEquals([reason, message, body], ["server_error", "status 500", "it broke"]);
  assertEquals(settled, [[task, error]]);
  assertEquals(backlog.find(1), task);
});

Deno.test("the runner makes an unexpected error internal, without a body", async () => {
  const { settled, run, newest } = start();
  const result = run();
  const error = new TypeError("undefined is not a function");
  newest().response.reject(error);
  const task = await result;
  assert(task?.state === "FAILED");
  assertEquals([task.reason, task.body, settled], ["internal", null, [[task, error]]]);
  assertEquals(
    task.message,
    "internal error, see the probe's log: undefined is not a function",
  );
});

Deno.test("the runner leaves a task pending when the signal aborted first", async () => {
  const { stop, backlog, settled, run, newest } = start();
  const result = run();
  stop.abort(new Error("the probe has stopped"));
  newest().response.reject(stop.signal.reason);
  assertEquals([await result, settled], [null, []]);
  assertEquals(backlog.counts, { PENDING: 1, SUCCEEDED: 0, FAILED: 0 });
});

Deno.test("the runner settles a success that arrives after the signal aborted", async () => {
  const { stop, run, newest } = start();
  const result = run();
  stop.abort();
  newest().response.resolve();
  assertEquals((await result)?.state, "SUCCEEDED");
});

Deno.test("the runner creates no task beyond the limit, and one again after a settlement", async () => {
  const { created, run, newest } = start();
  const results = [run("a"), run("b"), run("c")];
  assertEquals(results.map((result) => result !== null), [true, true, false]);
  assertEquals(created.map(({ datasetId }) => datasetId), ["a", "b"]);
  newest().response.resolve();
  await results[1];
  assert(run("c") !== null);
});

Deno.test("the runner counts connections that are not closed yet among those in flight", () => {
  let closing = 2;
  const { run } = start({ connectionsClosing: () => closing });
  assertEquals(run(), null);
  closing = 1;
  assert(run() !== null);
  assertEquals(run(), null);
});

Deno.test("the runner runs each task in a trace that lasts until the task has ended", async () => {
  const events: string[] = [];
  const { run, newest } = start({
    async trace(body) {
      events.push("begins");
      try {
        return await body("ab".repeat(16));
      } finally {
        events.push("ends");
      }
    },
  });
  const result = run();
  assertEquals([events, newest().request.traceId], [["begins"], "ab".repeat(16)]);
  newest().response.resolve();
  await result;
  assertEquals(events, ["begins", "ends"]);
});

Deno.test("the runner rejects when an observer throws: an invariant is broken", async () => {
  const broken: TaskObserver = {
    settled() {
      throw new Error("broken on purpose");
    },
  };
  const { backlog, run, newest } = start({ observer: broken });
  const result = run();
  newest().response.resolve();
  await assertRejects(async () => await result, Error, "broken on purpose");
  assertEquals(backlog.counts, { PENDING: 0, SUCCEEDED: 1, FAILED: 0 });
});

Deno.test("the backlog has the task in the instant in which an observer learns of it", async () => {
  const counts: unknown[] = [];
  const backlog = new Backlog(100, () => {});
  const observer: TaskObserver = {
    created: () => counts.push(backlog.counts),
    settled: () => counts.push(backlog.counts),
  };
  const { run, newest } = start({ backlog, observer });
  const result = run();
  newest().response.resolve();
  await result;
  assertEquals(counts, [
    { PENDING: 1, SUCCEEDED: 0, FAILED: 0 },
    { PENDING: 0, SUCCEEDED: 1, FAILED: 0 },
  ]);
});
