import { clearImmediate, setImmediate } from "node:timers";

/** What the program needs of time; tests bring a clock of their own. */
export type Clock = {
  /** Wall-clock time, milliseconds since the epoch. It can jump: for display only. */
  now(): number;
  /** Milliseconds on a clock that never jumps and stands still while the machine sleeps. */
  monotonic(): number;
  /**
   * Calls `callback` once, at least `delayMs` from now; returns a function that cancels it. With
   * `exact` it is called within a fraction of a millisecond on a quiet machine.
   */
  after(delayMs: number, callback: () => void, exact?: Exactness): () => void;
};

/** How the last two milliseconds before an exact timer are spent. */
export type Exactness = {
  /**
   * Whether the whole program may stand still for them, which takes no CPU time. Otherwise it polls,
   * which delays nothing else.
   */
  mayBlock: () => boolean;
};

/** `setTimeout` fires at once for a longer delay. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * How late a timer of Deno may fire: tokio rounds its deadline up to a whole millisecond, and then the
 * time that epoll waits for it.
 */
const TIMER_LATENESS_MS = 2;

/** How late a thread that sleeps may wake up on a quiet machine; it polls for so long. */
const SLEEP_LATENESS_MS = 0.2;

/** Nobody wakes who waits for this; only the time ends the wait. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback, exact) {
    const dueMs = performance.now() + delayMs;
    let cancel = () => {};

    const wait = () => {
      const leftMs = dueMs - performance.now();
      if (leftMs > MAX_TIMER_MS) setTimer(wait, MAX_TIMER_MS);
      else if (exact) setTimer(approach, Math.floor(leftMs - TIMER_LATENESS_MS));
      // Deno truncates fractions, which would fire the timer too early.
      else setTimer(callback, Math.ceil(leftMs));
    };
    const setTimer = (action: () => void, waitMs: number) => {
      const timer = setTimeout(action, Math.max(0, waitMs));
      cancel = () => clearTimeout(timer);
    };
    const approach = () => {
      const leftMs = dueMs - SLEEP_LATENESS_MS - performance.now();
      if (leftMs > 0 && exact?.mayBlock()) Atomics.wait(NEVER, 0, 0, leftMs);
      poll();
    };
    /** Polls once per event-loop turn, which delays nothing else. */
    const poll = () => {
      if (performance.now() >= dueMs) return callback();
      const immediate = setImmediate(poll);
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

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * Runs `work` for at most `limitMs`. Its signal aborts at that limit or with the `outer` signal, and
 * the promise rejects at that moment, whether `work` listens or not: with `timeout()`, or with the
 * outer signal's reason.
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

/** How long work may occupy the event loop before it yields: slots must not wait for readers. */
const MAX_HOLD_MS = 2;

/** For how long it then yields: a request of somebody else takes several turns of the event loop. */
const PAUSE_MS = 2;

/** For how long work has held the event loop: work in parts looks at it after each. */
export class LoopHold {
  readonly #clock: Clock;
  #sinceMs: number;

  /** Begins now, or as if it had lasted too long already. */
  constructor(clock: Clock, { isLong = false } = {}) {
    this.#clock = clock;
    this.#sinceMs = isLong ? -Infinity : clock.monotonic();
  }

  /** Whether it has lasted so long that `release` is due. */
  get isLong(): boolean {
    return this.#clock.monotonic() - this.#sinceMs > MAX_HOLD_MS;
  }

  /** Lets everything else run for some turns of the event loop, and begins anew. */
  async release(): Promise<void> {
    await sleep(this.#clock, PAUSE_MS);
    this.#sinceMs = this.#clock.monotonic();
  }
}
