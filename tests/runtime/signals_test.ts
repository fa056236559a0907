import { assertEquals } from "@std/assert";
import { abortOnSignals, Hangups, type StopSignal } from "../../src/runtime/signals.ts";
import { FakeClock } from "../support/clock.ts";

/** A process that gets signals from the test. */
function start() {
  let nowMs = 1_000_000;
  let exits = 0;
  const callbacks = new Map<StopSignal, () => void>();
  const signal = abortOnSignals({
    onSignal: (name, callback) => callbacks.set(name, callback),
    monotonic: () => nowMs,
    exit: () => exits++,
  });
  return {
    signal,
    exits: () => exits,
    send(name: StopSignal, afterMs = 0) {
      nowMs += afterMs;
      callbacks.get(name)?.();
    },
  };
}

for (const name of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`abortOnSignals aborts at ${name}, with its name as the reason`, () => {
    const { signal, send, exits } = start();
    assertEquals(signal.aborted, false);
    send(name);
    assertEquals([signal.aborted, signal.reason, exits()], [true, name, 0]);
  });
}

Deno.test("abortOnSignals exits at a second signal, and keeps the reason of the first", () => {
  const { signal, send, exits } = start();
  send("SIGTERM");
  send("SIGTERM", 5_000);
  assertEquals([signal.reason, exits()], ["SIGTERM", 1]);
});

Deno.test("abortOnSignals takes the same signal within 250 ms for one that arrived twice", () => {
  const { send, exits } = start();
  send("SIGINT");
  send("SIGINT", 0);
  send("SIGINT", 250);
  assertEquals(exits(), 0);
  send("SIGINT", 1);
  assertEquals(exits(), 1);
});

Deno.test("abortOnSignals exits at another signal at once", () => {
  const { signal, send, exits } = start();
  send("SIGINT");
  send("SIGTERM", 0);
  assertEquals([signal.reason, exits()], ["SIGINT", 1]);
});

/** A process that gets SIGHUP from the test. */
function startWithHangups({ isAtTerminal }: { isAtTerminal: boolean }) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const listeners: (() => void)[] = [];
  const terminal = { isGone: false };
  const hangups = new Hangups({
    clock,
    listen: (callback) => void listeners.push(callback),
    isAtTerminal,
    isTerminalGone: () => terminal.isGone,
    stop,
  });
  let reloads = 0;
  return {
    clock,
    terminal,
    listeners,
    reloads: () => reloads,
    reason: () => stop.signal.reason,
    followReloads: () => hangups.onHangup(() => reloads++),
    hangUp: () => listeners.forEach((callback) => callback()),
  };
}

Deno.test("Hangups ignore SIGHUP without a terminal and without who reads again", async () => {
  const run = startWithHangups({ isAtTerminal: false });
  run.terminal.isGone = true;
  run.hangUp();
  await run.clock.run(10_000);
  assertEquals([run.listeners.length, run.reason()], [1, undefined]);
});

Deno.test("Hangups let a service read again each time, and never stop it", async () => {
  const service = startWithHangups({ isAtTerminal: false });
  service.followReloads();
  service.terminal.isGone = true;
  service.hangUp();
  service.hangUp();
  await service.clock.run(10_000);
  assertEquals([service.reloads(), service.reason()], [2, undefined]);
});

Deno.test("Hangups stop a program once its terminal is gone, however often that is said", () => {
  const program = startWithHangups({ isAtTerminal: true });
  program.followReloads();
  program.terminal.isGone = true;
  program.hangUp();
  program.hangUp();
  assertEquals([program.reloads(), program.reason(), program.listeners.length], [0, "SIGTERM", 1]);
});

Deno.test("Hangups stop a program whose terminal goes within a second of the signal", async () => {
  const program = startWithHangups({ isAtTerminal: true });
  program.followReloads();
  program.hangUp();
  await program.clock.run(5_000);
  assertEquals([program.reloads(), program.reason()], [1, undefined]);
  program.hangUp();
  program.terminal.isGone = true;
  await program.clock.run(999);
  assertEquals(program.reason(), undefined);
  await program.clock.run(1);
  assertEquals([program.reloads(), program.reason()], [2, "SIGTERM"]);
});

Deno.test("Hangups stop a program at a terminal that has nothing to read again", () => {
  const program = startWithHangups({ isAtTerminal: true });
  program.hangUp();
  assertEquals(program.reason(), "SIGTERM");
});
