import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { Backlog } from "../../src/probing/backlog.ts";
import type { TasksCommand } from "../../src/commands/command_line.ts";
import { newestTasks, PAGE } from "../../src/probe_client/task_list.ts";
import { type Exchange, MAX_BODY_BYTES } from "../../src/http_client/exchange.ts";
import { probeClientAt } from "../../src/probe_client/probe_client.ts";
import { ProbeClientError } from "../../src/probe_client/errors.ts";
import { Screen } from "../../src/terminal/screen.ts";
import type { FailedTask, Task } from "../../src/core/task.ts";
import { taskToJson } from "../../src/core/task_json.ts";
import { showTasks } from "../../src/commands/tasks.ts";
import { fakeGround } from "../support/fake_runtime.ts";
import { serverWith } from "../support/server.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

const URL_OF_PROBE = new URL("http://probe.example/");

const LOCAL = { host: "0.0.0.0", port: 8000, tls: null, bearerAuth: null, basicAuth: null };
const COMMAND: TasksCommand = {
  ...{ name: "tasks", url: URL_OF_PROBE, watch: false, json: false, rows: null },
};

/** A runtime on which requests are answered by `answer`. */
function groundWith(answer: (path: string, count: number) => Response | Promise<Response>) {
  const fakes = fakeGround();
  let count = 0;
  const exchange: Exchange = async ({ url }) => {
    const response = await answer(url.pathname + url.search, ++count);
    const body = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, headers: Object.fromEntries(response.headers), body };
  };
  return { ...fakes, runtime: { ...fakes.runtime, exchange } };
}

/** A runtime on which the endpoints of a probe with this backlog answer; `before` comes first. */
function groundOf(
  backlog: Backlog,
  before: (count: number, path: string) => void = () => {},
) {
  const server = serverWith({
    listTasks: (query) => backlog.page(query),
    trackedCounts: () => backlog.counts,
  });
  return groundWith(async (path, count) => {
    before(count, path);
    return await server.request(path);
  });
}

/** Opens a task and gives it the state that follows from its number: two of ten fail. */
function openOne(backlog: Backlog): Task {
  const { seqno: _, ...fields } = pending();
  const task = backlog.open(fields);
  if (task.seqno % 10 === 9) return task;
  const settled = task.seqno % 10 < 2 ? failed(task) : succeeded(task);
  backlog.settle(settled);
  return settled;
}

function backlogOf(size: number): Backlog {
  const backlog = new Backlog(1e6, () => {});
  for (let i = 0; i < size; i++) openOne(backlog);
  return backlog;
}

async function printed(command: Partial<TasksCommand>, fakes: ReturnType<typeof groundOf>) {
  const { runtime, stdout } = fakes;
  const signal = new AbortController().signal;
  const all = { ...COMMAND, ...command };
  assertEquals(await showTasks(all, { utc: true }, LOCAL, runtime, null, signal), 0);
  return stdout.text;
}

Deno.test("tasks shows the newest last, under what is tracked", async () => {
  const fakes = groundOf(backlogOf(25));
  const lines = (await printed({}, fakes)).split("\n");
  assertEquals(
    lines[0],
    "2026-10-24 12:00:00 +00:00  25 tracked: 2 pending, 18 succeeded, 5 failed",
  );
  assertEquals(lines.length, 1 + 1 + 20 + 1 + 1);
  assertEquals(lines[2].slice(0, 10), " 6 SUCCEED");
  assertEquals(lines[21].slice(0, 10), "25 SUCCEED");
  assertEquals(lines.slice(22), ["… and 5 older", ""]);
});

Deno.test("tasks of one state, and of one dataset, say so and count only those", async () => {
  const failures = await printed({ state: "FAILED", rows: 2 }, groundOf(backlogOf(25)));
  assert(failures.includes("5 failed (shown: failed)\n"), failures);
  assert(failures.endsWith("\n… and 3 older\n"), failures);
  const dataset = await printed({ datasetId: "abc123", rows: 2 }, groundOf(backlogOf(25)));
  assert(dataset.includes(" (shown: dataset abc123)\n"), dataset);
  assert(dataset.endsWith("\n… and older ones\n"), dataset);
});

