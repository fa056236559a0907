import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { SlicedDay, SLICES_PER_DAY } from "../../src/probing/sliced_day.ts";

const SLICE_MS = 30_000;
const DAY_MS = SLICES_PER_DAY * SLICE_MS;

Deno.test("a SlicedDay has a slice for each half minute", () => {
  assertEquals(DAY_MS, 24 * 60 * 60_000);
});

Deno.test("a SlicedDay that was never written to has a sum and a maximum of 0", () => {
  const day = new SlicedDay();
  assertEquals([day.sum(5e9, SLICES_PER_DAY), day.max(5e9, SLICES_PER_DAY)], [0, 0]);
});

Deno.test("a SlicedDay adds within a slice, and raises to the larger value", () => {
  const day = new SlicedDay();
  for (const amount of [3, 1, 2]) day.add(29_999, amount);
  assertEquals([day.sum(29_999, 1), day.sum(30_000, 1), day.sum(30_000, 2)], [6, 0, 6]);
  const highest = new SlicedDay();
  for (const value of [3, 1, 2]) highest.raise(0, value);
  assertEquals([highest.max(0, 1), highest.sum(0, 1)], [3, 3]);
});

Deno.test("a SlicedDay forgets a slice after a day", () => {
  const day = new SlicedDay();
  day.add(0, 7);
  assertEquals(day.sum(DAY_MS - 1, SLICES_PER_DAY), 7);
  assertEquals(day.sum(DAY_MS, SLICES_PER_DAY), 0);
});

Deno.test("a SlicedDay forgets every slice when nothing is written for days", () => {
  for (const days of [2, 3, 365]) {
    const day = new SlicedDay();
    for (let ms = 0; ms < DAY_MS; ms += SLICE_MS) day.add(ms, 1);
    assertEquals(day.sum(days * DAY_MS - 1, SLICES_PER_DAY), 0, `after ${days} days`);
  }
});

const step = fc.record({
  waitMs: fc.oneof(fc.nat(2 * SLICE_MS), fc.nat(DAY_MS), fc.nat(5 * DAY_MS)),
  do: fc.constantFrom("add", "sum", "max"),
  amount: fc.nat(1_000),
  slices: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(120, SLICES_PER_DAY)),
});

Deno.test("a SlicedDay sums and finds the maximum like a plain list of what was added", () => {
  fc.assert(
    fc.property(
      fc.nat(10 * DAY_MS),
      fc.array(step, { maxLength: 60, size: "max" }),
      (startMs, steps) => {
        const day = new SlicedDay();
        const added = new Map<number, number>();
        let nowMs = startMs;
        for (const { waitMs, do: action, amount, slices } of steps) {
          nowMs += waitMs;
          const slice = Math.floor(nowMs / SLICE_MS);
          if (action === "add") {
            day.add(nowMs, amount);
            added.set(slice, (added.get(slice) ?? 0) + amount);
            continue;
          }
          const inside = [...added].filter(([each]) => each > slice - slices).map(([, sum]) => sum);
          if (action === "sum") {
            assertEquals(day.sum(nowMs, slices), inside.reduce((sum, each) => sum + each, 0));
          } else {
            assertEquals(day.max(nowMs, slices), Math.max(0, ...inside));
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});
