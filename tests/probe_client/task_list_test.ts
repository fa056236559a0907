import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import type { FailedTask } from "../../src/core/task.ts";
import { taskToJson } from "../../src/core/task_json.ts";
import { MAX_BODY_BYTES } from "../../src/http_client/response.ts";
import { ProbeClientError } from "../../src/probe_client/errors.ts";
import { createProbeClient } from "../../src/probe_client/probe_client.ts";
import { PAGE_SIZE, readNewestTasks, toTaskList } from "../../src/probe_client/task_list.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { at } from "../support/at.ts";
import { backlogOf, openTask, runtimeOf, runtimeWith } from "../support/probe_stub.ts";
import { pending, succeeded } from "../support/tasks.ts";

const TASK = taskToJson(succeeded(pending({ seqno: 7 })), "0a1b2c3d");
const DOCUMENT = { version: 1, tasks: [TASK], next: null };

function read(runtime: Runtime, limit: number) {
  const client = createProbeClient(new URL("http://probe.example/"));
  return readNewestTasks(client, {}, limit, runtime, new AbortController().signal);
}

Deno.test("readNewestTasks neither repeats nor loses a task while others arrive and settle", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 900 }),
      fc.integer({ min: 1, max: 1_000 }),
      fc.array(fc.nat(400), { minLength: 1, maxLength: 6 }),
      async (size, limit, arrivals) => {
        const backlog = backlogOf(size);
        const { runtime } = runtimeOf(backlog, (_path, count) => {
          // Nothing changes before the first page.
          if (count === 1) return;
          for (let i = 0; i < at(arrivals, count % arrivals.length); i++) openTask(backlog);
          const { oldestPending } = backlog;
          if (oldestPending) backlog.settle(succeeded(oldestPending));
        });
        const { tasks } = await read(runtime, limit);
        const expected = Array.from({ length: Math.min(size, limit) }, (_, i) => size - i);
        assertEquals(tasks.map(({ seqno }) => seqno), expected);
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("a result page of the largest tasks is smaller than the largest response", () => {
  const reason = "invalid_response";
  const phases = {
    token: 12.123456,
    resolve: 12.123456,
    connect: 12.123456,
    tls: 12.123456,
    processing: 12.123456,
    transfer: 12.123456,
  };
  const task: FailedTask = {
    ...pending({ seqno: 1e15, datasetId: "x".repeat(128) }),
    state: "FAILED",
    reason,
    durationSeconds: 2_592_000.123456,
    attempts: Array(12).fill({
      status: 500,
      reason,
      durationSeconds: 12.123456,
      startSeconds: 2_592_000.123456,
      wait: "retry_after",
      phases,
    }),
    phases,
    message: "漢".repeat(400),
    body: "\x01".repeat(512),
  };
  const tasks = Array(PAGE_SIZE).fill(taskToJson(task, "y".repeat(128)));
  const document = { version: 1, app_id: "y".repeat(128), tasks, next: 1e15 };
  const size = new TextEncoder().encode(JSON.stringify(document)).length;
  assert(size + 1_000 < MAX_BODY_BYTES, `${size}`);
});

Deno.test("readNewestTasks tells a probe that is too busy from another server", async () => {
  const { runtime } = runtimeWith(() =>
    Response.json({ error: "too many concurrent requests" }, { status: 503 })
  );
  const error = await assertRejects(
    () => read(runtime, 10),
    ProbeClientError,
    "is busy: it refuses with 503: too many concurrent requests",
  );
  assertEquals(error.exitCode, 5);
});

const CONTRADICTIONS: [what: string, pages: unknown[]][] = [
  ["the same page again", [{ ...DOCUMENT, next: 7 }, { ...DOCUMENT, next: 7 }]],
  ["tasks out of order", [{ ...DOCUMENT, tasks: [TASK, { ...TASK, seqno: 8 }] }]],
  ["a task twice", [{ ...DOCUMENT, tasks: [TASK, TASK] }]],
  ["a next page that would repeat tasks", [{ ...DOCUMENT, next: 8 }]],
  [
    "another probe's second page",
    [{ ...DOCUMENT, app_id: "a", next: 7 }, { ...DOCUMENT, app_id: "b", tasks: [] }],
  ],
];

for (const [what, pages] of CONTRADICTIONS) {
  Deno.test(`readNewestTasks rejects ${what}`, async () => {
    const { runtime } = runtimeWith((_path, count) => Response.json(pages[count - 1]));
    const error = await assertRejects(
      () => read(runtime, 1_000),
      ProbeClientError,
      "contradict each other",
    );
    assertEquals(error.exitCode, 6);
  });
}

Deno.test("readNewestTasks reads the message of a failure, escaped, also from a probe without any", async () => {
  const failure = { ...TASK, state: "FAILED", reason: "connect" };
  const { message: _, ...old } = failure;
  for (
    const [task, expected] of [
      [{ ...failure, message: "connect ECONNREFUSED" }, "connect ECONNREFUSED"],
      [{ ...failure, message: "a\u001b[2Jb" }, "a\\u001b[2Jb"],
      [{ ...failure, message: null }, null],
      [old, null],
    ] as const
  ) {
    const { runtime } = runtimeWith(() => Response.json({ ...DOCUMENT, tasks: [task] }));
    const [row] = toTaskList(await read(runtime, 1), {}).rows;
    assertEquals([row?.reason, row?.message], ["connect", expected]);
  }
});

Deno.test("toTaskList counts the matching tasks that are older, as far as the probe reports them", () => {
  const tracked = { PENDING: 1, SUCCEEDED: 5, FAILED: 3 };
  const page = { ...DOCUMENT, version: 1 as const, next: 7, tracked };
  assertEquals(toTaskList(page, {}).older, 8);
  assertEquals(toTaskList(page, { state: "FAILED" }).older, 2);
  assertEquals(toTaskList(page, { datasetId: "abc123" }).older, null);
  assertEquals(toTaskList({ ...page, tracked: undefined }, {}).older, null);
  assertEquals(toTaskList({ ...page, next: null }, {}).older, 0);
});
