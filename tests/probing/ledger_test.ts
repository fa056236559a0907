import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { createDeadlineCheck, Ledger, type LedgerCounts } from "../../src/probing/ledger.ts";
import { Backlog } from "../../src/probing/backlog.ts";
import type { PendingTask } from "../../src/core/task.ts";
import { settle, startProgram } from "../support/fake_runtime.ts";
import { pending } from "../support/tasks.ts";

const TRACKED = { PENDING: 2, SUCCEEDED: 3, FAILED: 1 };

function ledger(change: Partial<LedgerCounts> = {}, tracked = TRACKED): Ledger {
  const ledger = new Ledger(() => tracked);
  Object.assign(ledger.counts, { created: 16, succeeded: 9, failed: 5, dismissed: 10 }, change);
  return ledger;
}

Deno.test("the ledger throws unless the backlog holds the counted tasks", () => {
  ledger().check();
  for (const entry of ["created", "succeeded", "failed", "dismissed"] as const) {
    for (const difference of [1, -1]) {
      const wrong = ledger({ [entry]: ledger().counts[entry] + difference });
      assertThrows(() => wrong.check(), Error, "the ledger has");
    }
  }
  const short = ledger({}, { ...TRACKED, PENDING: 1 });
  assertThrows(() => short.check(), Error, "the backlog has 1 and 4");
});

Deno.test("a lost task ends the program with 70, and the log has the difference", async () => {
  const { open } = Backlog.prototype;
  let lost = 0;
  Backlog.prototype.open = function (fields) {
    const task = open.call(this, fields);
    // The third task is tracked nowhere.
    if (task.seqno === 3 && ++lost) this.settle = () => {};
    return task;
  };
  try {
    const { clock, transport, exitCode, logged } = await startProgram({
      TASK_INTERVAL_SECONDS: "1",
    });
    for (let i = 0; i < 3; i++) {
      transport.oldest.succeed();
      await clock.run(1_000);
    }
    await clock.run(8_000);
    assertEquals({ code: await exitCode, lost }, { code: 70, lost: 1 });
    const { message } = logged.find(({ level }) => level === "error")!;
    assertEquals(message.includes("the ledger has 0 pending and 3 settled tasks"), true, message);
  } finally {
    Backlog.prototype.open = open;
  }
});

Deno.test("the deadline check throws when a task stays overdue for ten seconds", async () => {
  const check = createDeadlineCheck(60_000);
  const oldest = (seqno: number, createdMonotonicMs: number) =>
    pending({ seqno, createdMonotonicMs });
  const looks: [task: PendingTask | undefined, nowMs: number][] = [
    [undefined, 1e9],
    [oldest(1, 0), 60_000],
    [oldest(1, 0), 600_000],
    [oldest(1, 0), 610_000],
    // Task 1 has ended; task 2 is overdue for its own time.
    [oldest(2, 500_000), 611_000],
    [oldest(2, 500_000), 621_000],
  ];
  for (const [task, nowMs] of looks) {
    check(task, nowMs);
    await settle();
  }
  assertThrows(
    () => check(oldest(2, 500_000), 621_001),
    Error,
    "task 2 has been pending for 121.0 s, although its deadline is 60 s",
  );
});

Deno.test("the deadline check ignores looks between which no timer could fire", () => {
  const check = createDeadlineCheck(60_000);
  const task = pending({ createdMonotonicMs: 0 });
  for (let nowMs = 100_000; nowMs < 1e6; nowMs += 100_000) check(task, nowMs);
});

Deno.test("a task that outlives its deadline ends the program with 70", async () => {
  const { clock, transport, exitCode, logged } = await startProgram({
    REQUEST_TIMEOUT_SECONDS: "60",
    TASK_TIMEOUT_SECONDS: "60",
  });
  transport.oldest.succeed();
  await clock.run(0);
  // From now on timers of deadlines are lost, those of slots are not.
  const { after } = clock;
  clock.after = (ms, callback) => ms > 50_000 ? () => {} : after.call(clock, ms, callback);
  await clock.run(99_999);
  assertEquals(logged.filter(({ level }) => level === "error"), []);
  await clock.run(1 + 8_000);
  assertEquals(await exitCode, 70);
  const { message } = logged.find(({ level }) => level === "error")!;
  assertStringIncludes(message, "task 2 has been pending for 90.0 s");
});
