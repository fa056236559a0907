import { assertEquals } from "@std/assert";
import { emptyBar } from "../../../src/history/bars.ts";
import { barsOf } from "../../../src/prometheus/past/bars_of.ts";
import type { Series } from "../../../src/prometheus/past/query_range.ts";

function series(datasetId: string, values: Record<number, number>): Series {
  const points = Object.entries(values).map(([atMs, value]) => ({ atMs: Number(atMs), value }));
  return { labels: { dataset_id: datasetId }, points };
}

Deno.test("bars have the counts of their time, and begin before it", () => {
  const bars = barsOf({
    settled: [series("a", { 2_000: 10, 1_000: 8 }), series("b", { 1_000: 1 })],
    failed: [series("a", { 1_000: 3 })],
    slow: [series("a", { 1_000: 2, 2_000: 10 }), series("c", { 1_000: 1 })],
  }, (atMs) => atMs - 900);
  assertEquals([...bars], [
    ["a", [
      { ...emptyBar(100), settled: 8, failed: 3, slow: 2 },
      { ...emptyBar(1_100), settled: 10, slow: 10 },
    ]],
    ["b", [{ ...emptyBar(100), settled: 1 }]],
  ]);
});

Deno.test("a bar never counts more failures than tasks, more slow ones than successes, or none", () => {
  const bars = barsOf({
    settled: [series("a", { 0: 0, 1: 10, 2: 10, 3: 1e14, 4: 0.4 })],
    failed: [series("a", { 0: 5, 1: 11, 2: 4 })],
    slow: [series("a", { 0: 5, 1: 11, 2: 11 })],
  }, (atMs) => atMs);
  assertEquals(bars.get("a"), [
    { ...emptyBar(1), settled: 10, failed: 10 },
    { ...emptyBar(2), settled: 10, failed: 4, slow: 6 },
    { ...emptyBar(3), settled: 1e9 },
  ]);
});
