import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type Exactness,
  LoopHold,
  sleep,
  systemClock,
  untilAborted,
  within,
} from "../../src/core/clock.ts";
import { FakeClock, settle } from "../support/clock.ts";

const KINDS: Record<string, Exactness | undefined> = {
  "a timer": undefined,
  "an exact timer": { mayBlock: () => false },
  "an exact timer that may block": { mayBlock: () => true },
};

for (const [kind, exact] of Object.entries(KINDS)) {
  Deno.test(`${kind} never fires early, whatever the fraction of its delay`, async () => {
    for (const delayMs of [0, 0.1, 0.9, 1.5, 2.001, 3.7, 5]) {
      const dueMs = systemClock.monotonic() + delayMs;
      await new Promise<void>((resolve) => systemClock.after(delayMs, resolve, exact));
      const nowMs = systemClock.monotonic();
      assert(nowMs >= dueMs, `fired ${dueMs - nowMs} ms early`);
    }
  });

  Deno.test(`${kind} that is cancelled never fires`, async () => {
    let fired = 0;
    for (const delayMs of [0, 1, 5]) systemClock.after(delayMs, () => fired++, exact)();
    await new Promise<void>((resolve) => systemClock.after(10, resolve));
    assertEquals(fired, 0);
  });

  Deno.test(`${kind} beyond the limit of setTimeout does not fire at once`, async () => {
    let fired = 0;
    const cancel = systemClock.after(2 ** 31, () => fired++, exact);
    await new Promise<void>((resolve) => systemClock.after(10, resolve));
    cancel();
    assertEquals(fired, 0);
  });
}

/** A signal that counts its listeners. */
function countedSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener(...args: Parameters<typeof addEventListener>) {
      listeners.add(args[1]);
      addEventListener.apply(signal, args);
    },
    removeEventListener(...args: Parameters<typeof removeEventListener>) {
      listeners.delete(args[1]);
      removeEventListener.apply(signal, args);
    },
  });
  return { signal, abort: (reason: unknown) => controller.abort(reason), listeners };
}

Deno.test("sleep resolves at its time and leaves no listener behind", async () => {
  const clock = new FakeClock();
  const { signal, listeners } = countedSignal();
  let slept = false;
  const sleeping = sleep(clock, 500, signal).then(() => slept = true);
  await clock.run(499);
  assertEquals([slept, listeners.size], [false, 1]);
  await clock.run(1);
  await sleeping;
  assertEquals([slept, listeners.size], [true, 0]);
});

Deno.test("sleep rejects with the signal's reason and leaves no timer behind", async () => {
  const clock = new FakeClock();
  const { signal, abort } = countedSignal();
  const sleeping = sleep(clock, 500, signal);
  abort(new Error("stopped"));
  await assertRejects(() => sleeping, Error, "stopped");
  assertEquals(clock.waiting, 0);
});

Deno.test("sleep with an aborted signal rejects at once and starts no timer", async () => {
  const clock = new FakeClock();
  const signal = AbortSignal.abort(new Error("stopped before"));
  await assertRejects(() => sleep(clock, 500, signal), Error, "stopped before");
  assertEquals(clock.waiting, 0);
});

Deno.test("untilAborted resolves when the signal aborts, at once when it has aborted", async () => {
  await untilAborted(AbortSignal.abort());
  const { signal, abort } = countedSignal();
  let resolved = false;
  const waiting = untilAborted(signal).then(() => resolved = true);
  await settle();
  assertEquals(resolved, false);
  abort("SIGTERM");
  await waiting;
});

/** `within` a second of a fake clock. */
function startWithin<T>(work: (signal: AbortSignal) => Promise<T>) {
  const clock = new FakeClock();
  const outer = countedSignal();
  const timeout = () => new Error("no result within 1 s");
  const result = within(clock, 1_000, outer.signal, work, timeout);
  result.catch(() => {});
  return { clock, outer, result };
}

Deno.test("within passes on the result and leaves no timer and no listener behind", async () => {
  const { clock, outer, result } = startWithin(() => Promise.resolve("done"));
  assertEquals(await result, "done");
  assertEquals([clock.waiting, outer.listeners.size], [0, 0]);
});

Deno.test("within passes on a rejection, and what the work throws before its first await", async () => {
  const rejecting = startWithin(() => Promise.reject(new Error("rejected")));
  await assertRejects(() => rejecting.result, Error, "rejected");
  const throwing = startWithin(() => {
    throw new Error("thrown");
  });
  await assertRejects(() => throwing.result, Error, "thrown");
  for (const { clock, outer } of [rejecting, throwing]) {
    assertEquals([clock.waiting, outer.listeners.size], [0, 0]);
  }
});

Deno.test("within ends at the limit, although the work ignores its signal", async () => {
  let given: AbortSignal | undefined;
  const { clock, outer, result } = startWithin((signal) => {
    given = signal;
    return new Promise(() => {});
  });
  await clock.run(999);
  assertEquals(given?.aborted, false);
  await clock.run(1);
  const error = await assertRejects(() => result, Error, "no result within 1 s");
  assertEquals([given?.aborted, given?.reason === error], [true, true]);
  assertEquals([clock.waiting, outer.listeners.size], [0, 0]);
});

Deno.test("within ends with the outer signal's reason as soon as that aborts", async () => {
  let given: AbortSignal | undefined;
  const { clock, outer, result } = startWithin((signal) => {
    given = signal;
    return new Promise(() => {});
  });
  const reason = new Error("the probe has stopped");
  outer.abort(reason);
  assertEquals(await result.catch((error) => error === reason), true);
  assertEquals([given?.reason === reason, clock.waiting], [true, 0]);
});

Deno.test("within keeps its first outcome, whatever the work does when its signal aborts", async () => {
  for (const late of ["resolve", "reject"] as const) {
    const { clock, result } = startWithin((signal) =>
      new Promise<string>((resolve, reject) => {
        const end = () => late === "resolve" ? resolve("late") : reject(new Error("late"));
        signal.addEventListener("abort", end);
      })
    );
    await clock.run(1_000);
    await assertRejects(() => result, Error, "no result within 1 s");
  }
});

Deno.test("within does not start the work when the outer signal has aborted", async () => {
  const clock = new FakeClock();
  let started = 0;
  const work = () => Promise.resolve(++started);
  const outer = AbortSignal.abort(new Error("stopped before"));
  const timeout = () => new Error("timeout");
  await assertRejects(() => within(clock, 1_000, outer, work, timeout), Error, "stopped before");
  assertEquals([started, clock.waiting], [0, 0]);
});

Deno.test("work that has held the event loop for 2 ms leaves it for as long, and begins anew", async () => {
  const clock = new FakeClock();
  const hold = new LoopHold(clock);
  clock.advance(2);
  assertEquals(hold.isLong, false);
  clock.advance(0.5);
  assertEquals(hold.isLong, true);
  let isReleased = false;
  const releasing = hold.release().then(() => isReleased = true);
  await clock.run(1.5);
  assertEquals(isReleased, false);
  await clock.run(0.5);
  await releasing;
  assertEquals(hold.isLong, false);
});
