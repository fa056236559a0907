import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { settle } from "../../support/clock.ts";
import { Kept } from "../../support/fake_runtime.ts";
import { startOneOff as start } from "../../support/one_off.ts";

Deno.test("a one-off run prints a line a task and exits with 0 when all succeed", async () => {
  const { transport, stdout, exitCode } = await start({ DATASET_ID: "a,b" });
  assertEquals(transport.open.map(({ request }) => request.url.pathname), ["/a", "/b"]);
  for (const call of [...transport.open]) call.succeed();
  assertEquals(await exitCode, 0);
  assertEquals(stdout.text.split("\n"), [
    "#1 a SUCCEEDED in 0.000 s",
    "#2 b SUCCEEDED in 0.000 s",
    "a: working, 1 of 1 task succeeded; http://api/a",
    "b: working, 1 of 1 task succeeded; http://api/b",
    "2 datasets: 2 of 2 tasks succeeded",
    "",
  ]);
});

Deno.test("a one-off run prints lines in the order in which tasks end", async () => {
  const { transport, stdout, exitCode } = await start({ DATASET_ID: "a,b" });
  transport.open[1]?.succeed();
  await settle();
  transport.oldest.succeed();
  await exitCode;
  assertEquals(stdout.text.match(/^#../gm), ["#2 ", "#1 "]);
});

Deno.test("a one-off run with a failure among successes exits with its code", async () => {
  const { transport, stdout, exitCode } = await start({ DATASET_ID: "a,b" });
  transport.oldest.succeed();
  transport.oldest.respond(200, "not a dataset");
  assertEquals(await exitCode, 6);
  assertEquals(stdout.text.split("\n"), [
    "#1 a SUCCEEDED in 0.000 s",
    "#2 b FAILED in 0.000 s: invalid_response: the body is not JSON: not a dataset",
    "a: working, 1 of 1 task succeeded; http://api/a",
    "b: failing, 0 of 1 task succeeded, 1 failed (invalid_response); http://api/b",
    "2 datasets: 1 of 2 tasks succeeded, 1 failed (invalid_response)",
    "",
  ]);
});

Deno.test("a one-off run says where to look further when a dataset fails, and only then", async () => {
  const env = {
    DATASET_ID: "a,b",
    PUBLIC_URL: "https://probe.example",
    DASHBOARD_URL: "https://grafana.example/d/probe",
  };
  const failing = await start(env);
  failing.transport.oldest.succeed();
  failing.transport.oldest.respond(404);
  await failing.exitCode;
  assertEquals(failing.stdout.text.split("\n").slice(-3), [
    "running probe: https://probe.example/?dataset_id=b&state=failed",
    "dashboard: https://grafana.example/d/probe?from=now-1h&to=now&var-environment=local&" +
    "var-dataset_id=b",
    "",
  ]);
  const working = await start(env);
  for (const call of [...working.transport.open]) call.succeed();
  await working.exitCode;
  assert(!working.stdout.text.includes("example"), working.stdout.text);
});

Deno.test("a one-off run exits with the code that all failures share, and 1 for different ones", async () => {
  const outcomes = async (...codes: string[]) => {
    const { transport, exitCode } = await start({ DATASET_ID: "a,b" });
    for (const [i, call] of [...transport.open].entries()) call.breakOff(codes[i] ?? "");
    return await exitCode;
  };
  assertEquals(await outcomes("ENOTFOUND", "ECONNREFUSED"), 5);
  assertEquals(await outcomes("ENOTFOUND", "HPE_INVALID_CONSTANT"), 1);
});

Deno.test("a run of several tasks starts them an interval apart, spread over the datasets", async () => {
  const env = { DATASET_ID: "a,b", TASK_INTERVAL_SECONDS: "10" };
  const { clock, transport, exitCode } = await start(env, { count: 2 });
  const started: [path: string, ms: number][] = [];
  const startMs = clock.monotonic();
  for (let i = 0; i < 8; i++) {
    for (const call of [...transport.open]) {
      started.push([call.request.url.pathname, clock.monotonic() - startMs]);
      call.succeed();
    }
    await clock.run(2_500);
  }
  assertEquals(started, [["/a", 0], ["/b", 5_000], ["/a", 10_000], ["/b", 15_000]]);
  assertEquals([await exitCode, clock.waiting], [0, 0]);
});

Deno.test("a run waits for a slot while too many tasks are in flight, and loses none", async () => {
  const env = { MAX_IN_FLIGHT_TASKS: "1", TASK_INTERVAL_SECONDS: "1" };
  const { clock, transport, stdout, logged, exitCode } = await start(env, { count: 2 });
  await clock.run(2_000);
  assertEquals(transport.requests.length, 1);
  assertEquals(logged.map(({ level, message }) => `${level}: ${message}`), [
    "warn: abc123 waits: too many tasks are in flight",
    "warn: abc123 waits: too many tasks are in flight",
  ]);
  transport.oldest.succeed();
  await clock.run(1_000);
  transport.oldest.succeed();
  await exitCode;
  assertEquals(stdout.text.match(/SUCCEEDED/g)?.length, 2);
});

Deno.test("the summary of a run has the verdict that the main loop would have", async () => {
  const env = { TASK_INTERVAL_SECONDS: "1" };
  const { clock, transport, stdout, exitCode } = await start(env, { count: 4 });
  for (const isGood of [true, false, true, false]) {
    if (isGood) transport.oldest.succeed();
    else transport.oldest.breakOff("ENOTFOUND");
    await clock.run(1_000);
  }
  assertEquals(await exitCode, 5);
  assertStringIncludes(
    stdout.text,
    "\nabc123: unsteady, 2 of 4 tasks succeeded, 2 failed (dns); http://api/abc123\n",
  );
});

Deno.test("a run colours states on a terminal alone", async () => {
  const { transport, stdout, exitCode } = await start({ DATASET_ID: "a,FAILED" }, { color: true });
  transport.oldest.succeed();
  transport.oldest.breakOff("ENOTFOUND");
  await exitCode;
  assertStringIncludes(stdout.text, "#1 a \x1b[32mSUCCEEDED\x1b[0m in ");
  assertStringIncludes(stdout.text, "#2 FAILED \x1b[31mFAILED\x1b[0m in ");
  assertStringIncludes(stdout.text, "a: \x1b[32mworking\x1b[0m, ");
  assertStringIncludes(stdout.text, "FAILED: \x1b[31mfailing\x1b[0m, ");
});

Deno.test("an interrupted run says which tasks were abandoned", async () => {
  const { transport, stdout, stop, exitCode } = await start({ DATASET_ID: "a,b" });
  transport.oldest.succeed();
  await settle();
  stop.abort("SIGINT");
  assertEquals(await exitCode, 130);
  assertStringIncludes(stdout.text, "\nb: starting, 0 of 0 tasks succeeded, 1 abandoned; ");
});

Deno.test("--json is one document with the tasks in the order of their numbers", async () => {
  const { transport, stdout, exitCode } = await start({ DATASET_ID: "a,b" }, { output: "json" });
  transport.open[1]?.respond(404, "no \x1b[2J such");
  await settle();
  assertEquals(stdout.text, "");
  transport.oldest.succeed();
  assertEquals(await exitCode, 1);
  assert(!stdout.text.includes("\x1b"));
  const { version, tasks } = JSON.parse(stdout.text);
  assertEquals(version, 1);
  assertEquals(
    tasks.map((
      { seqno, dataset_id, state, reason, body }: Record<string, unknown>,
    ) => [seqno, dataset_id, state, reason, body]),
    [
      [1, "a", "SUCCEEDED", null, null],
      [2, "b", "FAILED", "not_found", "no \x1b[2J such"],
    ],
  );
});

Deno.test("an interrupted run exits with 130 or 143, and its document has the pending tasks", async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const { transport, stdout, stop, exitCode } = await start({ DATASET_ID: "a,b" }, {
      output: "json",
    });
    transport.oldest.succeed();
    await settle();
    stop.abort(signal);
    assertEquals([await exitCode, transport.open.length], [code, 0]);
    const { tasks } = JSON.parse(stdout.text);
    const states = tasks.map(({ state }: { state: string }) => state);
    assertEquals(states, ["SUCCEEDED", "PENDING"]);
  }
});

