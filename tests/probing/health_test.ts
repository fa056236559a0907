import { assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { HealthHistory } from "../../src/probing/health.ts";
import type { Reason } from "../../src/core/reasons.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

/** A history with a clock that the test sets; both clocks begin at 0. */
function createHistory(datasetIds: string[]) {
  let nowMs = 0;
  let created = 0;
  const history = new HealthHistory({
    datasetIds,
    clock: { now: () => nowMs, monotonic: () => nowMs },
    taskIntervalSeconds: 10,
    requestTimeoutSeconds: 10,
    sloLatencySeconds: 1,
  });
  /** A task that is created and settled at this moment; it fails for the reason, if there is one. */
  const settle = (
    datasetId: string,
    ms: number,
    reason: Reason | null = null,
    seconds = 0.125,
  ) => {
    nowMs = ms;
    const task = pending({
      seqno: ++created,
      datasetId,
      createdMs: ms,
      createdMonotonicMs: ms,
    });
    history.created(task);
    const settled = reason === null ? succeeded(task, seconds) : failed(task, reason, seconds);
    history.settled(settled);
    return settled;
  };
  const runSlot = (lagMs: number, ms: number) => {
    nowMs = ms;
    history.slotRan(lagMs);
  };
  const passTo = (ms: number) => {
    nowMs = ms;
  };
  return { history, settle, runSlot, passTo };
}

Deno.test("the health of a dataset has the verdict, the last task, failure and success", () => {
  const { history, settle } = createHistory(["a", "b"]);
  const seen = (datasetId = "a") => {
    const { state, sinceMs, last, lastFailure, lastSuccessMs } = history.of(datasetId)!;
    return [state, sinceMs, last?.seqno, lastFailure?.seqno, lastSuccessMs];
  };
  assertEquals(seen(), ["starting", 0, undefined, undefined, null]);
  settle("a", SECOND);
  assertEquals(seen(), ["working", SECOND, 1, undefined, 1_125]);
  for (const second of [2, 3]) settle("a", second * SECOND, "dns");
  assertEquals(seen(), ["unsteady", SECOND, 3, 3, 1_125]);
  settle("a", 4 * SECOND, "dns");
  assertEquals(seen(), ["failing", 2 * SECOND, 4, 4, 1_125]);
  settle("a", 5 * SECOND);
  assertEquals(seen(), ["unsteady", 5 * SECOND, 5, 4, 5_125]);
  assertEquals(seen("b"), ["starting", 0, undefined, undefined, null]);
  assertEquals(history.of("a")?.incidents, [
    {
      startMs: 2 * SECOND,
      endMs: 5 * SECOND,
      lost: 3,
      reasons: { dns: 3 },
      firstSeqno: 2,
      endSeqno: 5,
    },
  ]);
  assertEquals(history.of("unknown"), null);
});

Deno.test("byUrgency lists failing datasets first, then those without news, then the unsteady", () => {
  const { history, settle } = createHistory(["a", "b", "c", "d", "e"]);
  settle("e", 0);
  settle("a", SECOND);
  settle("c", SECOND);
  settle("c", SECOND, "dns");
  settle("d", SECOND, "dns");
  const starting = { failing: 1, no_news: 0, unsteady: 1, slow: 0, working: 2, starting: 1 };
  assertEquals(history.byUrgency(history.verdicts(40 * SECOND)), ["d", "c", "a", "e", "b"]);
  assertEquals(history.tally(history.verdicts(40 * SECOND)), starting);
  // 40 s after the start, and after the last task of "e".
  assertEquals(history.byUrgency(history.verdicts(40 * SECOND + 1)), ["d", "b", "e", "c", "a"]);
  assertEquals(history.tally(history.verdicts(40 * SECOND + 1)), {
    ...starting,
    no_news: 2,
    working: 1,
    starting: 0,
  });
});

Deno.test("the news of a task is there until the next task of the dataset settles", () => {
  const { history, settle } = createHistory(["a", "b"]);
  const first = settle("a", SECOND, "dns");
  const other = settle("b", SECOND);
  const outage = { change: "failing" as const, sinceMs: SECOND, lost: 1 };
  assertEquals([history.newsOf(first), history.newsOf(other)], [outage, null]);
  const second = settle("a", 2 * SECOND, "dns");
  assertEquals([history.newsOf(first), history.newsOf(second)], [null, null]);
  const third = settle("a", 3 * SECOND);
  assertEquals(history.newsOf(third), { ...outage, change: "recovered", lost: 2 });
});

Deno.test("an outage has the failing datasets by reason, each with its own beginning", () => {
  const { history, settle } = createHistory(["a", "b", "c", "d"]);
  assertEquals(history.outage(), []);
  for (const second of [10, 20, 30, 40]) settle("a", second * SECOND, "not_found");
  settle("d", 45 * SECOND);
  const alone = { reason: "not_found" as const, datasets: 1, sinceMs: 10 * SECOND, earlier: null };
  assertEquals(history.outage(), [alone]);
  settle("b", 50 * SECOND, "server_error");
  settle("c", 52 * SECOND, "server_error");
  const both = {
    reason: "server_error" as const,
    datasets: 2,
    sinceMs: 50 * SECOND,
    earlier: null,
  };
  assertEquals(history.outage(), [both, alone]);
  // "a" fails for the same reason now, and has for longer.
  settle("a", 58 * SECOND, "server_error");
  const earlier = { datasets: 1, sinceMs: 10 * SECOND, reason: "not_found" as const };
  assertEquals(history.outage(), [{ ...both, datasets: 3, earlier }]);
  for (const datasetId of ["a", "b", "c"]) settle(datasetId, 90 * SECOND);
  assertEquals([history.outage(), history.lastOutageEndMs()], [[], 90 * SECOND]);
});

Deno.test("reasons that come up within an interval are one beginning", () => {
  const { history, settle } = createHistory(["a"]);
  settle("a", 10 * SECOND, "timeout");
  settle("a", 20 * SECOND, "server_error");
  assertEquals(history.outage()[0]?.earlier, null);
  settle("a", 30 * SECOND, "dns");
  assertEquals(
    history.outage()[0]?.earlier,
    { datasets: 1, sinceMs: 10 * SECOND, reason: "timeout" },
  );
});

Deno.test("recent failures of all datasets have reasons, and the time that is covered", () => {
  const { history, settle } = createHistory(["a", "b"]);
  settle("a", 1_000, "dns");
  settle("b", 2_000, "timeout");
  settle("a", 20_000, "timeout");
  settle("b", 23_000);
  assertEquals(history.recentFailures(), {
    settled: 4,
    failed: 3,
    reasons: [["timeout", 2], ["dns", 1]],
    coveredSeconds: 23,
  });
  assertEquals(history.recentFailures(70_000), {
    settled: 2,
    failed: 1,
    reasons: [["timeout", 1]],
    coveredSeconds: 60,
  });
});

Deno.test("slowness has the medians of the slow datasets, over the tasks that make them slow", () => {
  const { history, settle } = createHistory(["a", "b", "c"]);
  // These are too old to count.
  for (let i = 0; i < 50; i++) settle("a", i, null, 0.1);
  assertEquals(history.slowness(), null);
  for (const seconds of [0.2, 2, 3]) settle("a", 100 * SECOND, null, seconds);
  for (const seconds of [4, 5, 6]) settle("b", 101 * SECOND, null, seconds);
  settle("c", 102 * SECOND, null, 0.3);
  assertEquals(history.slowness(), { minSeconds: 2, maxSeconds: 5, sloSeconds: 1 });
});

Deno.test("it is quiet after one and a half intervals, a second, and what tasks usually take", () => {
  const { history, settle } = createHistory(["a", "b"]);
  assertEquals(history.quietMs(HOUR), null);
  settle("a", 0, null, 4);
  settle("b", SECOND);
  assertEquals([history.quietMs(17_125), history.quietMs(17_126)], [null, 16_126]);
  // Slow tasks are no surprise.
  settle("a", 20 * SECOND, null, 4);
  assertEquals([history.quietMs(40 * SECOND), history.quietMs(40_001)], [null, 20_001]);
});

const WINDOWS: [ms: number, barMs: number][] = [
  [300 * SECOND, 5 * SECOND],
  [HOUR, 60 * SECOND],
  [24 * HOUR, 900 * SECOND],
];

Deno.test("ratios equal a plain count over their window, to the length of a bar", () => {
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
          settle("a", ms, isGood ? null : "dns");
          settled.push({ ms, isGood });
          const expected = WINDOWS.map(([windowMs, barMs]) => {
            const barOf = (atMs: number) => Math.floor(atMs / barMs);
            const oldest = barOf(ms) - windowMs / barMs;
            const inside = settled.filter((each) => barOf(each.ms) > oldest);
            const good = inside.filter((each) => each.isGood);
            const windowSeconds = windowMs / 1e3;
            // The probe started with the clock.
            const coveredSeconds = Math.min(windowSeconds, ms / 1e3);
            return {
              windowSeconds,
              coveredSeconds,
              succeeded: good.length,
              settled: inside.length,
            };
          });
          assertEquals(history.of("a", ms)?.ratios, expected);
        }
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("durations are those of the newest 240 successes, by nearest rank", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ seconds: fc.nat(100), isGood: fc.boolean() }), { maxLength: 400 }),
      (steps) => {
        const { history, settle } = createHistory(["a"]);
        steps.forEach(({ seconds, isGood }, i) => settle("a", i, isGood ? null : "dns", seconds));
        const durations = history.of("a")?.durations;
        const good = steps.flatMap(({ seconds, isGood }, i) =>
          isGood ? [{ seconds, settledMs: i + seconds * 1e3 }] : []
        ).slice(-240);
        const [first] = good;
        if (!first) return assertEquals(durations, null);
        const sorted = good.map(({ seconds }) => seconds).sort((a, b) => a - b);
        const atLeast = (share: number) =>
          sorted.find((_, i) => (i + 1) / sorted.length >= share - 1e-12);
        assertEquals(durations, {
          tasks: good.length,
          sinceMs: first.settledMs,
          lastSeconds: good.at(-1)?.seconds,
          p50Seconds: atLeast(0.5),
          p95Seconds: atLeast(0.95),
        });
      },
    ),
  );
});

