import type { Clock } from "../../../src/core/clock.ts";
import { settle } from "../../support/clock.ts";

/** A clock whose event loop turns when a test says so, whatever the delays of its timers. */
export class ManualClock implements Clock {
  nowMs = 0;
  /** The delays of all timers, in the order in which they were set. */
  readonly delaysMs: number[] = [];
  #callbacks: (() => void)[] = [];

  now(): number {
    return this.nowMs;
  }

  monotonic(): number {
    return this.nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    this.delaysMs.push(delayMs);
    this.#callbacks.push(callback);
    return () => {};
  }

  /** Runs every timer that is set now, and what follows from them without another timer. */
  async turn(): Promise<void> {
    for (const callback of this.#callbacks.splice(0)) callback();
    await settle();
  }
}
