import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import type { Exactness } from "../../src/core/clock.ts";
import { every, isStalled, type Tick } from "../../src/probing/schedule.ts";
import { FakeClock } from "../support/clock.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A loop on a fake clock that records each tick with its time. */
function start(intervalMs: number, { clock = new FakeClock(), phaseMs = 0 } = {}) {
  const stop = new AbortController();
  const ticks: (Tick & { atMs: number })[] = [];
  const loop = every(
    "test",
    intervalMs,
    (tick) => ticks.push({ ...tick, atMs: clock.monotonic() }),
    { clock, signal: stop.signal, phaseMs },
  );
  return { clock, stop, ticks, loop };
}

Deno.test("a loop runs its first slot at once and the next ones an interval apart", () => {
  const { clock, ticks } = start(10 * SECOND);
  clock.advance(0);
  assertEquals(ticks, [{ slot: 0, skipped: 0, lagMs: 0, atMs: 0 }]);
  clock.advance(25 * SECOND);
  assertEquals(ticks.map(({ atMs }) => atMs), [0, 10 * SECOND, 20 * SECOND]);
});

Deno.test("a phase delays every slot by the same time", () => {
  const { clock, ticks } = start(10 * SECOND, { phaseMs: 2.5 * SECOND });
  clock.advance(23 * SECOND);
  assertEquals(ticks.map(({ atMs }) => atMs), [2.5 * SECOND, 12.5 * SECOND, 22.5 * SECOND]);
});

Deno.test("a loop on time runs every slot once for 31 days, without drift, through clock changes", () => {
  const { clock, ticks } = start(10 * SECOND, {
    clock: new FakeClock({ monotonicMs: 12_345.678 }),
  });
  clock.advance(10 * DAY);
  clock.setWallClock(-HOUR);
  clock.advance(10 * DAY);
  clock.setWallClock(HOUR);
  clock.advance(11 * DAY);

  assertEquals(ticks.length, 31 * DAY / (10 * SECOND) + 1);
  const wrong = ticks.filter(({ slot, skipped, lagMs, atMs }, i) =>
    slot !== i || skipped !== 0 || lagMs !== 0 || atMs !== 12_345.678 + i * 10 * SECOND
  );
  assertEquals(wrong.slice(0, 3), []);
});

Deno.test("a loop has no slots to catch up with after the machine was suspended", () => {
  const { clock, ticks } = start(10 * SECOND);
  clock.advance(35 * SECOND);
  clock.suspend(20 * MINUTE);
  clock.advance(10 * SECOND);
  assertEquals(ticks.map(({ slot }) => slot), [0, 1, 2, 3, 4]);
  assertEquals(ticks.filter(({ skipped }) => skipped > 0), []);
});

Deno.test("a loop runs only the newest due slot after a stall, and counts the others", () => {
  const { clock, ticks } = start(10 * SECOND);
  clock.advance(10 * SECOND);
  clock.stall(5 * MINUTE + 3 * SECOND);
  clock.advance(7 * SECOND);
  assertEquals(ticks.map(({ slot, skipped, lagMs }) => [slot, skipped, lagMs]), [
    [0, 0, 0],
    [1, 0, 0],
    [31, 29, 3 * SECOND],
    [32, 0, 0],
  ]);
});

Deno.test("a handler that throws does not end the loop", () => {
  const clock = new FakeClock();
  let runs = 0;
  every("test", SECOND, () => {
    runs++;
    throw new Error("broken handler");
  }, { clock, signal: new AbortController().signal });
  for (let i = 0; i < 3; i++) {
    try {
      clock.advance(SECOND);
    } catch {
      // The fake clock passes on what its timers throw.
    }
  }
  assert(runs >= 3, `ran ${runs} times`);
});

Deno.test("a loop that was aborted leaves no timer behind and never runs again", () => {
  const { clock, stop, ticks } = start(SECOND);
  clock.advance(1.5 * SECOND);
  stop.abort();
  assertEquals(clock.waiting, 0);
  clock.advance(DAY);
  assertEquals(ticks.length, 2);
});

Deno.test("a handler can end its own loop", () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  let runs = 0;
  every("test", SECOND, () => ++runs === 2 && stop.abort(), { clock, signal: stop.signal });
  clock.advance(10 * SECOND);
  assertEquals([runs, clock.waiting], [2, 0]);
});

Deno.test("a loop is stalled after two missed intervals, within 5 s and 60 s", () => {
  for (
    const [intervalMs, patienceMs] of [
      [100, 5 * SECOND],
      [10 * SECOND, 20 * SECOND],
      [5 * MINUTE, MINUTE],
    ] as const
  ) {
    let overdueMs: number = patienceMs;
    const loop = { name: "probe", intervalMs, overdueMs: () => overdueMs };
    assertEquals(isStalled(loop), false, `${intervalMs} ms, at its bound`);
    overdueMs += 1;
    assertEquals(isStalled(loop), true, `${intervalMs} ms, past its bound`);
  }
});

