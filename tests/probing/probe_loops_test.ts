import { assertEquals } from "@std/assert";
import type { Exactness } from "../../src/core/clock.ts";
import type { SettledTask } from "../../src/core/task.ts";
import type { SkippedSlots } from "../../src/core/task_observer.ts";
import { Backlog } from "../../src/probing/backlog.ts";
import { ProbeLoops, type ProbeLoopsOptions } from "../../src/probing/probe_loops.ts";
import { FakeClock, settle } from "../support/clock.ts";
import { pending, succeeded } from "../support/tasks.ts";

const SECOND = 1_000;

/** Loops whose tasks hang until the test settles them. */
function start(options: Partial<ProbeLoopsOptions> = {}) {
  const clock = new FakeClock();
  const noNewSlots = new AbortController();
  const abandonTasks = new AbortController();
  const backlog = new Backlog(1_000, () => {});
  const started: [datasetId: string, atMs: number][] = [];
  const tasks: PromiseWithResolvers<SettledTask | null>[] = [];
  const ticks: [loop: string, lagMs: number][] = [];
  const skipped: SkippedSlots[] = [];
  const pruned: number[] = [];
  const broken: unknown[] = [];
  const loops = new ProbeLoops({
    clock,
    datasetIds: ["a"],
    taskIntervalSeconds: 10,
    taskTimeoutSeconds: 60,
    cleanTasksIntervalSeconds: 300,
    dismissTaskSeconds: 100,
    backlog,
    runTask(datasetId) {
      const task = Promise.withResolvers<SettledTask | null>();
      started.push([datasetId, clock.monotonic()]);
      tasks.push(task);
      return task.promise;
    },
    observer: {
      created() {},
      settled() {},
      skipped: (slots) => skipped.push(slots),
      dismissed() {},
    },
    onTick: (loop, lagMs) => ticks.push([loop, lagMs]),
    onPruned: (dismissed) => pruned.push(dismissed),
    onBroken: (error) => broken.push(error),
    noNewSlots: noNewSlots.signal,
    abandonTasks: abandonTasks.signal,
    ...options,
  });
  loops.start();
  return {
    clock,
    noNewSlots,
    abandonTasks,
    backlog,
    started,
    tasks,
    ticks,
    skipped,
    pruned,
    broken,
    loops,
  };
}

Deno.test("the loops start a task of each dataset an interval, spread over it", () => {
  const { clock, started } = start({ datasetIds: ["a", "b", "c", "d"] });
  clock.advance(12.5 * SECOND);
  assertEquals(started, [
    ["a", 0],
    ["b", 2_500],
    ["c", 5_000],
    ["d", 7_500],
    ["a", 10_000],
    ["b", 12_500],
  ]);
});

Deno.test("the loops never wait for a task", () => {
  const { clock, started, loops } = start();
  clock.advance(50 * SECOND);
  assertEquals([started.length, loops.tasksInFlight], [6, 6]);
});

Deno.test("the loops report late slots of a dataset, and their lag", () => {
  const { clock, skipped, ticks, started } = start();
  clock.advance(0);
  clock.stall(35 * SECOND);
  assertEquals(skipped, [{ datasetId: "a", cause: "late", count: 2 }]);
  assertEquals([ticks, started.length], [[["probe", 0], ["probe", 5_000]], 2]);
});

Deno.test("the loops report a slot for which no task may be created", () => {
  const { clock, skipped, ticks, loops } = start({ runTask: () => null });
  clock.advance(10 * SECOND);
  const slot = { datasetId: "a", cause: "in_flight" as const, count: 1 };
  assertEquals([skipped, ticks.length, loops.tasksInFlight], [[slot, slot], 2, 0]);
});

Deno.test("the loops prune what is older than the limit, once an interval, and report it", () => {
  const { clock, backlog, pruned, ticks } = start({ taskIntervalSeconds: 10_000 });
  for (const createdMonotonicMs of [0, 199_999, 200_000]) {
    const { seqno: _seqno, state: _state, ...fields } = pending({ createdMonotonicMs });
    backlog.settle(succeeded(backlog.open(fields)));
  }
  clock.advance(299_999);
  assertEquals(pruned, []);
  clock.advance(1);
  assertEquals([pruned, backlog.counts.SUCCEEDED], [[2], 1]);
  clock.advance(300 * SECOND);
  assertEquals([pruned, backlog.counts.SUCCEEDED], [[2, 1], 0]);
  assertEquals(ticks.filter(([loop]) => loop === "prune"), [["prune", 0], ["prune", 0]]);
});

Deno.test("the loops report what a task rejects with, and go on", async () => {
  const { clock, tasks, broken, started, loops } = start();
  clock.advance(0);
  const error = new Error("broken on purpose");
  tasks[0]?.reject(error);
  await settle();
  assertEquals([broken, loops.tasksInFlight], [[error], 0]);
  clock.advance(10 * SECOND);
  assertEquals(started.length, 2);
});

