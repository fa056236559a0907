import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { TasksCommand } from "../../src/commands/command_line.ts";
import { showTasks } from "../../src/commands/tasks.ts";
import { taskToJson } from "../../src/core/task_json.ts";
import type { Backlog } from "../../src/probing/backlog.ts";
import { Screen } from "../../src/terminal/screen.ts";
import { backlogOf, openPending, runtimeOf, runtimeWith } from "../support/probe_stub.ts";
import { serverWith } from "../support/server.ts";
import { pending, succeeded } from "../support/tasks.ts";

const CONFIG = { host: "0.0.0.0", port: 8000, tls: null, bearerAuth: null, basicAuth: null };

const COMMAND: TasksCommand = {
  name: "tasks",
  url: new URL("http://probe.example/"),
  watch: false,
  json: false,
  rows: null,
};

/** What the command prints. */
async function printed(
  command: Partial<TasksCommand>,
  { runtime, stdout }: ReturnType<typeof runtimeWith>,
): Promise<string> {
  const { signal } = new AbortController();
  const full = { ...COMMAND, ...command };
  assertEquals(await showTasks(full, { utc: true }, CONFIG, runtime, null, signal), 0);
  return stdout.text;
}

Deno.test("tasks shows the newest task last, under the counts of the tracked tasks", async () => {
  const lines = (await printed({}, runtimeOf(backlogOf(25)))).split("\n");
  assertEquals(
    lines[0],
    "2026-10-24 12:00:00 +00:00  25 tracked: 2 pending, 18 succeeded, 5 failed",
  );
  assertEquals(lines.length, 1 + 1 + 20 + 1 + 1);
  assertEquals(lines[2]?.slice(0, 10), " 6 SUCCEED");
  assertEquals(lines[21]?.slice(0, 10), "25 SUCCEED");
  assertEquals(lines.slice(22), ["… and 5 older", ""]);
});

Deno.test("tasks with a filter names it and counts the matching tasks", async () => {
  const failures = await printed({ state: "FAILED", rows: 2 }, runtimeOf(backlogOf(25)));
  assert(failures.includes("5 failed (shown: failed)\n"), failures);
  assert(failures.endsWith("\n… and 3 older\n"), failures);
  const dataset = await printed({ datasetId: "abc123", rows: 2 }, runtimeOf(backlogOf(25)));
  assert(dataset.includes(" (shown: dataset abc123)\n"), dataset);
  assert(dataset.endsWith("\n… and older ones\n"), dataset);
});

Deno.test("tasks with a filter that no task matches says so", async () => {
  for (const filter of [{ datasetId: "nosuch" }, { state: "FAILED" as const }]) {
    const text = await printed(filter, runtimeOf(backlogOf(0)));
    assert(text.endsWith("  Reason\nno tracked task matches\n"), text);
  }
  assert(!(await printed({}, runtimeOf(backlogOf(0)))).includes("matches"));
  assert(!(await printed({ state: "FAILED" }, runtimeOf(backlogOf(25)))).includes("matches"));
});

Deno.test("tasks --json is one document as /tasks sends it, whatever the number of pages", async () => {
  const backlog = backlogOf(500);
  const document = JSON.parse(await printed({ json: true, rows: 450 }, runtimeOf(backlog)));
  const whole = await serverWith({ listTasks: (query) => backlog.page(query) })
    .request("/tasks?limit=450");
  const { tasks, next } = await whole.json();
  assertEquals(document.tasks, tasks);
  assertEquals({ ...document, tasks: [] }, {
    version: 1,
    app_id: "0a1b2c3d",
    environment: "dev",
    datasets: 1,
    tracked: { PENDING: 50, SUCCEEDED: 350, FAILED: 100 },
    tasks: [],
    next,
  });
});

const TASK = taskToJson(succeeded(pending({ seqno: 7 })), "0a1b2c3d");
const DOCUMENT = { version: 1, tasks: [TASK], next: null };

/** Responds as a probe that is too old to tell the states of its datasets. */
const respondWith = (document: unknown) => (path: string) =>
  path.startsWith("/tasks")
    ? Response.json(document)
    : Response.json({ error: "not found" }, { status: 404 });

