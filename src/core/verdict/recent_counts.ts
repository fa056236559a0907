/** A window is forgotten in so many steps. */
export const SLICES = 60;

/** What was settled in a window. */
export type Counts = { settled: number; failed: number; slow: number };

/**
 * Counts of the tasks that were settled in the last `windowMs`, and up to a sixtieth longer. `nowMs`
 * is monotonic and never goes back.
 */
export class RecentCounts {
  // The slice that has only begun is counted in addition.
  readonly #slices: Counts[] = Array.from({ length: SLICES + 1 }, noCounts);
  /** Of all slices, since adding them up would be most of what reading 200 verdicts costs. */
  readonly #sum = noCounts();
  #newest = -1;

  constructor(private readonly windowMs: number) {}

  /** Counts a task that is settled now, or several that went alike. */
  add(nowMs: number, { failed, slow }: { failed: boolean; slow: boolean }, tasks = 1): void {
    for (const counts of [this.#advance(nowMs), this.#sum]) {
      counts.settled += tasks;
      if (failed) counts.failed += tasks;
      if (slow) counts.slow += tasks;
    }
  }

  read(nowMs: number): Counts {
    this.#advance(nowMs);
    return { ...this.#sum };
  }

  /** Clears the slices that have begun since the last call; returns the current one. */
  #advance(nowMs: number): Counts {
    const slice = Math.floor(nowMs / (this.windowMs / SLICES));
    const { length } = this.#slices;
    const stale = Math.min(length, slice - this.#newest);
    for (let i = 0; i < stale; i++) this.#clear((slice - i) % length);
    this.#newest = Math.max(this.#newest, slice);
    const current = this.#slices[this.#newest % length];
    if (!current) throw new RangeError(`no slice at ${nowMs} ms`);
    return current;
  }

  #clear(index: number): void {
    const { settled = 0, failed = 0, slow = 0 } = this.#slices[index] ?? {};
    this.#sum.settled -= settled;
    this.#sum.failed -= failed;
    this.#sum.slow -= slow;
    this.#slices[index] = noCounts();
  }
}

function noCounts(): Counts {
  return { settled: 0, failed: 0, slow: 0 };
}
