import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  compared,
  type Figure,
  type Line,
  median,
  quantile,
  rowsOf,
  sideBySide,
  tableOf,
  verdict,
} from "./figure.ts";
import { latenessAfterEarliestMs, latenessMs, latenessOf } from "./slots.ts";

const figure = (what: string, values: number[], more: Partial<Figure> = {}): Figure => ({
  ...{ what, unit: "ms", values },
  ...more,
});

Deno.test("median returns the middle value, or the mean of the two in the middle", () => {
  assertEquals(median([3, 1, 10]), 3);
  assertEquals(median([4, 1, 10, 2]), 3);
  assertEquals(median([7]), 7);
});

Deno.test("quantile returns a measured value", () => {
  const values = Array.from({ length: 200 }, (_, i) => 200 - i);
  assertEquals(quantile(values, 0.99), 198);
  assertEquals(quantile([5], 0.99), 5);
  assertEquals(quantile([2, 1], 0), 1);
});

Deno.test("compared divides repeat by repeat, and keeps earlier ratios", () => {
  const [fast, slow] = [figure("fast", [1, 2, 4]), figure("slow", [10, 20, 20])];
  const ours = compared(compared(figure("ours", [2, 4, 4]), fast), slow, { atMost: 1 });
  assertEquals(ours.ratios, [
    { to: "fast", values: [2, 2, 1], aim: undefined },
    { to: "slow", values: [0.2, 0.2, 0.2], aim: { atMost: 1 } },
  ]);
});

Deno.test("verdict judges the median, and says by how much it misses", () => {
  assertEquals(verdict([1, 1.5, 9], { atMost: 1.5 }), "met");
  assertEquals(verdict([1, 1.8, 9], { atMost: 1.5 }), "missed by 20 %");
  assertEquals(verdict([1, 2, 9], { atLeast: 2 }), "met");
  assertEquals(verdict([1, 1.5, 9], { atLeast: 2 }), "missed by 25 %");
  assertEquals(verdict([0], { atMost: 0 }), "met");
  assertEquals(verdict([0.001], { atMost: 0 }), "missed");
});

Deno.test("rowsOf shows the spread, the ratios, and a verdict for each aim", () => {
  const peer = figure("peer", [1, 2, 3]);
  const ours = compared(
    { ...figure("ours", [1.2344, 2, 600]), aim: { atMost: 1.5 } },
    peer,
    { atLeast: 1 },
  );
  assertEquals(rowsOf([{ name: "line", seconds: 1, figures: [peer, ours], leftOut: [] }]), [
    ["line", "peer", "2 (1 to 3) ms", "", ""],
    [
      "line",
      "ours",
      "2 (1.23 to 600) ms",
      "1.23 (1 to 200) × peer",
      "at most 1.5 ms: missed by 33.3 %; at least 1 × peer: met",
    ],
  ]);
});

Deno.test("tableOf lists under the table what was left out", () => {
  const table = tableOf([
    { name: "one", seconds: 1, figures: [figure("something", [1])], leftOut: [] },
    { name: "two", seconds: 1, figures: [], leftOut: ["wrk, because it is not here"] },
  ]);
  assertStringIncludes(table, "\none   something  1 ms\n");
  assertStringIncludes(table, "\n\nleft out: wrk, because it is not here\n");
});

Deno.test("sideBySide puts calm lines that follow each other together, and keeps the order", () => {
  const line = (name: string, isCalm?: boolean): Line => ({
    ...{ name, help: "", isCalm },
    measure: () => Promise.resolve([]),
  });
  const lines = [line("a", true), line("b"), line("c"), line("d", true), line("e", true)];
  const names = sideBySide(lines).map((group) => group.map(({ name }) => name));
  assertEquals(names, [["a"], ["b"], ["c"], ["d", "e"]]);
});

Deno.test("latenessMs counts slots beyond the end of the interval as late, not as early", () => {
  // Every 10 ms, at 9 and up to 2.5 ms later.
  const arrivalsMs = [9, 19.5, 31, 39, 51.5];
  assertEquals(latenessAfterEarliestMs(arrivalsMs, 10), [0, 0.5, 2, 0, 2.5]);
  assertEquals(latenessMs(arrivalsMs, 10, 3), [2, 2.5, 4, 2, 4.5]);
});

Deno.test("latenessOf finds a drift in a schedule that loses time, but not in a stalled one", () => {
  const drifting = Array.from({ length: 400 }, (_, i) => i / 100);
  assertEquals(latenessOf(drifting).drift.toFixed(2), "3.00");
  const heldUp = Array.from({ length: 400 }, (_, i) => i % 2 === 0 ? 1 : 1 + i / 10);
  assertEquals(latenessOf(heldUp).drift, 0);
});