Deno.test("tasks shows the state of each dataset over the table, as --table does", async () => {
  const dataset = {
    dataset_id: "abc123",
    state: "working",
    since: "2026-10-24T11:00:00.000Z",
    last_failure: null,
    recent: { window_seconds: 60, covered_seconds: 60, settled: 6, failed: 0, slow: 0 },
    outcomes: "ssssss",
    ratios: [{ window_seconds: 3600, covered_seconds: 3600, settled: 360, succeeded: 360 }],
  };
  const failing = {
    ...dataset,
    dataset_id: "def456",
    state: "failing",
    since: "2026-10-24T11:58:30.000Z",
    last_failure: { reason: "timeout" },
  };
  const status = { version: 1, environment: "prod", datasets: [failing, dataset, dataset] };
  const respond = (path: string) => Response.json(path.startsWith("/status") ? status : DOCUMENT);
  const lines = (await printed({ rows: 2 }, runtimeWith(respond))).split("\n");
  assertEquals(lines.slice(1, 3), [
    "failing   def456  100 % in 1 h  since 11:58:30 (1 min 30 s), timeout",
    "… and 2 more: 2 working",
  ]);
  assertEquals(lines[3]?.slice(0, 8), "#  State");
});

Deno.test("tasks shows its table where a proxy or another version has no such status", async () => {
  for (
    const status of [
      new Response("<html>", { status: 404 }),
      new Response("busy", { status: 503 }),
      Response.json({ version: 2, datasets: "many" }),
    ]
  ) {
    const respond = (path: string) => path.startsWith("/tasks") ? Response.json(DOCUMENT) : status;
    assertMatch((await printed({}, runtimeWith(respond))).split("\n")[1] ?? "", /^# +State /);
  }
});

Deno.test("tasks of a probe that reports no totals counts the shown tasks", async () => {
  const text = await printed({ rows: 1 }, runtimeWith(respondWith({ ...DOCUMENT, next: 7 })));
  assertStringIncludes(text, "  1 shown: 0 pending, 1 succeeded, 0 failed\n");
  assert(text.endsWith("\n… and older ones\n"), text);
});

Deno.test("tasks accepts fields and reasons of a newer probe", async () => {
  const task = { ...TASK, state: "FAILED", reason: "gremlins", colour: "red" };
  const document = { ...DOCUMENT, mood: "good", tasks: [task] };
  assertStringIncludes(await printed({}, runtimeWith(respondWith(document))), "  gremlins\n");
  const text = await printed({ json: true }, runtimeWith(respondWith(document)));
  assertEquals(JSON.parse(text), document);
});

/** The line of durations in each frame of a watch of three polls, and the requests of each poll. */
async function watchDurations(backlog: Backlog, command: Partial<TasksCommand> = {}) {
  const requests: string[] = [];
  const { runtime, stdout, clock } = runtimeOf(backlog, (path) => void requests.push(path));
  const size = { columns: 80, rows: 24 };
  const screen = new Screen({
    stdout,
    size: () => size,
    color: false,
    ascii: false,
    onResize() {},
  });
  const stop = new AbortController();
  const full = { ...COMMAND, ...command, watch: true };
  const ended = showTasks(full, { utc: true }, CONFIG, runtime, screen, stop.signal);
  const requestsByPoll: string[][] = [];
  for (const waitMs of [0, 1_000, 1_000]) {
    await clock.run(waitMs);
    const polled = requests.splice(0);
    assertEquals(polled.shift(), "/status", "each poll begins with the states of the datasets");
    requestsByPoll.push(polled);
  }
  stop.abort("SIGINT");
  assertEquals(await ended, 0);
  const lines = stdout.text.split("\x1b[3;1H").slice(1).map((text) => text.split("\x1b")[0] ?? "");
  return { lines, requestsByPoll };
}

Deno.test("tasks --watch fills the line of durations behind many pending tasks", async () => {
  const backlog = backlogOf(100);
  openPending(backlog, 120);
  for (const [command, listRequests] of [[{}, 0], [{ state: "PENDING" }, 1]] as const) {
    const { lines, requestsByPoll } = await watchDurations(backlog, command);
    const expected = 2 + listRequests;
    assertEquals(requestsByPoll.map(({ length }) => length), [expected, expected, expected]);
    const bars = /^[▁▂▃▄▅▆▇█×]+ {2}up to 125 ms$/;
    assertEquals(lines.map((line) => bars.test(line) && line.length), [80, 80, 80]);
  }
});

Deno.test("tasks --watch sends one request a second when no task is pending", async () => {
  const { requestsByPoll } = await watchDurations(backlogOf(8));
  assertEquals(requestsByPoll.slice(1), Array(2).fill(["/tasks?limit=80"]));
});

Deno.test("tasks --watch reads at most three pages at once", async () => {
  const backlog = backlogOf(0);
  openPending(backlog, 2_000);
  const { requestsByPoll } = await watchDurations(backlog);
  assertEquals(requestsByPoll.map(({ length }) => length), [3, 3, 3]);
});