Deno.test("the loops report what a handler throws, and go on", () => {
  const error = new Error("broken on purpose");
  let runs = 0;
  const { clock, broken } = start({
    runTask() {
      runs++;
      throw error;
    },
  });
  clock.advance(10 * SECOND);
  assertEquals([broken, runs], [[error, error], 2]);
});

Deno.test("the loops report a task that outlives its deadline", async () => {
  const { clock, backlog, broken } = start();
  const { seqno: _seqno, state: _state, ...fields } = pending();
  backlog.open(fields);
  await clock.run(80 * SECOND);
  assertEquals(broken, []);
  await clock.run(10 * SECOND);
  assertEquals(broken.map(String), [
    "Error: task 1 has been pending for 90.0 s, although its deadline is 60 s",
  ]);
});

Deno.test("a further loop runs in slots of its own", () => {
  const { clock, loops } = start();
  const ranAtMs: number[] = [];
  clock.advance(3 * SECOND);
  loops.run("table", 2, () => ranAtMs.push(clock.monotonic()));
  clock.advance(4 * SECOND);
  assertEquals(ranAtMs, [3_000, 5_000, 7_000]);
});

Deno.test("the loops that miss their ticks are stalled, until no new slots are wanted", () => {
  const clock = new FakeClock();
  const { noNewSlots, loops } = start({ clock });
  clock.advance(0);
  clock.after = () => () => {};
  clock.stall(10 * SECOND);
  assertEquals(loops.stalled(), []);
  // The slot of 10 s ran and could start no timer for that of 20 s.
  clock.stall(30 * SECOND + 1);
  assertEquals(loops.stalled(), ["probe"]);
  noNewSlots.abort();
  assertEquals(loops.stalled(), []);
});

Deno.test("the loops end when no new slots are wanted", () => {
  const { clock, noNewSlots, started } = start();
  clock.advance(0);
  noNewSlots.abort();
  clock.advance(1_000 * SECOND);
  assertEquals([started.length, clock.waiting], [1, 0]);
});

Deno.test("drain resolves when the tasks in flight are settled", async () => {
  const { clock, noNewSlots, tasks, loops } = start({ datasetIds: ["a", "b"] });
  clock.advance(5 * SECOND);
  noNewSlots.abort();
  let isDrained = false;
  const drained = loops.drain(8 * SECOND).then(() => isDrained = true);
  tasks[0]?.resolve(null);
  await settle();
  assertEquals([isDrained, loops.tasksInFlight], [false, 1]);
  tasks[1]?.resolve(null);
  await drained;
  assertEquals(loops.tasksInFlight, 0);
});

Deno.test("drain resolves after the grace, whatever hangs, and at once without tasks", async () => {
  const { clock, noNewSlots, loops } = start();
  clock.advance(0);
  noNewSlots.abort();
  let isDrained = false;
  const drained = loops.drain(8 * SECOND).then(() => isDrained = true);
  await clock.run(8 * SECOND - 1);
  assertEquals(isDrained, false);
  await clock.run(1);
  await drained;

  await start({ runTask: () => null }).loops.drain(8 * SECOND);
});

for (
  const [datasets, intervalSeconds, exact] of [[1, 0.1, true], [1, 0.099, false], [
    3,
    0.2,
    false,
  ]] as const
) {
  Deno.test(`${datasets} slots in ${intervalSeconds} s are ${exact ? "" : "not "}exact`, () => {
    const clock = new FakeClock();
    const requested: unknown[] = [];
    const { after } = clock;
    clock.after = (delayMs: number, callback: () => void, exactness?: Exactness) => {
      requested.push(exactness !== undefined);
      return after.call(clock, delayMs, callback);
    };
    const datasetIds = Array.from({ length: datasets }, (_, i) => `dataset-${i}`);
    start({ clock, datasetIds, taskIntervalSeconds: intervalSeconds });
    // The loop that prunes is never exact.
    assertEquals(requested, [...datasetIds.map(() => exact), false]);
  });
}

Deno.test("an exact timer may block the program only while no task is in flight", async () => {
  const clock = new FakeClock();
  const asked: (() => boolean)[] = [];
  const { after } = clock;
  clock.after = (delayMs: number, callback: () => void, exactness?: Exactness) => {
    if (exactness) asked.push(exactness.mayBlock);
    return after.call(clock, delayMs, callback);
  };
  const { tasks } = start({ clock });
  const [mayBlock = () => null] = asked;
  assertEquals(mayBlock(), true);
  await clock.run(1);
  assertEquals([tasks.length, mayBlock()], [1, false]);
  tasks[0]?.resolve(null);
  await clock.run(1);
  assertEquals(mayBlock(), true);
});
