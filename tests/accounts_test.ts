import { assertEquals, assertThrows } from "@std/assert";
import { Accounts } from "../src/accounts.ts";
import { Backlog } from "../src/backlog.ts";
import { startProgram } from "./fakes/program.ts";

const TRACKED = { PENDING: 2, SUCCEEDED: 3, FAILED: 1 };

function books(change: Partial<Accounts> = {}): Accounts {
  return Object.assign(
    new Accounts(),
    { created: 16, succeeded: 9, failed: 5, dismissed: 10 },
    change,
  );
}

Deno.test("books that fit the backlog pass, and no others", () => {
  books().check(TRACKED);
  for (const entry of ["created", "succeeded", "failed", "dismissed"] as const) {
    for (const difference of [1, -1]) {
      const wrong = books({ [entry]: books()[entry] + difference });
      assertThrows(() => wrong.check(TRACKED), Error, "the accounts say");
    }
  }
  assertThrows(() => books().check({ ...TRACKED, PENDING: 1 }), Error, "the backlog has 1 and 4");
});

Deno.test("a task that is lost ends the program with 70, and the log says what does not fit", async () => {
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
      transport.open[0].succeed();
      await clock.run(1_000);
    }
    await clock.run(8_000);
    assertEquals({ code: await exitCode, lost }, { code: 70, lost: 1 });
    const { message } = logged.find(({ level }) => level === "error")!;
    assertEquals(message.includes("the accounts say 0 pending and 3 settled tasks"), true, message);
  } finally {
    Backlog.prototype.open = open;
  }
});