Deno.test("tasks where none fits says so under the heading", async () => {
  for (const filter of [{ datasetId: "nosuch" }, { state: "FAILED" as const }]) {
    const text = await printed(filter, groundOf(backlogOf(0)));
    assert(text.endsWith("  Reason\nno tracked task fits\n"), text);
  }
  assert(!(await printed({}, groundOf(backlogOf(0)))).includes("fits"));
  assert(!(await printed({ state: "FAILED" }, groundOf(backlogOf(25)))).includes("fits"));
});

/** The line of durations in each frame of a watch of three looks, and the requests of each. */
async function durationsWatched(backlog: Backlog, command: Partial<TasksCommand> = {}) {
  const requests: string[] = [];
  const { runtime, stdout, clock } = groundOf(backlog, (_count, path) => void requests.push(path));
  const size = { columns: 80, rows: 24 };
  const screen = new Screen({ stdout, size: () => size, color: false, onResize() {} });
  const stop = new AbortController();
  const all = { ...COMMAND, ...command, watch: true };
  const ended = showTasks(all, { utc: true }, LOCAL, runtime, screen, stop.signal);
  const perLook: string[][] = [];
  for (let look = 0; look < 3; look++) {
    await clock.run(look === 0 ? 0 : 1_000);
    perLook.push(requests.splice(0));
  }
  stop.abort("SIGINT");
  assertEquals(await ended, 0);
  const frames = stdout.text.split("\x1b[3;1H").slice(1).map((text) => text.split("\x1b")[0]);
  return { frames, requests: perLook };
}

Deno.test("a watch shows the durations behind many pending tasks, with few requests", async () => {
  const backlog = backlogOf(100);
  const { seqno: _, ...fields } = pending();
  for (let i = 0; i < 300; i++) backlog.open(fields);
  for (const [command, table] of [[{}, 0], [{ state: "PENDING" }, 1]] as const) {
    const { frames, requests } = await durationsWatched(backlog, command);
    assertEquals(requests.map((each) => each.length), [2, 2, 2].map((each) => each + table));
    const bars = /^[▁▂▃▄▅▆▇█×]+ {2}up to 125 ms$/;
    assertEquals(frames.map((line) => bars.test(line) && line.length), [80, 80, 80]);
  }
});

Deno.test("a watch asks once a second where nothing is pending", async () => {
  const backlog = backlogOf(8);
  const { requests } = await durationsWatched(backlog);
  assertEquals(requests.slice(1), Array(2).fill(["/tasks?limit=80"]));
});

Deno.test("a watch reads three pages at most, however many tasks are pending", async () => {
  const { seqno: _, ...fields } = pending();
  const backlog = backlogOf(0);
  for (let i = 0; i < 2_000; i++) backlog.open(fields);
  const { requests } = await durationsWatched(backlog);
  assertEquals(requests.map((each) => each.length), [3, 3, 3]);
});

Deno.test("--json is one document as /tasks gives it, whatever the number of pages", async () => {
  const document = JSON.parse(await printed({ json: true, rows: 450 }, groundOf(backlogOf(500))));
  const whole = await serverWith({ listTasks: (query) => backlogOf(500).page(query) })
    .request("/tasks?limit=450");
  const { tasks, next } = await whole.json();
  assertEquals(document.tasks, tasks);
  assertEquals({ ...document, tasks: [] }, {
    ...{ version: 1, app_id: "0a1b2c3d", datasets: 1 },
    tracked: { PENDING: 50, SUCCEEDED: 350, FAILED: 100 },
    ...{ tasks: [], next },
  });
});