Deno.test("--table prints the table after the lines", async () => {
  const { transport, stdout, exitCode } = await start({}, { table: true });
  transport.oldest.succeed();
  await exitCode;
  const [line, ...table] = stdout.text.split("\n");
  assertEquals(line, "#1 abc123 SUCCEEDED in 0.000 s");
  assertStringIncludes(table.join("\n"), "1 tracked: 0 pending, 1 succeeded, 0 failed\n");
});

Deno.test("a run shows on a terminal how many tasks have ended, and removes that at the end", async () => {
  const progress = new Kept();
  const { transport, stdout, exitCode } = await start({ DATASET_ID: "a,b" }, { progress });
  for (const call of [...transport.open]) call.succeed();
  await exitCode;
  const clear = "\r\x1b[K";
  const shown = ["", "1 of 2 tasks", "2 of 2 tasks", ""];
  assertEquals(progress.text, shown.join(clear));
  assert(!stdout.text.includes("1 of 2 tasks"));
});

Deno.test("a run prints the message of a failure in its line and in the JSON document", async () => {
  for (const output of ["lines", "json"] as const) {
    const { transport, stdout, exitCode } = await start({ RETRIES: "0" }, { output });
    transport.oldest.respond(404, "no such dataset");
    assertEquals(await exitCode, 1);
    const message = "status 404: no such dataset";
    if (output === "json") assertEquals(JSON.parse(stdout.text).tasks[0].message, message);
    else assertStringIncludes(stdout.text, ` s: not_found: ${message}\n`);
  }
});

Deno.test("a run logs a fault of the probe itself, with its stack", async () => {
  const { transport, logged, exitCode } = await start();
  transport.oldest.breakOff("EWHATEVER");
  assertEquals(await exitCode, 1);
  const [line] = logged;
  assert(line?.level === "error" && line.message.includes("\n    at "), line?.message);
});

Deno.test("a run logs attempts at level debug only", async () => {
  for (const [LOG_LEVEL, lines] of [["debug", 1], ["info", 0]] as const) {
    const { transport, logged, exitCode } = await start({ LOG_LEVEL });
    transport.oldest.succeed();
    await exitCode;
    assertEquals(logged.length, lines);
  }
});
