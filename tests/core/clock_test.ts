import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/core/clock.ts";

Deno.test("an exact timer never comes before its time, whatever fraction is asked for", async () => {
  for (const delayMs of [0, 0.1, 0.9, 1.5, 2.001, 3.7, 5]) {
    const dueMs = systemClock.monotonic() + delayMs;
    await new Promise<void>((resolve) => systemClock.after(delayMs, resolve, true));
    const nowMs = systemClock.monotonic();
    assert(nowMs >= dueMs, `${dueMs - nowMs} ms before`);
  }
});

Deno.test("an exact timer that is cancelled never comes", async () => {
  let came = 0;
  for (const delayMs of [0, 1, 5]) systemClock.after(delayMs, () => came++, true)();
  await new Promise<void>((resolve) => systemClock.after(10, resolve, true));
  assertEquals(came, 0);
});