Deno.test("paging neither repeats nor loses a task while new ones arrive and others settle", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 900 }),
      fc.integer({ min: 1, max: 1_000 }),
      fc.array(fc.nat(400), { minLength: 1, maxLength: 6 }),
      async (size, rows, arrivals) => {
        const backlog = backlogOf(size);
        const fakes = groundOf(backlog, (count) => {
          // The first page comes before anything changes.
          if (count === 1) return;
          for (let i = 0; i < arrivals[count % arrivals.length]; i++) openOne(backlog);
          const { oldestPending } = backlog;
          if (oldestPending) backlog.settle(succeeded(oldestPending));
        });
        const signal = new AbortController().signal;
        const { tasks } = await newestTasks(
          probeClientAt(URL_OF_PROBE),
          {},
          rows,
          fakes.runtime,
          signal,
        );
        const expected = Array.from({ length: Math.min(size, rows) }, (_, i) => size - i);
        assertEquals(tasks.map(({ seqno }) => seqno), expected);
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("a page of the largest tasks that there are fits an answer", () => {
  const reason = "invalid_response";
  const attempt = { status: 500, reason, durationSeconds: 12.123456 } as const;
  const phases = { token: 1.123456, resolve: 1.123456, connect: 1.123456, tls: 1.123456 };
  const task: FailedTask = {
    ...pending({ seqno: 1e15, datasetId: "x".repeat(128) }),
    ...{ state: "FAILED", reason, durationSeconds: 2_592_000.123456 },
    attempts: Array(12).fill(attempt),
    phases: { ...phases, processing: 1.123456, transfer: 1.123456 },
    body: "\x01".repeat(512),
  };
  const tasks = Array(PAGE).fill(taskToJson(task, "y".repeat(128)));
  const size = JSON.stringify({ version: 1, app_id: "y".repeat(128), tasks, next: 1e15 }).length;
  assert(size + 1_000 < MAX_BODY_BYTES, `${size}`);
});

const TASK = taskToJson(succeeded(pending({ seqno: 7 })), "0a1b2c3d");
const DOCUMENT = { version: 1, tasks: [TASK], next: null };

Deno.test("a probe that tells no totals, as older ones do, is shown all the same", async () => {
  const answer = () => Response.json({ ...DOCUMENT, next: 7 });
  const text = await printed({ rows: 1 }, groundWith(answer));
  assert(text.includes("  1 shown: 0 pending, 1 succeeded, 0 failed\n"), text);
  assert(text.endsWith("\n… and older ones\n"), text);
});

Deno.test("fields and reasons of a newer probe are no hindrance", async () => {
  const task = { ...TASK, state: "FAILED", reason: "gremlins", colour: "red" };
  const answer = () => Response.json({ ...DOCUMENT, mood: "good", tasks: [task] });
  assert((await printed({}, groundWith(answer))).includes("  gremlins\n"));
  const document = JSON.parse(await printed({ json: true }, groundWith(answer)));
  assertEquals(document, { ...DOCUMENT, mood: "good", tasks: [task] });
});

const PAGES: [what: string, pages: unknown[]][] = [
  ["the same page again", [{ ...DOCUMENT, next: 7 }, { ...DOCUMENT, next: 7 }]],
  ["no order", [{ ...DOCUMENT, tasks: [TASK, { ...TASK, seqno: 8 }] }]],
  ["a number twice", [{ ...DOCUMENT, tasks: [TASK, TASK] }]],
  ["a next page that would repeat", [{ ...DOCUMENT, next: 8 }]],
  [
    "another probe's second page",
    [{ ...DOCUMENT, app_id: "a", next: 7 }, { ...DOCUMENT, app_id: "b", tasks: [] }],
  ],
];

for (const [what, pages] of PAGES) {
  Deno.test(`pages with ${what} are refused rather than shown`, async () => {
    const fakes = groundWith((_path, count) => Response.json(pages[count - 1]));
    const error = await assertRejects(
      () =>
        newestTasks(
          probeClientAt(URL_OF_PROBE),
          {},
          1_000,
          fakes.runtime,
          new AbortController().signal,
        ),
      ProbeClientError,
      "do not fit together",
    );
    assertEquals(error.exitCode, 6);
  });
}
