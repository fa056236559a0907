import { assert, assertEquals, assertMatch } from "@std/assert";
import { readJunit } from "../support/junit.ts";
import { DATASET_ID, linesOf, run, test } from "../support/program.ts";
import {
  occupyPort,
  respondWithDataset,
  startEmulator,
  startFickleServer,
  startServer,
  startWaitingServer,
} from "../support/targets.ts";
import { at } from "../support/at.ts";

const TASK_KEYS = [
  ...["seqno", "app_id", "dataset_id", "state", "created", "settled", "duration_seconds"],
  ...["reason", "message", "attempts", "phases", "trace_id", "body"],
];
const ATTEMPT_KEYS = [
  ...["status", "reason", "duration_seconds", "start_seconds", "wait", "phases"],
];
const COLUMNS = ["State", "Created", "Succeeded", "Failed", "Duration", "Attempts", "Reason"];

test("--once probes each dataset once and says so in one line each, with a summary", async () => {
  await using emulator = startEmulator();
  const { code, stdout, stderr } = await run({
    args: ["--once"],
    env: { DATASET_ID: "abc,def", OKDATA_API_URL: emulator.apiUrl, TASK_INTERVAL_SECONDS: "0.1" },
  });

  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  const lines = linesOf(stdout);
  // In the order in which they ended.
  const [first = "", second = ""] = lines.slice(0, 2).sort();
  assertMatch(first, /^#1 abc SUCCEEDED in \d+\.\d{3} s$/);
  assertMatch(second, /^#2 def SUCCEEDED in \d+\.\d{3} s$/);
  assertEquals(lines.slice(2), [
    `abc: working, 1 of 1 task succeeded; ${emulator.apiUrl}/abc`,
    `def: working, 1 of 1 task succeeded; ${emulator.apiUrl}/def`,
    "2 datasets: 2 of 2 tasks succeeded",
  ]);
  assertEquals(emulator.counts().by_status, { "200": 2 });
});

test("--count N probes each dataset N times, one interval apart, the datasets between", async () => {
  await using emulator = startEmulator();
  const { code, stdout } = await run({
    args: ["--count", "3", "--json"],
    env: { DATASET_ID: "abc,def", OKDATA_API_URL: emulator.apiUrl, TASK_INTERVAL_SECONDS: "0.4" },
  });

  assertEquals(code, 0);
  const { tasks } = JSON.parse(stdout);
  assertEquals(
    tasks.map((task: { dataset_id: string }) => task.dataset_id),
    ["abc", "def", "abc", "def", "abc", "def"],
  );
  const createdMs = tasks.map((task: { created: string }) => Date.parse(task.created));
  createdMs.forEach((ms: number, i: number) => {
    // The slots are 200 ms apart; on a busy machine the first may run late, and others not.
    assert(ms - createdMs[0] > i * 200 - 100, `task ${i + 1}: ${createdMs}`);
  });
  assertEquals(emulator.counts().requests, 6);
});

test("the request is the one that a user makes, and can be traced", async () => {
  await using target = startServer(respondWithDataset);
  const { stdout } = await run({
    args: ["--once", "--json"],
    env: { DATASET_ID, OKDATA_API_URL: `${target.url}/metadata/datasets` },
  });

  const { method, path, headers } = at(target.requests, 0);
  assertEquals([method, path], ["GET", `/metadata/datasets/${DATASET_ID}`]);
  assertEquals(headers.get("accept"), "application/json");
  assertMatch(headers.get("user-agent") ?? "", /^dataplatform-probe\/\d+\.\d+\.\d+$/);
  const { trace_id } = JSON.parse(stdout).tasks[0];
  assertMatch(trace_id, /^[0-9a-f]{32}$/);
  const pattern = new RegExp(`^00-${trace_id}-[0-9a-f]{16}-0[01]$`);
  assertMatch(headers.get("traceparent") ?? "", pattern);
});

test("--json is one document, with exactly the promised keys", async () => {
  await using target = startFickleServer();
  const { code, stdout, stderr } = await run({
    args: ["--count", "2", "--json"],
    env: { DATASET_ID, OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "0.01", APP_ID: "me" },
  });

  assertEquals({ code, stderr }, { code: 1, stderr: "" });
  const document = JSON.parse(stdout);
  assertEquals(Object.keys(document), [
    ...["version", "program_version", "environment", "url", "exit_code"],
    ...["wait_seconds", "max_duration_seconds", "counts", "datasets", "tasks"],
  ]);
  assertEquals(document.version, 1);
  const [succeeded, failed] = document.tasks;
  for (const task of [succeeded, failed]) {
    assertEquals(Object.keys(task), TASK_KEYS);
    assertEquals([task.app_id, task.dataset_id], ["me", DATASET_ID]);
    assertEquals(new Date(task.created).toISOString(), task.created);
    assertEquals(new Date(task.settled).toISOString(), task.settled);
    assert(task.duration_seconds > 0);
    assertEquals(task.attempts.length, 1);
    assertEquals(Object.keys(task.attempts[0]), ATTEMPT_KEYS);
    assertEquals(Object.keys(task.phases), ["connect", "processing", "transfer"]);
  }
  const { seqno, state, reason, body, attempts } = failed;
  assertEquals(
    { seqno, state, reason, body, status: attempts[0].status, attempt: attempts[0].reason },
    {
      seqno: 2,
      state: "FAILED",
      reason: "not_found",
      body: '{"message":"gone"}',
      status: 404,
      attempt: "not_found",
    },
  );
  assertEquals(
    [
      succeeded.seqno,
      succeeded.state,
      succeeded.reason,
      succeeded.body,
      succeeded.attempts[0].reason,
    ],
    [1, "SUCCEEDED", null, null, null],
  );
});

test("--table prints the table at the end, newest last", async () => {
  await using target = startFickleServer();
  const { code, stdout, stderr } = await run({
    args: ["--count", "3", "--table", "--utc"],
    env: { DATASET_ID, OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "0.1" },
  });

  assertEquals({ code, stderr }, { code: 1, stderr: "" });
  const lines = linesOf(stdout);
  const [heading = "", first = "", second = "", third = "", ...more] = lines.slice(
    lines.findIndex((line) => line.startsWith("# ")),
  );
  assertEquals(heading.trim().split(/\s+/), ["#", ...COLUMNS]);
  assertEquals(more, []);
  const time = "\\d\\d:\\d\\d:\\d\\d";
  assertMatch(first, new RegExp(`^1  SUCCEEDED  ${time}  ${time} +[\\d.]+ m?s +1$`));
  assertMatch(
    second,
    new RegExp(`^2  FAILED     ${time}  +${time}  +[\\d.]+ m?s +1  not_found$`),
  );
  assertMatch(third, /^3 /);
});

test("a failure that passes is retried, and the line says so", async () => {
  await using target = startServer((request, count) =>
    count <= 2 ? new Response("busy", { status: 503 }) : respondWithDataset(request)
  );
  const { code, stdout } = await run({
    args: ["--once"],
    // The waits between the attempts are random, and may be slow.
    env: { DATASET_ID, OKDATA_API_URL: target.url, SLO_LATENCY_SECONDS: "60" },
  });

  assertEquals(code, 0);
  assertMatch(stdout, /^#1 abc123 SUCCEEDED in \d+\.\d{3} s after 3 attempts\nabc123: working, /);
});

test("the forms for pipelines hold the same run, and end with its exit code", async () => {
  await using target = startServer(() => new Response("]]> \0\n::error::x", { status: 404 }));
  const env = { DATASET_ID, OKDATA_API_URL: target.url };
  const [junit, github, check] = await Promise.all([
    run({ args: ["--once", "--junit"], env }),
    run({ args: ["--count", "1", "--github"], env }),
    run({ args: ["--check", "--json"], env }),
  ]);

  const stderr = "";
  for (const { code, stderr: said } of [junit, github, check]) {
    assertEquals({ code, stderr: said }, { code: 1, stderr });
  }
  const [bad] = readJunit(junit.stdout).cases;
  const message = "not_found: status 404: ]]> \\u0000 ::error::x";
  assertEquals(bad?.children.failure?.attributes, { type: "not_found", message });
  assertEquals(
    linesOf(github.stdout).filter((line) => line.startsWith("::"))
      .map((line) => line.replace(/[0-9a-f]{32}/, "TOKEN").replace(/(?<==).*/, "…")),
    [
      ...["::stop-commands::TOKEN", "::TOKEN::", "::error title=…", "::group::Step summary"],
      ...["::stop-commands::TOKEN", "::TOKEN::", "::endgroup::"],
    ],
  );
  const { exit_code, findings } = JSON.parse(check.stdout);
  assertEquals([exit_code, findings.at(-1).reason], [1, "not_found"]);
});

test("--wait tries again until the platform is there", async () => {
  await using target = startServer((request, count) =>
    count <= 2 ? new Response("busy", { status: 503 }) : respondWithDataset(request)
  );
  const { code, stdout } = await run({
    args: ["--once", "--wait", "60", "--max-duration", "60"],
    env: { DATASET_ID, OKDATA_API_URL: target.url, RETRIES: "0", TASK_INTERVAL_SECONDS: "0.01" },
  });

  assertEquals(code, 0);
  assertMatch(
    stdout,
    /^#3 abc123 SUCCEEDED .*\nabc123: .*\nwaited .*: every dataset has succeeded$/m,
  );
});

test("REQUEST_TIMEOUT_SECONDS ends one attempt, TASK_TIMEOUT_SECONDS the task", async () => {
  await using platform = startWaitingServer();
  const env = { DATASET_ID, OKDATA_API_URL: platform.url };
  const [attempts, task] = await Promise.all([
    run({
      args: ["--once", "--json"],
      env: { ...env, REQUEST_TIMEOUT_SECONDS: "0.1", RETRIES: "1" },
    }),
    run({
      args: ["--once", "--json"],
      env: { ...env, TASK_TIMEOUT_SECONDS: "0.3", RETRIES: "10" },
    }),
  ]);

  const first = JSON.parse(attempts.stdout).tasks[0];
  assertEquals([attempts.code, first.reason, first.attempts.length], [4, "timeout", 2]);
  const second = JSON.parse(task.stdout).tasks[0];
  assertEquals([task.code, second.reason, second.attempts.length], [4, "timeout", 1]);
  // The limit counts from the task's creation, the duration from its connection.
  assert(second.duration_seconds > 0.2 && second.duration_seconds < 1, second.duration_seconds);
});

test("a one-off run opens no port", async () => {
  await using emulator = startEmulator();
  // The run would be refused if it wanted this port.
  using taken = occupyPort();
  for (const args of [["--once"], ["--count", "2", "--json"], ["--once", "--table"]]) {
    const { code, stderr } = await run({
      args,
      env: {
        DATASET_ID,
        OKDATA_API_URL: emulator.apiUrl,
        PORT: String(taken.port),
        TASK_INTERVAL_SECONDS: "0.01",
      },
    });

    assertEquals({ code, stderr }, { code: 0, stderr: "" });
  }
});
