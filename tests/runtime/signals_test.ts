import { assertEquals } from "@std/assert";
import { abortOnSignals, type StopSignal } from "../../src/runtime/signals.ts";

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
