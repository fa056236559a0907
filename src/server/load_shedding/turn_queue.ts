import type { Clock } from "../../core/clock.ts";

/** A turn of the event loop that takes longer is followed by a pause of the same length. */
const MAX_TURN_MS = 3;

/** Limits that pause: a turn may also have been long because the whole process was suspended. */
const MAX_PAUSE_MS = 100;

/**
 * Resumes its callers in order, a fixed number per turn of the event loop; the first one at once.
 * Timers of the probe run between turns: a crowd that resumed in a single turn would delay them by
 * the sum of its work. The pause after a long turn leaves half of the time to everything else.
 */
export class TurnQueue {
  #clock: Clock;
  #perTurn: number;
  #waiting: (() => void)[] = [];
  #isBusy = false;

  constructor(clock: Clock, perTurn = 1) {
    this.#clock = clock;
    this.#perTurn = perTurn;
  }

  /** How many callers wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Resolves when it is the caller's turn: at once when nobody waits and no turn is under way. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (!this.#isBusy) this.#resumeNext();
    });
  }

  #resumeNext(): void {
    const callers = this.#waiting.splice(0, this.#perTurn);
    this.#isBusy = callers.length > 0;
    if (!this.#isBusy) return;
    const sinceMs = this.#clock.monotonic();
    this.#clock.after(0, () => {
      const tookMs = this.#clock.monotonic() - sinceMs;
      if (tookMs <= MAX_TURN_MS) this.#resumeNext();
      else this.#clock.after(Math.min(tookMs, MAX_PAUSE_MS), () => this.#resumeNext());
    });
    for (const resume of callers) resume();
  }
}
