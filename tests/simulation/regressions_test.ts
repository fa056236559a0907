/** Faults that the simulation has found, each in as few steps as possible. */
import { assertEquals } from "@std/assert";
import { settle, startProgram } from "../support/fake_runtime.ts";

Deno.test("the probe leaves no timer behind when it stops without tasks in flight", async () => {
  const { clock, transport, stop, exitCode } = await startProgram();
  transport.open.at(0)?.succeed();
  await settle();
  stop();
  assertEquals([await exitCode, clock.waiting], [0, 0]);
});

Deno.test("a task that is stalled past its deadline makes no further attempt, and keeps its reason", async () => {
  const { clock, transport, get } = await startProgram({
    TASK_INTERVAL_SECONDS: "1000",
    TASK_TIMEOUT_SECONDS: "5",
  });
  transport.open.at(0)?.breakOff("ECONNRESET");
  await settle();
  clock.stall(6_000);
  await settle();
  const { tasks: [task] } = await (await get("/tasks")).json();
  assertEquals([task.reason, task.attempts.length, transport.requests.length], ["reset", 1, 1]);
});
