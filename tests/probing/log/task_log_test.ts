import { assert, assertEquals } from "@std/assert";
import type { News } from "../../../src/core/verdict/dataset_verdict.ts";
import {
  lineOf,
  logFailure,
  TaskLog,
  type TaskLogOptions,
} from "../../../src/probing/log/task_log.ts";
import type { Log } from "../../../src/runtime/log.ts";
import { at } from "../../support/at.ts";
import { FakeClock } from "../../support/clock.ts";
import { settle, startProgram } from "../../support/fake_runtime.ts";
import { keptLog } from "../../support/log.ts";
import { failed, pending, succeeded } from "../../support/tasks.ts";

Deno.test("the task log has a line a task, and the begin and the end of an outage stand out", async () => {
  const { clock, transport, logged } = await startProgram({ RETRIES: "0" });
  for (const status of [200, 500, 500, 404, 404, 200, 200]) {
    const call = transport.oldest;
    if (status === 200) call.succeed();
    else call.respond(status);
    await clock.run(10_000);
  }
  const lines = logged.filter(({ properties }) => "seqno" in properties)
    .filter(({ level }) => level !== "debug");
  assertEquals(lines.map((line) => `${line.level}: ${line.message}`), [
    "info: task 1 of abc123 succeeded in 0.000 s",
    "warn: task 2 of abc123 failed in 0.000 s: server_error: status 500",
    "warn: task 3 of abc123 failed in 0.000 s: server_error: status 500",
    "warn: FAILING: abc123 fails since 2026-10-24T12:00:10Z; " +
    "task 4 of abc123 failed in 0.000 s: not_found: status 404",
    "warn: task 5 of abc123 failed in 0.000 s: not_found: status 404",
    "info: RECOVERED: abc123 works again after 4 failed tasks since 2026-10-24T12:00:10Z; " +
    "task 6 of abc123 succeeded in 0.000 s",
    "info: task 7 of abc123 succeeded in 0.000 s",
  ]);
  const { properties } = at(lines, 1);
  for (const name of ["seqno", "dataset_id", "reason", "duration_seconds", "trace_id"]) {
    assert(name in properties, `no ${name}`);
  }
});

for (
  const [settings, link] of [
    [
      { PUBLIC_URL: "https://probe.example", DASHBOARD_URL: "https://grafana.example" },
      "https://probe.example/?dataset_id=abc123&state=failed",
    ],
    [
      { DASHBOARD_URL: "https://grafana.example" },
      `https://grafana.example?from=${
        Date.UTC(2026, 9, 24, 12)
      }&to=now&var-environment=local&var-dataset_id=abc123`,
    ],
  ] as const
) {
  Deno.test(`the line with which an outage begins leads to ${new URL(link).host}`, async () => {
    const { clock, transport, logged } = await startProgram({ RETRIES: "0", ...settings });
    for (let i = 0; i < 2; i++) {
      transport.oldest.respond(500);
      await clock.run(10_000);
    }
    const [line, ...others] = logged.filter(({ message }) => message.includes(link));
    assertEquals(
      line?.message,
      `FAILING: abc123 fails since 2026-10-24T12:00:00Z, see ${link}; ` +
        "task 1 of abc123 failed in 0.000 s: server_error: status 500",
    );
    assertEquals(others, []);
  });
}

Deno.test("the task log has each attempt at level debug, and a retried success names their number", async () => {
  const { clock, transport, logged } = await startProgram({ LOG_LEVEL: "debug" });
  transport.oldest.respond(503);
  await clock.run(250);
  transport.oldest.succeed();
  await settle();
  const lines = logged.filter(({ properties }) => "seqno" in properties);
  assertEquals(lines.map((line) => `${line.level}: ${line.message}`.replace(/0\.\d+ s/, "T")), [
    "debug: an attempt of task 1 ended in T: server_error, status 503",
    "debug: an attempt of task 1 ended in T: status 200",
    "info: task 1 of abc123 succeeded in T after 2 attempts",
  ]);
});

function taskLogOf(log: Log, options: Partial<TaskLogOptions> = {}): TaskLog {
  return new TaskLog({
    log,
    clock: new FakeClock(),
    newsOf: () => null,
    datasetIds: ["abc123"],
    taskIntervalSeconds: 10,
    ...options,
  });
}

Deno.test("the task log summarizes successes of more than five tasks a second", () => {
  const summarizes = (datasets: number, taskIntervalSeconds: number) =>
    taskLogOf(keptLog().log, {
      datasetIds: Array.from({ length: datasets }, (_, i) => `${i}`),
      taskIntervalSeconds,
    }).summarizes;
  assertEquals([summarizes(1, 0.2), summarizes(50, 10)], [false, false]);
  assertEquals([summarizes(1, 0.199), summarizes(51, 10)], [true, true]);
});

Deno.test("the task log of few tasks neither announces a summary nor makes one", () => {
  const { log, lines } = keptLog();
  const taskLog = taskLogOf(log);
  taskLog.announce();
  taskLog.summarize();
  assertEquals(lines, []);
});

