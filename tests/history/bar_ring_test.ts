import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { BarRing, type Sample } from "../../src/history/bar_ring.ts";

const BAR_SECONDS = 5;
const BAR_MS = BAR_SECONDS * 1e3;
const BARS = 6;

/** Durations in eighths of a second, whose sums have no rounding. */
const sample: fc.Arbitrary<Sample> = fc.record({
  failed: fc.boolean(),
  slow: fc.boolean(),
  seconds: fc.nat(80).map((eighths) => eighths / 8),
});
const step = fc.record({
  waitMs: fc.oneof(fc.nat(BAR_MS), fc.nat(3 * BAR_MS), fc.nat(30 * BAR_MS)),
  sample,
});

/** The bar with this index from the epoch, counted from a whole list. */
function naiveBar(added: readonly (Sample & { atMs: number })[], index: number) {
  const inside = added.filter(({ atMs }) => Math.floor(atMs / BAR_MS) === index);
  const seconds = inside.filter(({ failed }) => !failed).map((each) => each.seconds);
  const hasSuccess = seconds.length > 0;
  return {
    startMs: index * BAR_MS,
    settled: inside.length,
    failed: inside.filter(({ failed }) => failed).length,
    slow: inside.filter(({ failed, slow }) => slow && !failed).length,
    meanSeconds: hasSuccess ? seconds.reduce((sum, each) => sum + each, 0) / seconds.length : null,
    longestSeconds: hasSuccess ? Math.max(...seconds) : null,
  };
}

Deno.test("a ring has the bars that a plain list of what was added has", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 100 * BAR_MS }),
      fc.array(step, { maxLength: 60, size: "max" }),
      fc.nat(2 * BARS * BAR_MS),
      (startMs, steps, waitMs) => {
        const ring = new BarRing(BARS, BAR_SECONDS);
        const added: (Sample & { atMs: number })[] = [];
        let nowMs = startMs;
        const check = () => {
          const newest = Math.floor(nowMs / BAR_MS);
          const expected = Array.from(
            { length: BARS },
            (_, i) => naiveBar(added, newest - BARS + 1 + i),
          );
          assertEquals(ring.read(nowMs), expected);
          const counts = { settled: 0, failed: 0 };
          for (const { settled, failed } of expected) {
            counts.settled += settled;
            counts.failed += failed;
          }
          assertEquals(ring.counts(nowMs), counts);
        };
        for (const { waitMs, sample } of steps) {
          nowMs += waitMs;
          ring.add(nowMs, sample);
          added.push({ ...sample, atMs: nowMs });
          if (waitMs % 2 === 0) check();
        }
        nowMs += waitMs;
        check();
      },
    ),
    { numRuns: 200 },
  );
});
