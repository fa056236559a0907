import { assert, assertEquals } from "@std/assert";
import { at } from "../support/at.ts";
import { settle, startProgram } from "../support/fake_runtime.ts";

Deno.test("the task log has a line a task; the first failure and the recovery stand out", async () => {
  const { clock, transport, logged } = await startProgram({ RETRIES: "0" });
  for (const status of [200, 500, 404, 200, 200]) {
    const call = transport.oldest;
    if (status === 200) call.succeed();
    else call.answer(status);
    await clock.run(10_000);
  }
  const lines = logged.filter(({ properties }) => "seqno" in properties)
    .filter(({ level }) => level !== "debug");
  assertEquals(lines.map((line) => `${line.level}: ${line.message}`), [
    "info: task 1 of abc123 succeeded in 0.000 s",
    "warn: FAILING: task 2 of abc123 failed in 0.000 s: server_error: the response has status 500",
    "warn: task 3 of abc123 failed in 0.000 s: not_found: the response has status 404",
    "info: RECOVERED: abc123 works again after 2 failed tasks; task 4 of abc123 succeeded in 0.000 s",
    "info: task 5 of abc123 succeeded in 0.000 s",
  ]);
  const { properties } = at(lines, 1);
  for (const name of ["seqno", "dataset_id", "reason", "duration_seconds", "trace_id"]) {
    assert(name in properties, `no ${name}`);
  }
});

Deno.test("the task log has each attempt at level debug, and a retried success names their number", async () => {
  const { clock, transport, logged } = await startProgram({ LOG_LEVEL: "debug" });
  transport.oldest.answer(503);
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
