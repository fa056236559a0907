import type { Clock, Exactness } from "../core/clock.ts";

/** One run of a loop's handler. */
export type Tick = {
  /** Number of the slot that runs, from 0. */
  slot: number;
  /** Slots that passed since the last tick while the process was late. */
  skipped: number;
  /** How long after its due time the slot runs. */
  lagMs: number;
};

/** A running loop. */
export type Loop = {
  name: string;
  intervalMs: number;
  /** How long the next slot has been due; 0 while it lies in the future. */
  overdueMs(): number;
};

/**
 * Runs `handler` in slots of the monotonic clock: slot n is due at `now + phaseMs + n × intervalMs`,
 * however long the handlers take. After a stall only the newest due slot runs, and the tick holds the
 * number of skipped slots. Ends when `signal` aborts. `exact` is that of {@linkcode Clock.after}.
 */
export function every(
  name: string,
  intervalMs: number,
  handler: (tick: Tick) => void,
  { clock, signal, phaseMs = 0, exact }: {
    clock: Clock;
    signal: AbortSignal;
    phaseMs?: number;
    exact?: Exactness;
  },
): Loop {
  const startMs = clock.monotonic() + phaseMs;
  const dueMs = (slot: number) => startMs + slot * intervalMs;
  let next = 0;
  let cancel = () => {};

  const newestDue = (nowMs: number) => {
    let slot = Math.max(next, Math.floor((nowMs - startMs) / intervalMs));
    // The division may round to a neighbour of the slot that `dueMs` means.
    while (slot > next && dueMs(slot) > nowMs) slot--;
    while (dueMs(slot + 1) <= nowMs) slot++;
    return slot;
  };

  const arm = () => {
    if (signal.aborted) return;
    cancel = clock.after(Math.max(0, dueMs(next) - clock.monotonic()), run, exact);
  };

  const run = () => {
    const nowMs = clock.monotonic();
    if (nowMs < dueMs(next)) return arm();
    const slot = newestDue(nowMs);
    const tick = { slot, skipped: slot - next, lagMs: nowMs - dueMs(slot) };
    next = slot + 1;
    // Armed before the handler runs, so that nothing it does or throws can end the loop.
    arm();
    handler(tick);
  };

  signal.addEventListener("abort", () => cancel(), { once: true });
  arm();
  return { name, intervalMs, overdueMs: () => Math.max(0, clock.monotonic() - dueMs(next)) };
}

const MISSED_INTERVALS = 2;
const MIN_STALL_MS = 5_000;
const MAX_STALL_MS = 60_000;

/** Whether a loop has missed its tick for two intervals, at least 5 s and at most 60 s. */
export function isStalled({ intervalMs, overdueMs }: Loop): boolean {
  const limitMs = Math.max(MIN_STALL_MS, MISSED_INTERVALS * intervalMs);
  return overdueMs() > Math.min(MAX_STALL_MS, limitMs);
}
