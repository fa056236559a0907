import { assertEquals } from "@std/assert";
import { TurnQueue } from "../../../src/server/load_shedding/turn_queue.ts";
import { settle } from "../../support/clock.ts";
import { ManualClock } from "./manual_clock.ts";

/** `count` callers of the queue; returns the numbers of those that have resumed, as they do. */
function queueUp(queue: TurnQueue, count: number, onResume = () => {}): number[] {
  const resumed: number[] = [];
  for (let nth = 1; nth <= count; nth++) {
    queue.next().then(() => {
      resumed.push(nth);
      onResume();
    });
  }
  return resumed;
}

Deno.test("TurnQueue resumes the first caller at once and then one per turn, in order", async () => {
  const clock = new ManualClock();
  const queue = new TurnQueue(clock);
  const resumed = queueUp(queue, 3);
  await settle();
  assertEquals([resumed, queue.length], [[1], 2]);
  await clock.turn();
  assertEquals(resumed, [1, 2]);
  await clock.turn();
  assertEquals([resumed, queue.length], [[1, 2, 3], 0]);
});

Deno.test("TurnQueue resumes a caller at once after a turn without callers", async () => {
  const clock = new ManualClock();
  const queue = new TurnQueue(clock);
  queueUp(queue, 1);
  await clock.turn();
  const resumed = queueUp(queue, 1);
  await settle();
  assertEquals(resumed, [1]);
});

Deno.test("TurnQueue resumes as many callers per turn as it is told", async () => {
  const clock = new ManualClock();
  const queue = new TurnQueue(clock, 2);
  const resumed = queueUp(queue, 6);
  await settle();
  assertEquals(resumed, [1]);
  await clock.turn();
  assertEquals(resumed, [1, 2, 3]);
  await clock.turn();
  assertEquals(resumed, [1, 2, 3, 4, 5]);
});

for (
  const [turnMs, expected] of [[3, "no pause"], [20, 20], [5_000, 100]] as [
    number,
    number | string,
  ][]
) {
  Deno.test(
    `TurnQueue follows a turn of ${turnMs} ms with ${
      typeof expected === "number" ? `a pause of ${expected} ms` : expected
    }`,
    async () => {
      const clock = new ManualClock();
      queueUp(new TurnQueue(clock), 2, () => clock.nowMs += turnMs);
      await settle();
      await clock.turn();
      assertEquals(clock.delaysMs, typeof expected === "number" ? [0, expected] : [0, 0]);
    },
  );
}
