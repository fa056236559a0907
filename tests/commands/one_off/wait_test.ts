import { assertEquals, assertStringIncludes } from "@std/assert";
import { startOneOff } from "../../support/one_off.ts";

type Run = Awaited<ReturnType<typeof startOneOff>>;

/** When each request was made, in seconds since the start, while `seconds` pass and all fail. */
async function failFor({ clock, transport }: Run, seconds: number): Promise<number[]> {
  const startMs = clock.monotonic();
  const made: number[] = [];
  for (let passed = 0; passed <= seconds; passed++) {
    for (const call of [...transport.open]) {
      made.push((clock.monotonic() - startMs) / 1e3);
      call.breakOff("ECONNREFUSED");
    }
    await clock.run(1_000);
  }
  return made;
}

Deno.test("a wait tries a dataset an interval apart until it succeeds", async () => {
  const run = await startOneOff({ TASK_INTERVAL_SECONDS: "3" }, { waitSeconds: 60 });
  assertEquals(await failFor(run, 5), [0, 3]);
  run.transport.oldest.succeed();
  assertEquals(await run.exitCode, 0);
  assertStringIncludes(
    run.stdout.text,
    "\nabc123: unsteady, 1 of 3 tasks succeeded, 2 failed (connect); http://api/abc123\n" +
      "waited 6.0 s: every dataset has succeeded\n",
  );
  assertEquals(run.clock.waiting, 0);
});

Deno.test("a wait that is over tries once more at its end, and exits with the last reason", async () => {
  const run = await startOneOff({ TASK_INTERVAL_SECONDS: "10" }, { waitSeconds: 15 });
  assertEquals(await failFor(run, 30), [0, 10, 15]);
  assertEquals(await run.exitCode, 5);
  assertStringIncludes(
    run.stdout.text,
    "\nwaited 15.0 s: 1 of 1 dataset did not succeed\n",
  );
});

Deno.test("a wait does not ask a dataset again that has succeeded", async () => {
  const env = { DATASET_ID: "a,b", TASK_INTERVAL_SECONDS: "1" };
  const { transport, clock, stdout, exitCode } = await startOneOff(env, { waitSeconds: 5 });
  transport.oldest.succeed();
  transport.oldest.respond(503);
  await clock.run(1_000);
  assertEquals(transport.open.map(({ request }) => request.url.pathname), ["/b"]);
  transport.oldest.succeed();
  assertEquals(await exitCode, 0);
  assertStringIncludes(
    stdout.text,
    "\n2 datasets: 2 of 3 tasks succeeded, 1 failed (server_error)",
  );
});

Deno.test("a dataset that has succeeded is working, however long others take", async () => {
  const env = { DATASET_ID: "a,b", TASK_INTERVAL_SECONDS: "1" };
  const run = await startOneOff(env, { waitSeconds: 600 });
  run.transport.oldest.succeed();
  await failFor(run, 120);
  run.transport.oldest.succeed();
  assertEquals(await run.exitCode, 0);
  assertStringIncludes(run.stdout.text, "\na: working, 1 of 1 task succeeded; http://api/a\n");
});

Deno.test("a try that began in time is not cut off, and is the last one", async () => {
  const env = { TASK_INTERVAL_SECONDS: "1" };
  const { transport, clock, exitCode } = await startOneOff(env, { waitSeconds: 2 });
  await clock.run(9_000);
  assertEquals(transport.requests.length, 1);
  transport.oldest.respond(404);
  assertEquals(await exitCode, 1);
});

Deno.test("a try that takes longer than the interval is followed by the next one at once", async () => {
  const env = { TASK_INTERVAL_SECONDS: "1" };
  const { transport, clock, exitCode } = await startOneOff(env, { waitSeconds: 60 });
  await clock.run(5_000);
  transport.oldest.respond(404);
  await clock.run(0);
  transport.oldest.succeed();
  assertEquals([await exitCode, transport.requests.length], [0, 2]);
});

Deno.test("a wait tries every dataset, whatever is in flight when its time is over", async () => {
  const env = { DATASET_ID: "a,b", MAX_IN_FLIGHT_TASKS: "1", TASK_INTERVAL_SECONDS: "2" };
  const { transport, clock, logged, exitCode } = await startOneOff(env, { waitSeconds: 1 });
  await clock.run(3_000);
  assertEquals(logged.map(({ message }) => message), [
    "b waits: too many tasks are in flight",
    "b waits: too many tasks are in flight",
  ]);
  transport.oldest.succeed();
  await clock.run(1_000);
  transport.oldest.respond(404);
  assertEquals(await exitCode, 1);
});

Deno.test("a wait that is interrupted ends at once", async () => {
  const { transport, clock, stop, exitCode } = await startOneOff({}, { waitSeconds: 60 });
  transport.oldest.respond(503);
  await clock.run(1_000);
  stop.abort("SIGTERM");
  assertEquals([await exitCode, clock.waiting, transport.requests.length], [143, 0, 1]);
});

Deno.test("a success that is too slow exits with 4, and with 1 among other failures", async () => {
  const outcome = async (...seconds: number[]) => {
    const env = { DATASET_ID: "a,b" };
    const { transport, clock, exitCode } = await startOneOff(env, { maxDurationSeconds: 2 });
    for (const each of seconds) {
      await clock.run(each * 1e3);
      transport.oldest.succeed();
    }
    transport.open[0]?.respond(404);
    return await exitCode;
  };
  assertEquals(await outcome(1, 1), 0);
  assertEquals(await outcome(1, 2), 4);
  assertEquals(await outcome(3), 1);
});

Deno.test("a success that is too slow is said to be so in its line and in the summary", async () => {
  const { transport, clock, stdout, exitCode } = await startOneOff({}, { maxDurationSeconds: 0.5 });
  await clock.run(700);
  transport.oldest.succeed();
  await exitCode;
  assertEquals(stdout.text.split("\n"), [
    "#1 abc123 SUCCEEDED in 0.700 s, slower than 0.5 s: counts as failed",
    "abc123: slow, 0 of 1 task succeeded, 1 failed (too slow); http://api/abc123",
    "",
  ]);
});

Deno.test("a wait goes on after a success that is too slow", async () => {
  const env = { TASK_INTERVAL_SECONDS: "1" };
  const options = { waitSeconds: 10, maxDurationSeconds: 2 };
  const { transport, clock, exitCode } = await startOneOff(env, options);
  await clock.run(3_000);
  transport.oldest.succeed();
  await clock.run(0);
  transport.oldest.succeed();
  assertEquals([await exitCode, transport.requests.length], [0, 2]);
});