Deno.test("the task log of many tasks has successes at debug, failures, turns, and a summary", async () => {
  const { log, lines } = keptLog();
  const clock = new FakeClock();
  const turns: News[] = [];
  const taskLog = taskLogOf(log, {
    clock,
    taskIntervalSeconds: 0.05,
    newsOf: () => turns.pop() ?? null,
  });
  taskLog.announce();
  taskLog.settled(succeeded(pending({ seqno: 1 })), undefined);
  taskLog.settled(failed(pending({ seqno: 2 })), undefined);
  turns.push({ change: "recovered", sinceMs: 0, lost: 3 });
  taskLog.settled(succeeded(pending({ seqno: 3 }), 2.5), undefined);
  await clock.run(60_000);
  taskLog.summarize();
  await clock.run(30_000);
  taskLog.summarize();
  assertEquals(lines.map(([level, message]) => `${level}: ${message}`), [
    "info: successes are logged at level debug and summarized every 60 s, since there are 20 tasks " +
    "a second; failures have a line each",
    "debug: task 1 of abc123 succeeded in 0.125 s",
    "warn: task 2 of abc123 failed in 0.125 s: server_error: status 500: it broke",
    "info: RECOVERED: abc123 works again after 3 failed tasks since 1970-01-01T00:00:00Z; " +
    "task 3 of abc123 succeeded in 2.500 s",
    "info: 2 of 3 tasks succeeded in 60 s, the slowest of them in 2.500 s",
    "info: no task was settled in 30 s",
  ]);
  assertEquals(lines.at(-2)?.[2], { succeeded: 2, failed: 1, window_seconds: 60 });
});

Deno.test("the main loop summarizes the successes of many tasks once a minute, and at its end", async () => {
  const { clock, transport, logged, stop, exitCode } = await startProgram({
    TASK_INTERVAL_SECONDS: "0.1",
    TASK_TIMEOUT_SECONDS: "200",
    REQUEST_TIMEOUT_SECONDS: "100",
  });
  transport.oldest.succeed();
  await clock.run(60_000);
  const infos = () => logged.filter(({ level }) => level === "info").map(({ message }) => message);
  assert(at(infos(), 1).startsWith("successes are logged at level debug"), infos().join("\n"));
  assertEquals(infos().slice(2), [
    "1 of 1 tasks succeeded in 60 s, the slowest of them in 0.000 s",
  ]);
  stop();
  await clock.run(10_000);
  await exitCode;
  assert(infos().some((line) => /^no task was settled in 8 s$/.test(line)), infos().join("\n"));
});

Deno.test("the task log asks for the news of each settled task, and counts one task as one", () => {
  const { log, lines } = keptLog();
  const sinceMs = Date.UTC(2026, 9, 24, 12, 0, 10, 700);
  const taskLog = taskLogOf(log, {
    newsOf: ({ seqno, state }) =>
      seqno === 1
        ? null
        : { change: state === "FAILED" ? "failing" : "recovered", sinceMs, lost: 1 },
  });
  for (const seqno of [1, 2]) taskLog.settled(failed(pending({ seqno })), new Error("broken"));
  taskLog.settled(succeeded(pending({ seqno: 3 })), undefined);
  assertEquals(lines.map(([level, message]) => `${level}: ${message}`.split(";")[0]), [
    "warn: task 1 of abc123 failed in 0.125 s: server_error: status 500: it broke",
    "warn: FAILING: abc123 fails since 2026-10-24T12:00:10Z",
    "info: RECOVERED: abc123 works again after 1 failed task since 2026-10-24T12:00:10Z",
  ]);
});

Deno.test("logFailure logs a fault of the probe as an error, with the stack of its cause", () => {
  const { log, lines } = keptLog();
  const task = failed(pending(), "internal");
  assert(task.state === "FAILED");
  const cause = new TypeError("undefined is not a function");
  logFailure(log, task, new Error("wrapped", { cause }));
  const [level, message, properties] = at(lines, 0);
  assertEquals([level, properties?.reason], ["error", "internal"]);
  const kept = "internal: status 500: it broke\nTypeError: undefined is not a function";
  assert(message.includes(kept), message);
  assert(message.includes("task_log_test.ts"), "no stack");
});

Deno.test("lineOf is one line of a one-off run, with the reason and the attempts", () => {
  assertEquals(
    lineOf(succeeded(pending({ seqno: 7 }))),
    "#7 abc123 SUCCEEDED in 0.125 s",
  );
  const task = failed(pending({ seqno: 8 }), "dns", 12.5);
  const retried = { ...task, attempts: [at(task.attempts, 0), at(task.attempts, 0)] };
  assertEquals(
    lineOf(retried),
    "#8 abc123 FAILED in 12.500 s after 2 attempts: dns: status 500: it broke",
  );
});

Deno.test("lineOf ends with the link to the trace of a failure, where there is one", () => {
  const traceUrl = "https://traces.example/{trace_id}";
  assertEquals(
    lineOf(failed(pending({ seqno: 8 }), "dns"), { traceUrl }),
    "#8 abc123 FAILED in 0.125 s: dns: status 500: it broke; " +
      `trace: https://traces.example/${pending().traceId}`,
  );
  assertEquals(lineOf(succeeded(pending()), { traceUrl }), "#1 abc123 SUCCEEDED in 0.125 s");
});
