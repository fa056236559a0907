import { setImmediate } from "node:timers";
import type { Clock } from "../../src/core/clock.ts";

type Timer = { dueMs: number; order: number; callback: () => void };

/** A clock that moves only when a test moves it. Timers run in the order of their time. */
export class FakeClock implements Clock {
  #monotonicMs: number;
  #wallMs: number;
  #timers: Timer[] = [];
  #order = 0;

  constructor({ monotonicMs = 0, wallMs = Date.UTC(2026, 9, 24, 12) } = {}) {
    this.#monotonicMs = monotonicMs;
    this.#wallMs = wallMs;
  }

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.#monotonicMs + delayMs, order: this.#order++, callback };
    const place = this.#timers.findLastIndex(({ dueMs }) => dueMs <= timer.dueMs) + 1;
    this.#timers.splice(place, 0, timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index >= 0) this.#timers.splice(index, 1);
    };
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.length;
  }

  /** Lets time pass with every timer on its time; what they resolve runs after the call. */
  advance(ms: number): void {
    const endMs = this.#monotonicMs + ms;
    for (let [next] = this.#timers; next && next.dueMs <= endMs; [next] = this.#timers) {
      this.#timers.shift();
      this.#move(Math.max(0, next.dueMs - this.#monotonicMs));
      next.callback();
    }
    this.#move(endMs - this.#monotonicMs);
  }

  /** Like `advance`, and lets what each timer resolves run before the next one. */
  async run(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    await settle();
    for (let [next] = this.#timers; next && next.dueMs <= endMs; [next] = this.#timers) {
      this.advance(Math.max(0, next.dueMs - this.#monotonicMs));
      await settle();
    }
    this.advance(endMs - this.#monotonicMs);
    await settle();
  }

  /** Holds the process up: time passes and no timer runs until the end (SIGSTOP, a busy loop). */
  stall(ms: number): void {
    this.#move(ms);
    this.advance(0);
  }

  /** The machine sleeps: only the wall clock goes on. */
  suspend(ms: number): void {
    this.#wallMs += ms;
  }

  /** The wall clock is set, forwards or backwards (summer time, NTP). */
  setWallClock(byMs: number): void {
    this.#wallMs += byMs;
  }

  #move(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
  }
}

/** Lets every promise that can go on do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
