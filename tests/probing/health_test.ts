import { assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { HealthHistory } from "../../src/probing/health.ts";
import type { SettledTask } from "../../src/core/task.ts";
import type { Reason } from "../../src/core/reasons.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

/** A history with a clock that the test sets. */
function createHistory(datasetIds: string[], { startedMs = 0, silenceMs = DAY } = {}) {
  let nowMs = 0;
  const history = new HealthHistory({
    datasetIds,
    startedMs,
    silenceMs,
    monotonic: () => nowMs,
  });
  const settle = (task: SettledTask, ms: number) => {
    nowMs = ms;
    history.settled(task);
  };
  const runSlot = (lagMs: number, ms: number) => {
    nowMs = ms;
    history.slotRan(lagMs);
  };
  return { history, settle, runSlot };
}

function taskAt(ms: number, isGood: boolean, datasetId = "a"): SettledTask {
  const task = pending({ datasetId, createdMs: ms, createdMonotonicMs: ms });
  return isGood ? succeeded(task) : failed(task);
}

Deno.test("the state of a dataset has lasted since the first of a row of equal outcomes", () => {
  const { history, settle } = createHistory(["a", "b"], { startedMs: 5 });
  const seen = () => {
    const { health, sinceMs, lastSuccessMs } = history.of("a", HOUR)!;
    return [health, sinceMs, lastSuccessMs];
  };
  assertEquals(seen(), ["starting", 5, null]);
  const expected = [
    ["failing", 1_125, null],
    ["failing", 1_125, null],
    ["ok", 3_125, 3_125],
    ["ok", 3_125, 4_125],
    ["failing", 5_125, 4_125],
  ];
  [false, false, true, true, false].forEach((isGood, i) => {
    const ms = (i + 1) * SECOND;
    settle(taskAt(ms, isGood), ms);
    assertEquals(seen(), expected[i]);
  });
  assertEquals(history.tally(HOUR), { starting: 1, ok: 0, silent: 0, failing: 1 });
  assertEquals(history.of("unknown", 0), null);
});

Deno.test("byUrgency lists failing datasets first, then silent ones", () => {
  const { history, settle } = createHistory(["a", "b", "c", "d", "e"], {
    silenceMs: 30 * SECOND,
  });
  settle(taskAt(0, true, "e"), 0);
  settle(taskAt(SECOND, true, "a"), SECOND);
  settle(taskAt(SECOND, true, "c"), SECOND);
  settle(taskAt(SECOND, false, "d"), SECOND);
  assertEquals(history.byUrgency(30 * SECOND), ["d", "b", "a", "c", "e"]);
  assertEquals(history.byUrgency(30 * SECOND + 1), ["d", "e", "b", "a", "c"]);
  assertEquals(history.tally(30 * SECOND + 1), { starting: 1, ok: 2, silent: 1, failing: 1 });
});

Deno.test("a dataset is silent since its last task, and ok after the next", () => {
  const { history, settle } = createHistory(["a"], { silenceMs: 30 * SECOND });
  const seen = (nowMs: number) => {
    const { health, sinceMs } = history.of("a", nowMs)!;
    return [health, sinceMs];
  };
  settle(taskAt(0, true), 0);
  settle(taskAt(10 * SECOND, true), 10 * SECOND);
  assertEquals(seen(40 * SECOND), ["ok", 125]);
  assertEquals(seen(40 * SECOND + 1), ["silent", 10_125]);
  settle(taskAt(60 * SECOND, true), 60 * SECOND);
  assertEquals(seen(60 * SECOND), ["ok", 125]);
  settle(taskAt(70 * SECOND, false), 70 * SECOND);
  assertEquals(seen(HOUR), ["failing", 70_125], "a failing dataset stays failing until a success");
});

Deno.test("the outage began with the first failing dataset and has the most frequent reason", () => {
  const { history, settle } = createHistory(["a", "b", "c", "d"]);
  assertEquals(history.outage, null);
  const fail = (datasetId: string, ms: number, reason: Reason) =>
    settle(failed(pending({ datasetId, createdMs: ms }), reason), ms);
  fail("a", 3_000, "timeout");
  fail("b", 1_000, "dns");
  fail("c", 2_000, "dns");
  settle(taskAt(0, true, "d"), 0);
  assertEquals(history.outage, { sinceMs: 1_125, reason: "dns" });
  for (const datasetId of ["a", "b", "c"]) settle(taskAt(9_000, true, datasetId), 9_000);
  assertEquals(history.outage, null);
});

const WINDOWS: [window: string, ms: number][] = [
  ["5 m", 300 * SECOND],
  ["1 h", HOUR],
  ["24 h", 24 * HOUR],
];
const SLICE_MS = 30 * SECOND;

Deno.test("ratios equal a plain count over their window, to the half minute", () => {
  const step = fc.record({
    waitMs: fc.oneof(fc.nat(20_000), fc.nat(400_000), fc.nat(30 * HOUR)),
    isGood: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60, size: "max" }),
      fc.nat(10 * HOUR),
      (steps, from) => {
        const { history, settle } = createHistory(["a"]);
        const settled: { ms: number; isGood: boolean }[] = [];
        let ms = from;
        for (const { waitMs, isGood } of steps) {
          ms += waitMs;
          settle(taskAt(ms, isGood), ms);
          settled.push({ ms, isGood });
          const slice = Math.floor(ms / SLICE_MS);
          const expected = WINDOWS.map(([window, windowMs]) => {
            const oldest = slice - windowMs / SLICE_MS;
            const inside = settled.filter((each) => Math.floor(each.ms / SLICE_MS) > oldest);
            const good = inside.filter((each) => each.isGood);
            return { window, succeeded: good.length, settled: inside.length };
          });
          assertEquals(history.of("a", ms)?.ratios, expected);
        }
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("ratios forget tasks older than a day, however long nothing was settled", () => {
  const { history, settle } = createHistory(["a"]);
  settle(taskAt(0, true), 0);
  for (const days of [1, 2, 7, 400]) {
    assertEquals(history.of("a", days * 24 * HOUR)?.ratios.at(-1)?.settled, 0);
  }
});

Deno.test("the worst lag of the schedule is that of the last hour", () => {
  const { history, runSlot } = createHistory(["a"]);
  assertEquals(history.schedule(0), {
    slots: 0,
    skipped: { late: 0, in_flight: 0 },
    lastLagMs: null,
    worstLagMs: null,
  });
  runSlot(40, 0);
  runSlot(2, HOUR / 2);
  history.skipped({ datasetId: "a", cause: "late", count: 3 });
  history.skipped({ datasetId: "a", cause: "in_flight", count: 1 });
  const { worstLagMs, ...rest } = history.schedule(HOUR / 2);
  assertAlmostEquals(worstLagMs ?? 0, 40);
  assertEquals(rest, { slots: 2, skipped: { late: 3, in_flight: 1 }, lastLagMs: 2 });
  assertAlmostEquals(history.schedule(HOUR + SLICE_MS).worstLagMs ?? 0, 2);
  assertEquals(history.schedule(2 * HOUR).worstLagMs, 0);
});
