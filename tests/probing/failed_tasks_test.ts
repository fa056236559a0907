import { assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { type Reason, REASONS } from "../../src/core/reasons.ts";
import type { FailedTask } from "../../src/core/task.ts";
import { FailedTasks } from "../../src/probing/failed_tasks.ts";
import { anyAttempt, anyPhases } from "../support/arbitraries.ts";
import { failedTask } from "../support/tasks.ts";

function contentOf(tasks: FailedTasks): FailedTask[] {
  return Array.from({ length: tasks.length }, (_, index) => tasks.at(index));
}

/** How often each reason occurs, as a plain count. */
function countsOf(tasks: readonly FailedTask[], datasetId?: string): [Reason, number][] {
  const chosen = tasks.filter((task) => datasetId === undefined || task.datasetId === datasetId);
  const alike = Map.groupBy(chosen, ({ reason }) => reason);
  return [...alike].map(([reason, each]): [Reason, number] => [reason, each.length]).sort();
}

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("insert" as const),
      /** How many places before the newest task the new one belongs. */
      late: fc.oneof(fc.constant(0), fc.nat(5)),
      reason: fc.constantFrom(...REASONS),
      datasetId: fc.constantFrom("a", "b"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("shift" as const), count: fc.nat(50) }) },
);

Deno.test("FailedTasks keeps tasks sorted and counted like a plain list", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
      const tasks = new FailedTasks();
      let model: FailedTask[] = [];
      // Numbers with gaps, into which late tasks are inserted.
      let newest = 0;
      for (const each of steps) {
        if (each.do === "insert") {
          const seqno = each.late === 0 ? newest += 100 : newest - 7 * each.late;
          const floor = model[0]?.seqno ?? 0;
          if (seqno <= floor || model.some((task) => task.seqno === seqno)) continue;
          const task = failedTask(seqno, each.reason, each.datasetId);
          tasks.insert(task);
          model = [...model, task].sort((a, b) => a.seqno - b.seqno);
        } else {
          for (let i = 0; i < each.count && model.length > 0; i++) {
            tasks.shift();
            model = model.slice(1);
          }
        }
        assertEquals(tasks.length, model.length);
        for (const datasetId of [undefined, "a", "neither"]) {
          assertEquals([...tasks.tally(datasetId)].sort(), countsOf(model, datasetId));
        }
      }
      assertEquals(contentOf(tasks), model);
    }),
    { numRuns: 100 },
  );
});

Deno.test("FailedTasks finds a task after thousands before it were removed", () => {
  const tasks = new FailedTasks();
  for (let seqno = 1; seqno <= 5_000; seqno++) tasks.insert(failedTask(seqno));
  for (let removed = 1; removed < 5_000; removed++) {
    tasks.shift();
    assertEquals([tasks.seqnoAt(0), tasks.length], [removed + 1, 5_000 - removed]);
  }
});

Deno.test("FailedTasks inserts a task that is older than all others first", () => {
  const tasks = new FailedTasks();
  for (const seqno of [1, 5, 9]) tasks.insert(failedTask(seqno));
  tasks.shift();
  tasks.insert(failedTask(3));
  assertEquals(contentOf(tasks).map(({ seqno }) => seqno), [3, 5, 9]);
});

Deno.test("FailedTasks has each field of a task at its index", () => {
  const tasks = new FailedTasks();
  tasks.insert(failedTask(4, "tls", "b"));
  assertEquals(
    [tasks.seqnoAt(0), tasks.reasonAt(0), tasks.datasetIdAt(0), tasks.createdMonotonicMsAt(0)],
    [4, "tls", "b", 40],
  );
});

Deno.test("FailedTasks returns every attempt and phase as it was inserted", () => {
  fc.assert(fc.property(fc.array(anyAttempt), anyPhases, (attempts, phases) => {
    const task = { ...failedTask(1), attempts, phases };
    const tasks = new FailedTasks();
    tasks.insert(task);
    assertEquals(tasks.at(0), task);
  }));
});

Deno.test("FailedTasks throws where it holds no task, also for one that was removed", () => {
  const tasks = new FailedTasks();
  assertThrows(() => tasks.shift(), RangeError, "no failed task at 0");
  tasks.insert(failedTask(1));
  tasks.shift();
  for (const index of [0, 1]) assertThrows(() => tasks.at(index), RangeError);
});
