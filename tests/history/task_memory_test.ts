import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { type Range, RANGE_NAMES, RANGES } from "../../src/history/bars.ts";
import { TaskMemory } from "../../src/history/task_memory.ts";
import { FakeClock } from "../support/clock.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

const START_MS = Date.UTC(2026, 9, 24, 12, 7, 3);
const HOUR_MS = 3_600_000;

function start({ datasetIds = ["a"], wallMs = START_MS } = {}) {
  const clock = new FakeClock({ wallMs });
  const memory = new TaskMemory({ datasetIds, clock, sloLatencySeconds: 1 });
  const settle = (isGood: boolean, seconds = 0.125, datasetId = "a") => {
    const task = pending({ datasetId, createdMs: clock.now() });
    memory.settled(isGood ? succeeded(task, seconds) : failed(task, "dns", seconds));
  };
  const read = (range: Range, datasetId = "a") => {
    const strip = memory.read(datasetId, range);
    assert(strip);
    return strip;
  };
  return { clock, memory, settle, read };
}

Deno.test("a memory has the bars of each range, aligned to the wall clock", () => {
  const { clock, settle, read } = start();
  settle(true, 1.5);
  clock.advance(HOUR_MS);
  settle(false);
  settle(true, 0.5);
  for (const range of RANGE_NAMES) {
    const { barSeconds, bars, knownSinceMs } = read(range);
    assertEquals([barSeconds, bars.length], [RANGES[range].barSeconds, RANGES[range].bars]);
    assertEquals(knownSinceMs, START_MS);
    const barMs = barSeconds * 1e3;
    const lastMs = Math.floor(clock.now() / barMs) * barMs;
    assertEquals(
      bars.map(({ startMs }) => startMs),
      bars.map((_, i) => {
        return lastMs - (bars.length - 1 - i) * barMs;
      }),
    );
    assertEquals(bars.at(-1), {
      startMs: lastMs,
      settled: 2,
      failed: 1,
      slow: 0,
      meanSeconds: 0.5,
      longestSeconds: 0.5,
    });
  }
  const [first] = read("24h").bars.filter(({ settled }) => settled > 0);
  assertEquals(first, {
    startMs: Date.UTC(2026, 9, 24, 12),
    settled: 1,
    failed: 0,
    slow: 1,
    meanSeconds: 1.5,
    longestSeconds: 1.5,
  });
});

Deno.test("a memory keeps datasets apart, and knows nothing of one that is not probed", () => {
  const { memory, settle } = start({ datasetIds: ["a", "b"] });
  settle(false, 1, "b");
  assertEquals(memory.counts("a", "5m"), { settled: 0, failed: 0 });
  assertEquals(memory.counts("b", "5m"), { settled: 1, failed: 1 });
  assertEquals(memory.counts("c", "5m"), { settled: 0, failed: 0 });
  assertEquals(memory.read("c", "5m"), null);
});

Deno.test("a machine that sleeps leaves a gap in the bars", () => {
  const { clock, settle, read } = start();
  settle(true);
  clock.suspend(2 * HOUR_MS);
  settle(true);
  const filled = read("24h").bars.flatMap(({ settled }, i) => settled > 0 ? [i] : []);
  assertEquals(filled, [96 - 1 - 8, 96 - 1]);
  assertEquals(read("24h").knownSinceMs, START_MS);
  assertEquals(read("1h").bars.filter(({ settled }) => settled > 0).length, 1);
});

Deno.test("a wall clock that is set back loses nothing and moves the bars by whole ones", () => {
  const { clock, settle, read } = start();
  settle(true);
  clock.advance(HOUR_MS);
  clock.setWallClock(-HOUR_MS);
  settle(false);
  const { bars, knownSinceMs } = read("24h");
  assertEquals(
    bars.filter(({ settled }) => settled > 0).map(({ startMs, failed }) => {
      return [new Date(startMs).toISOString(), failed];
    }),
    [["2026-10-24T11:00:00.000Z", 0], ["2026-10-24T12:00:00.000Z", 1]],
  );
  assertEquals(knownSinceMs, START_MS - HOUR_MS);
});

const event = fc.oneof(
  fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(HOUR_MS) }),
  fc.record({ kind: fc.constant("settle" as const), isGood: fc.boolean() }),
  fc.record({ kind: fc.constant("suspend" as const), ms: fc.nat(3 * HOUR_MS) }),
  fc.record({
    kind: fc.constant("set" as const),
    ms: fc.integer({ min: -3 * HOUR_MS, max: 3 * HOUR_MS }),
  }),
);

Deno.test("whatever the clocks do, each range has what was settled in it, at plausible times", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80, size: "max" }), (events) => {
      const { clock, memory, settle, read } = start();
      // The clock that the memory promises to follow: the wall clock, but for steps back.
      let offsetMs = clock.now() - clock.monotonic();
      const settled: { atMs: number; isGood: boolean }[] = [];
      for (const event of events) {
        if (event.kind === "pass") clock.advance(event.ms);
        if (event.kind === "suspend") clock.suspend(event.ms);
        if (event.kind === "set") clock.setWallClock(event.ms);
        offsetMs = Math.max(offsetMs, clock.now() - clock.monotonic());
        const nowMs = clock.monotonic() + offsetMs;
        if (event.kind === "settle") {
          settle(event.isGood);
          settled.push({ atMs: nowMs, isGood: event.isGood });
        }
        for (const range of RANGE_NAMES) {
          const { barSeconds, bars } = read(range);
          const barMs = barSeconds * 1e3;
          const oldest = Math.floor(nowMs / barMs) - bars.length;
          const inside = settled.filter(({ atMs }) => Math.floor(atMs / barMs) > oldest);
          assertEquals(memory.counts("a", range), {
            settled: inside.length,
            failed: inside.filter(({ isGood }) => !isGood).length,
          });
          // The last bar holds the present, to the length of a bar.
          const lastMs = bars.at(-1)?.startMs ?? 0;
          assert(Math.abs(clock.now() - lastMs) <= barMs, `${clock.now()} not near ${lastMs}`);
        }
      }
    }),
  );
});
