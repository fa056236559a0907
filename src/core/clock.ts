import { clearImmediate, setImmediate } from "node:timers";

/** What the program needs of time; tests put a clock of their own in its place. */
export type Clock = {
  /** Wall-clock time in milliseconds since the epoch. It can jump: only for showing. */
  now(): number;
  /** Milliseconds on a clock that never jumps and stands still while the machine sleeps. */
  monotonic(): number;
  /**
   * Calls `callback` once, `delayMs` from now or later, and returns what cancels it. With `exact`
   * it comes within a fraction of a millisecond on a quiet machine, for up to two of CPU time.
   */
  after(delayMs: number, callback: () => void, exact?: boolean): () => void;
};

/** A longer `setTimeout` fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** By how much Deno's timers are late: they count whole milliseconds, rounded up twice. */
const TIMER_LATE_MS = 2;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback, exact = false) {
    const dueMs = performance.now() + delayMs;
    let cancel = () => {};

    const wait = () => {
      const leftMs = dueMs - performance.now();
      if (leftMs > MAX_TIMER_MS) set(wait, MAX_TIMER_MS);
      else if (exact) set(turn, Math.floor(leftMs - TIMER_LATE_MS));
      // Deno truncates fractions, which would fire the timer too early.
      else set(callback, Math.ceil(leftMs));
    };
    const set = (action: () => void, waitMs: number) => {
      const timer = setTimeout(action, Math.max(0, waitMs));
      cancel = () => clearTimeout(timer);
    };
    /** Lets the event loop go round, which holds nobody up, until the time has come. */
    const turn = () => {
      if (performance.now() >= dueMs) return callback();
      const immediate = setImmediate(turn);
      cancel = () => clearImmediate(immediate);
    };

    wait();
    return () => cancel();
  },
};

/** Resolves after `delayMs`; rejects with the signal's reason when that aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * Runs `work` for at most `limitMs`. The signal that it is given aborts at that limit or with the
 * `outer` one, and the promise rejects at that moment whether or not `work` listens: with
 * `timeout()`, or with the outer signal's reason.
 */
export function within<T>(
  clock: Clock,
  limitMs: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  timeout: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const inner = new AbortController();
    const end = (reason: unknown) => {
      release();
      reject(reason);
      inner.abort(reason);
    };
    const onOuterAbort = () => end(outer.reason);
    const cancel = clock.after(limitMs, () => end(timeout()));
    const release = () => {
      cancel();
      outer.removeEventListener("abort", onOuterAbort);
    };
    outer.addEventListener("abort", onOuterAbort, { once: true });
    if (outer.aborted) return onOuterAbort();
    Promise.try(work, inner.signal).finally(release).then(resolve, reject);
  });
}
