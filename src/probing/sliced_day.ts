const SLICE_MS = 30_000;

/** Slices of half a minute in a day. */
export const SLICES_PER_DAY = 24 * 60 * 60_000 / SLICE_MS;

/** A number for each half minute of the last day. `nowMs` is monotonic and never goes back. */
export class SlicedDay {
  readonly #values = new Float32Array(SLICES_PER_DAY);
  /** The newest slice that was written to. */
  #newest = -1;

  /** Adds to the current slice. */
  add(nowMs: number, amount: number): void {
    const index = this.#advance(nowMs);
    this.#values[index] = this.#at(index) + amount;
  }

  /** Raises the current slice to at least `value`. */
  raise(nowMs: number, value: number): void {
    const index = this.#advance(nowMs);
    this.#values[index] = Math.max(this.#at(index), value);
  }

  /** The sum of the newest `slices`. */
  sum(nowMs: number, slices: number): number {
    return this.#last(nowMs, slices).reduce((sum, value) => sum + value, 0);
  }

  /** The maximum of the newest `slices`, at least 0. */
  max(nowMs: number, slices: number): number {
    return Math.max(0, ...this.#last(nowMs, slices));
  }

  /** Clears the slices that have begun since the last write; returns the index of the current one. */
  #advance(nowMs: number): number {
    const slice = Math.floor(nowMs / SLICE_MS);
    const stale = Math.min(SLICES_PER_DAY, slice - this.#newest);
    for (let i = 0; i < stale; i++) this.#values[(slice - i) % SLICES_PER_DAY] = 0;
    this.#newest = Math.max(this.#newest, slice);
    return slice % SLICES_PER_DAY;
  }

  #last(nowMs: number, slices: number): number[] {
    this.#advance(nowMs);
    return Array.from({ length: slices }, (_, i) => {
      return this.#at((this.#newest - i + 2 * SLICES_PER_DAY) % SLICES_PER_DAY);
    });
  }

  #at(index: number): number {
    return this.#values[index] ?? 0;
  }
}
