import { assertEquals } from "@std/assert";
import type { Bar, Strip } from "../../src/history/bars.ts";
import {
  durationsSinceMs,
  halved,
  knownPart,
  lookOf,
  partlyKnownMs,
  slownessOf,
  totalOf,
  worstBar,
} from "../../src/status_page/strips.ts";

function stripOf(bars: Bar[], knownSinceMs = 0): Strip {
  return { barSeconds: 1, knownSinceMs, bars };
}

function barOf(fields: Partial<Bar>): Bar {
  return {
    startMs: 0,
    settled: 0,
    failed: 0,
    slow: 0,
    meanSeconds: null,
    longestSeconds: null,
    ...fields,
  };
}

Deno.test("the look of a bar is its share of failures, and none without tasks", () => {
  const looks = [[0, 0], [10, 0], [10, 1], [10, 4], [10, 5], [10, 10]].map(([settled, failed]) =>
    lookOf(barOf({ settled, failed }))
  );
  assertEquals(looks, [null, "ok", "some", "some", "most", "most"]);
});

Deno.test("the slowness of a bar is about its successes", () => {
  const marks = [[0, 0, 0], [10, 0, 1], [10, 0, 2], [10, 0, 6], [10, 8, 2], [10, 10, 0]].map(
    ([settled, failed, slow]) => slownessOf(barOf({ settled, failed, slow })),
  );
  assertEquals(marks, [null, null, "slower", "slow", "slow", null]);
});

Deno.test("the total of bars has the mean of all successes", () => {
  const total = totalOf(stripOf([
    barOf({ settled: 4, failed: 1, slow: 1, meanSeconds: 1, longestSeconds: 3 }),
    barOf({}),
    barOf({ settled: 1, meanSeconds: 2, longestSeconds: 2 }),
    barOf({ settled: 2, failed: 2 }),
  ]));
  assertEquals(
    total,
    barOf({ settled: 7, failed: 3, slow: 1, meanSeconds: 1.25, longestSeconds: 3 }),
  );
  assertEquals(totalOf(stripOf([])).meanSeconds, null);
});

Deno.test("successes whose durations nobody has told do not count as 0 s", () => {
  const bars = [
    barOf({ settled: 300, failed: 20 }),
    barOf({ startMs: 1_000, settled: 4, failed: 2, meanSeconds: 0.0033, longestSeconds: 0.01 }),
  ];
  const wanted = { settled: 304, failed: 22, meanSeconds: 0.0033, longestSeconds: 0.01 };
  assertEquals(totalOf(stripOf(bars)), barOf(wanted));
  assertEquals(halved(bars), [barOf(wanted)]);
});

Deno.test("durations are known from the first bar with some, where counts go further back", () => {
  const timed = barOf({ startMs: 1_000, settled: 1, meanSeconds: 1, longestSeconds: 1 });
  const failed = barOf({ settled: 2, failed: 2 });
  const counted = barOf({ settled: 2, failed: 1 });
  assertEquals(durationsSinceMs(stripOf([barOf({}), failed, timed])), null);
  assertEquals(durationsSinceMs(stripOf([counted, failed, timed])), 1_000);
  assertEquals(durationsSinceMs(stripOf([counted, failed])), Infinity);
});

Deno.test("a bar is known in part where the strip begins within it, or where it still grows", () => {
  const bars = [0, 1_000, 2_000].map((startMs) => barOf({ startMs }));
  const partsOf = (knownSinceMs: number) =>
    bars.slice(-2).map((bar) => Object.values(knownPart(bar, stripOf(bars, knownSinceMs))));
  assertEquals(partsOf(0), [[1_000, 2_000, true], [2_000, null, false]]);
  assertEquals(partsOf(1_200.4), [[1_200, 2_000, false], [2_000, null, false]]);
  assertEquals(partsOf(2_300), [[2_300, 2_000, false], [2_300, null, false]]);
});

Deno.test("the worst bar has the largest share of failures, then the most of them, then is the last", () => {
  const worstOf = (...counts: [settled: number, failed: number][]) =>
    worstBar(counts.map(([settled, failed], startMs) => barOf({ startMs, settled, failed })))
      ?.startMs;
  assertEquals(worstOf([10, 0], [0, 0]), undefined);
  assertEquals(worstOf([10, 1], [5, 2], [10, 3]), 1);
  assertEquals(worstOf([10, 4], [5, 2]), 0);
  assertEquals(worstOf([5, 2], [10, 0], [5, 2]), 2);
});

Deno.test("a strip is partly known when it began within its window", () => {
  const strip = (knownSinceMs: number) =>
    stripOf([barOf({ startMs: 1_000 }), barOf({ startMs: 2_000 })], knownSinceMs);
  assertEquals(partlyKnownMs(strip(1_000), 2_500), null);
  assertEquals(partlyKnownMs(strip(1_200), 2_500), 1_300);
});
