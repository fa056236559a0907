import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { Backlog, type Page } from "../../src/probing/backlog.ts";
import type { PendingTask, State, Task } from "../../src/core/task.ts";
import { REASONS } from "../../src/core/reasons.ts";
import { at } from "../support/at.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

function fieldsAt(createdMonotonicMs: number, datasetId = "abc123") {
  const { state: _state, seqno: _seqno, ...fields } = pending({ createdMonotonicMs, datasetId });
  return fields;
}

/** What a backlog must do, in the plainest code. */
class Model {
  tasks: Task[] = [];
  dismissed = 0;
  constructor(private readonly capacity: number) {}

  makeRoom(): void {
    for (const state of ["SUCCEEDED", "FAILED"]) {
      while (this.tasks.length > this.capacity) {
        const oldest = this.tasks.findIndex((task) => task.state === state);
        if (oldest < 0) break;
        this.tasks.splice(oldest, 1);
        this.dismissed++;
      }
    }
  }

  prune(beforeMs: number): void {
    const kept = this.tasks.filter((task) =>
      task.state === "PENDING" || task.createdMonotonicMs >= beforeMs
    );
    this.dismissed += this.tasks.length - kept.length;
    this.tasks = kept;
  }
}

function assertSameCounts(backlog: Backlog, tasks: Task[]): void {
  const reasons = (datasetId?: string) =>
    tasks.flatMap((task) =>
      task.state === "FAILED" && (datasetId ?? task.datasetId) === task.datasetId
        ? [task.reason]
        : []
    );
  for (const datasetId of [undefined, "a", "b", "neither"]) {
    const counts = Map.groupBy(reasons(datasetId), (reason) => reason);
    const expected = [...counts].map(([reason, alike]) => [reason, alike.length]);
    assertEquals([...backlog.failures(datasetId)].sort(), expected.sort());
  }
  for (const datasetId of ["a", "b", "neither"]) {
    const count = (state: State) =>
      tasks.filter((task) => task.state === state && task.datasetId === datasetId).length;
    assertEquals(backlog.countsOf(datasetId), {
      PENDING: count("PENDING"),
      SUCCEEDED: count("SUCCEEDED"),
      FAILED: count("FAILED"),
    });
  }
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("open" as const), dataset: fc.constantFrom("a", "b") }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("succeed" as const, "fail" as const),
      which: fc.nat(1_000),
      attempts: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("prune" as const), keepMs: fc.nat(30) }) },
);

