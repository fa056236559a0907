/** What the simulation has found, each in as few steps as it takes. */
import { assertEquals } from "@std/assert";
import { settle, startProgram } from "../support/fake_runtime.ts";

Deno.test("a stop that has nothing to wait for leaves no timer behind", async () => {
  const { clock, transport, stop, exitCode } = await startProgram();
  transport.open[0].succeed();
  await settle();
  stop();
  assertEquals([await exitCode, clock.waiting], [0, 0]);
});

Deno.test("who was held up past the deadline makes no further attempt, and says what it knows", async () => {
  const { clock, transport, get } = await startProgram({
    TASK_INTERVAL_SECONDS: "1000",
    TASK_TIMEOUT_SECONDS: "5",
  });
  transport.open[0].breakOff("ECONNRESET");
  await settle();
  clock.stall(6_000);
  await settle();
  const { tasks: [task] } = await (await get("/tasks")).json();
  assertEquals([task.reason, task.attempts.length, transport.requests.length], ["reset", 1, 1]);
});