Deno.test("overdueMs counts from the slot that has not run", () => {
  const { clock, stop, loop } = start(10 * SECOND, { phaseMs: 3 * SECOND });
  clock.advance(2 * SECOND);
  assertEquals(loop.overdueMs(), 0);
  clock.advance(2 * SECOND);
  assertEquals(loop.overdueMs(), 0);
  stop.abort();
  clock.advance(12 * SECOND);
  assertEquals(loop.overdueMs(), 3 * SECOND);
});

/** What can happen to a process, in slots of its schedule or in time. */
type Event =
  | { kind: "run"; slots: number }
  | { kind: "stall" | "suspend" | "setWallClock"; ms: number };

/** Evenly between the bounds, unlike `fc.double`, which draws mostly tiny numbers. */
const between = (min: number, max: number) =>
  fc.integer({ min: 0, max: 1e6 }).map((share) => min + share / 1e6 * (max - min));

const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("run" as const), slots: between(0, 100) }),
    fc.record({
      kind: fc.constantFrom("stall" as const, "suspend" as const),
      ms: between(0, 20 * MINUTE),
    }),
    fc.record({ kind: fc.constant("stall" as const), ms: between(0, 3 * DAY) }),
    fc.record({ kind: fc.constant("setWallClock" as const), ms: fc.constantFrom(-HOUR, HOUR) }),
  ),
  { minLength: 5, maxLength: 40, size: "max" },
);

/** From 1 ms to 30 days, even on a logarithmic scale, with fractions of a millisecond. */
const intervals = between(0, Math.log10(30 * DAY)).map((exponent) => 10 ** exponent);

Deno.test("a loop runs or skips each slot once, on time or late, whatever happens to the process", () => {
  fc.assert(
    fc.property(
      intervals,
      between(0, 0.999),
      between(0, 1e9),
      events,
      (intervalMs, phase, bootMs, happened) => {
        const clock = new FakeClock({ monotonicMs: bootMs });
        const phaseMs = phase * intervalMs;
        const { ticks } = start(intervalMs, { clock, phaseMs });
        const dueMs = (slot: number) => bootMs + phaseMs + slot * intervalMs;
        // At least 30 virtual days, whatever was drawn.
        for (const event of [...happened, { kind: "stall" as const, ms: 30 * DAY }]) {
          if (event.kind === "run") clock.advance(event.slots * intervalMs);
          else clock[event.kind](event.ms);
        }

        let next = 0;
        for (const { slot, skipped, lagMs, atMs } of ticks) {
          const right = slot === next + skipped && lagMs === atMs - dueMs(slot) && lagMs >= 0 &&
            atMs < dueMs(slot + 1);
          assert(right, `slot ${slot}, ${skipped} skipped after ${next - 1}, at ${atMs} ms`);
          next = slot + 1;
        }
        // Everything that is due has run or is counted as skipped.
        assert(dueMs(next) > clock.monotonic());
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("a loop on time runs 1,000 slots of any interval and skips none", () => {
  fc.assert(
    fc.property(intervals, (intervalMs) => {
      const { clock, ticks } = start(intervalMs);
      clock.advance(1_000 * intervalMs);
      const late = ticks.filter(({ skipped, lagMs }) => skipped > 0 || lagMs > 1e-6 * intervalMs);
      assertEquals(late, []);
      assert(ticks.length >= 1_000, `${ticks.length} ticks`);
    }),
    { numRuns: 100 },
  );
});

Deno.test("a loop runs no slot early because a division was rounded up", () => {
  fc.assert(
    fc.property(intervals, fc.integer({ min: 2, max: 1e6 }), (intervalMs, slot) => {
      const { clock, ticks } = start(intervalMs);
      clock.stall(numberBefore(slot * intervalMs));
      assertEquals(ticks.map((tick) => tick.slot), [slot - 1]);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("a loop runs no slot early when its timer fires early", () => {
  const clock = new FakeClock();
  const early = Object.assign(Object.create(clock), {
    after: (delayMs: number, callback: () => void) => clock.after(delayMs * 0.7, callback),
    monotonic: () => clock.monotonic(),
  });
  const ticks: Tick[] = [];
  const { signal } = new AbortController();
  every("test", 30 * DAY, (tick) => ticks.push(tick), { clock: early, signal });
  clock.advance(90 * DAY - 1);
  assertEquals(ticks.map(({ slot, skipped }) => [slot, skipped]), [[0, 0], [1, 0], [2, 0]]);
});

/** The largest number below `value`. */
function numberBefore(value: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) - 1n);
  return view.getFloat64(0);
}

Deno.test("a loop requests exact timers only when it is exact", () => {
  for (const exact of [{ mayBlock: () => false }, undefined]) {
    const requested: unknown[] = [];
    const clock = new FakeClock();
    const { after } = clock;
    clock.after = function (delayMs: number, callback: () => void, exact?: Exactness) {
      requested.push(exact);
      return after.call(this, delayMs, callback);
    };
    every("test", SECOND, () => {}, { clock, signal: new AbortController().signal, exact });
    clock.advance(2 * SECOND);
    assertEquals(requested, [exact, exact, exact, exact]);
  }
});