Deno.test("the backlog keeps, orders and removes tasks like a plain list", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 300, size: "max" }),
      fc.integer({ min: 1, max: 40 }),
      (steps, capacity) => {
        let dismissed = 0;
        const backlog = new Backlog(capacity, (count) => dismissed += count);
        const model = new Model(capacity);
        steps.forEach((each, nowMs) => {
          if (each.do === "open") {
            model.tasks.push(backlog.open(fieldsAt(nowMs, each.dataset)));
            model.makeRoom();
          } else if (each.do === "prune") {
            backlog.prune(nowMs - each.keepMs);
            model.prune(nowMs - each.keepMs);
          } else {
            const open = model.tasks.filter((task): task is PendingTask =>
              task.state === "PENDING"
            );
            if (open.length === 0) return;
            const task = at(open, each.which % open.length);
            const reason = at(REASONS, each.which % REASONS.length);
            const settled = each.do === "succeed" ? succeeded(task) : failed(task, reason);
            const attempts = Array.from({ length: each.attempts }, () => at(settled.attempts, 0));
            const withAttempts = { ...settled, attempts };
            backlog.settle(withAttempts);
            model.tasks[model.tasks.indexOf(task)] = withAttempts;
            model.makeRoom();
          }
          assertEquals(backlog.page({ limit: 1_000 }).tasks, model.tasks.toReversed());
          const since = nowMs - 20;
          const next = model.tasks.find((task) => task.createdMonotonicMs >= since);
          assertEquals(backlog.firstCreatedFrom(since), next?.seqno);
          assertEquals(dismissed, model.dismissed);
          assertSameCounts(backlog, model.tasks);
        });
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("the backlog lists tasks in order, settled out of order and in several chunks of rows", () => {
  const backlog = new Backlog(10_000, () => {});
  const open = Array.from({ length: 5_000 }, (_, i) => backlog.open(fieldsAt(i)));
  for (let i = 0; i < open.length; i += 50) {
    for (const task of open.slice(i, i + 50).reverse()) backlog.settle(succeeded(task));
  }
  backlog.prune(2_500);
  const expected = open.slice(2_500).map((task) => succeeded(task)).reverse();
  assertEquals(backlog.page({ limit: 10_000 }).tasks, expected);
});

Deno.test("the backlog makes room by removing the oldest successes first, then failures", () => {
  let dismissed = 0;
  const backlog = new Backlog(3, (count) => dismissed += count);
  for (const settle of [failed, succeeded, failed, succeeded]) {
    backlog.settle(settle(backlog.open(fieldsAt(0))));
  }
  assertEquals(backlog.page({ limit: 10 }).tasks.map(({ seqno }) => seqno), [4, 3, 1]);
  backlog.settle(failed(backlog.open(fieldsAt(0))));
  backlog.settle(failed(backlog.open(fieldsAt(0))));
  assertEquals(backlog.page({ limit: 10 }).tasks.map(({ seqno }) => seqno), [6, 5, 3]);
  assertEquals(dismissed, 3);
});

Deno.test("the backlog never dismisses a pending task, however old it is", () => {
  const backlog = new Backlog(1, () => {});
  for (let i = 0; i < 5; i++) backlog.open(fieldsAt(i));
  assertEquals(backlog.prune(1e9), 0);
  assertEquals(backlog.counts, { PENDING: 5, SUCCEEDED: 0, FAILED: 0 });
  assertEquals(backlog.oldestPending?.seqno, 1);
});

Deno.test("the backlog throws when a task is settled that is not pending", () => {
  const backlog = new Backlog(10, () => {});
  const task = succeeded(backlog.open(fieldsAt(0)));
  backlog.settle(task);
  assertThrows(() => backlog.settle(task), Error, "task 1 was settled, but it is not pending");
  assertThrows(() => backlog.settle(succeeded(pending({ seqno: 9 }))), Error, "task 9");
});

Deno.test("result pages repeat and lose no task while new tasks arrive", () => {
  const backlog = new Backlog(10_000, () => {});
  const settleOne = () => backlog.settle(succeeded(backlog.open(fieldsAt(0))));
  for (let i = 0; i < 1_000; i++) settleOne();
  const seen: number[] = [];
  let before: number | undefined;
  do {
    const page: Page = backlog.page({ limit: 70, before });
    seen.push(...page.tasks.map(({ seqno }) => seqno));
    before = page.next ?? undefined;
    settleOne();
  } while (before !== undefined);
  assertEquals(seen, Array.from({ length: 1_000 }, (_, i) => 1_000 - i));
});

Deno.test("a result page reads a bounded number of tasks and says where the next one continues", () => {
  const backlog = new Backlog(100_000, () => {});
  backlog.settle(succeeded(backlog.open(fieldsAt(0, "rare"))));
  for (let i = 0; i < 30_000; i++) backlog.settle(succeeded(backlog.open(fieldsAt(0))));
  const first = backlog.page({ datasetId: "rare", limit: 10 });
  assertEquals(first.tasks, []);
  assert(first.next !== null, "a bounded result page has a next one");
  const before = first.next ?? undefined;
  const second = backlog.page({ datasetId: "rare", limit: 10, before });
  assertEquals([second.tasks.map(({ seqno }) => seqno), second.next], [[1], null]);
});

Deno.test("a result page can have one state", () => {
  const backlog = new Backlog(100, () => {});
  backlog.settle(succeeded(backlog.open(fieldsAt(0))));
  backlog.settle(failed(backlog.open(fieldsAt(0))));
  backlog.open(fieldsAt(0));
  for (const [state, seqno] of [["SUCCEEDED", 1], ["FAILED", 2], ["PENDING", 3]] as const) {
    const { tasks, next } = backlog.page({ state, limit: 10 });
    assertEquals([tasks.map((task) => task.seqno), next], [[seqno], null]);
  }
});

Deno.test("a result page can have one reason, and find returns a task while it is tracked", () => {
  const backlog = new Backlog(3, () => {});
  backlog.settle(failed(backlog.open(fieldsAt(0)), "dns"));
  backlog.settle(failed(backlog.open(fieldsAt(0)), "timeout"));
  backlog.settle(succeeded(backlog.open(fieldsAt(0))));
  assertEquals(backlog.page({ reason: "dns", limit: 10 }).tasks.map(({ seqno }) => seqno), [1]);
  assertEquals(backlog.page({ reason: "tls", limit: 10 }), { tasks: [], next: null });
  assertEquals(backlog.page({ reason: "dns", state: "SUCCEEDED", limit: 10 }).tasks, []);
  const states = [0, 1, 2, 3, 4].map((seqno) => backlog.find(seqno)?.state);
  assertEquals(states, [undefined, "FAILED", "FAILED", "SUCCEEDED", undefined]);
  backlog.open(fieldsAt(0));
  assertEquals([backlog.find(3), backlog.find(4)?.state], [undefined, "PENDING"]);
});

Deno.test("a result page of one reason has its failures, however rare they are", () => {
  const backlog = new Backlog(100_000, () => {});
  backlog.settle(failed(backlog.open(fieldsAt(0)), "timeout"));
  for (let i = 0; i < 30_000; i++) backlog.settle(succeeded(backlog.open(fieldsAt(0))));
  const { tasks } = backlog.page({ reason: "timeout", limit: 20 });
  assertEquals(tasks.map(({ seqno }) => seqno), [1]);
});

Deno.test("result pages end after the oldest task that is asked for", () => {
  const backlog = new Backlog(100, () => {});
  for (let i = 0; i < 10; i++) {
    const task = backlog.open(fieldsAt(0));
    backlog.settle(i % 2 ? succeeded(task) : failed(task));
  }
  const read = (query: { before?: number; limit: number }) => {
    const { tasks, next } = backlog.page({ after: 3, ...query });
    return [tasks.map(({ seqno }) => seqno), next];
  };
  assertEquals(read({ limit: 10 }), [[10, 9, 8, 7, 6, 5, 4], null]);
  assertEquals(read({ before: 8, limit: 2 }), [[7, 6], 6]);
  assertEquals(read({ before: 6, limit: 2 }), [[5, 4], null]);
  assertEquals(read({ before: 4, limit: 2 }), [[], null]);
});

Deno.test("a result page of settled tasks leaves out pending ones", () => {
  const backlog = new Backlog(100, () => {});
  backlog.settle(succeeded(backlog.open(fieldsAt(0))));
  for (let i = 0; i < 10; i++) backlog.open(fieldsAt(0));
  const { tasks, next } = backlog.page({ settled: true, limit: 5 });
  assertEquals([tasks.map(({ seqno }) => seqno), next], [[1], null]);
});