Deno.test("ratios forget tasks older than a day, however long nothing was settled", () => {
  for (const days of [1, 2, 7, 400]) {
    const { history, settle, passTo } = createHistory(["a"]);
    settle("a", 0);
    passTo(days * 24 * HOUR);
    assertEquals(history.of("a")?.ratios.at(-1)?.settled, 0);
  }
});

Deno.test("the worst lag of the schedule is that of the last hour", () => {
  const { history, runSlot } = createHistory(["a"]);
  assertEquals(history.schedule(0), {
    elapsedMs: 0,
    slots: 0,
    skipped: { late: 0, in_flight: 0 },
    lastLagMs: null,
    worstLagMs: null,
    isLate: false,
  });
  runSlot(40, 0);
  runSlot(2, HOUR / 2);
  history.skipped({ datasetId: "a", cause: "late", count: 3 });
  history.skipped({ datasetId: "a", cause: "in_flight", count: 1 });
  const { worstLagMs, ...rest } = history.schedule(HOUR / 2);
  assertAlmostEquals(worstLagMs ?? 0, 40);
  assertEquals(rest, {
    elapsedMs: HOUR / 2,
    slots: 2,
    skipped: { late: 3, in_flight: 1 },
    lastLagMs: 2,
    isLate: true,
  });
  assertAlmostEquals(history.schedule(HOUR + 60 * SECOND).worstLagMs ?? 0, 2);
  assertEquals(history.schedule(2 * HOUR).worstLagMs, 0);
});

Deno.test("the schedule is late while most of at least three slots of a minute are, or were skipped", () => {
  const { history, runSlot, passTo } = createHistory(["a"]);
  const lateAfter = (ms: number, ...lags: number[]) => {
    for (const lagMs of lags) runSlot(lagMs, ms);
    return history.schedule(ms).isLate;
  };
  assertEquals(lateAfter(0, 21, 21), false);
  assertEquals(lateAfter(1 * SECOND, 21), true);
  assertEquals(lateAfter(2 * SECOND, 20, 20), true);
  assertEquals(lateAfter(3 * SECOND, 20), false);
  assertEquals(lateAfter(4 * SECOND, 500), true);
  assertEquals(lateAfter(30 * SECOND, 0, 0, 0), false);
  passTo(50 * SECOND);
  history.skipped({ datasetId: "a", cause: "in_flight", count: 100 });
  assertEquals(lateAfter(50 * SECOND), false);
  history.skipped({ datasetId: "a", cause: "late", count: 100 });
  assertEquals(lateAfter(50 * SECOND), true);
  assertEquals(lateAfter(109 * SECOND, 0, 0, 0), true);
  assertEquals(lateAfter(112 * SECOND), false);
});
