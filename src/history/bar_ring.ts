import type { Bar } from "./bars.ts";

/** A task as a bar counts it. */
export type Sample = { failed: boolean; slow: boolean; seconds: number };

/**
 * The newest `count` bars, in 28 bytes each. Times are milliseconds since the epoch and never go
 * back.
 */
export class BarRing {
  readonly #settled: Uint32Array;
  readonly #failed: Uint32Array;
  readonly #slow: Uint32Array;
  /** Of the successes. */
  readonly #sumSeconds: Float64Array;
  readonly #longestSeconds: Float64Array;
  readonly #barMs: number;
  /** The newest bar, counted from the epoch. */
  #newest = -1;

  constructor(private readonly count: number, barSeconds: number) {
    this.#barMs = barSeconds * 1e3;
    this.#settled = new Uint32Array(count);
    this.#failed = new Uint32Array(count);
    this.#slow = new Uint32Array(count);
    this.#sumSeconds = new Float64Array(count);
    this.#longestSeconds = new Float64Array(count);
  }

  /** Counts a task that is settled now. */
  add(nowMs: number, { failed, slow, seconds }: Sample): void {
    this.#advance(nowMs);
    const place = this.#newest % this.count;
    raise(this.#settled, place, 1);
    if (failed) return raise(this.#failed, place, 1);
    if (slow) raise(this.#slow, place, 1);
    raise(this.#sumSeconds, place, seconds);
    const longest = this.#longestSeconds[place] ?? 0;
    this.#longestSeconds[place] = Math.max(longest, seconds);
  }

  /** All bars, oldest first; the last one holds this moment. */
  read(nowMs: number): Bar[] {
    this.#advance(nowMs);
    return Array.from(
      { length: this.count },
      (_, i) => this.#bar(this.#newest - this.count + 1 + i),
    );
  }

  /** What was settled in all bars. */
  counts(nowMs: number): { settled: number; failed: number } {
    this.#advance(nowMs);
    return { settled: sum(this.#settled), failed: sum(this.#failed) };
  }

  #bar(index: number): Bar {
    const place = (index + this.count) % this.count;
    const [settled = 0, failed = 0] = [this.#settled[place], this.#failed[place]];
    const hasSuccess = settled > failed;
    return {
      startMs: index * this.#barMs,
      settled,
      failed,
      slow: this.#slow[place] ?? 0,
      meanSeconds: hasSuccess ? (this.#sumSeconds[place] ?? 0) / (settled - failed) : null,
      longestSeconds: hasSuccess ? this.#longestSeconds[place] ?? 0 : null,
    };
  }

  /** Clears the bars that have begun since the last call. */
  #advance(nowMs: number): void {
    const index = Math.floor(nowMs / this.#barMs);
    const begun = Math.min(this.count, index - this.#newest);
    for (let i = 0; i < begun; i++) this.#clear((index - i + this.count) % this.count);
    this.#newest = Math.max(this.#newest, index);
  }

  #clear(place: number): void {
    this.#settled[place] = this.#failed[place] = this.#slow[place] = 0;
    this.#sumSeconds[place] = this.#longestSeconds[place] = 0;
  }
}

function raise(values: Uint32Array | Float64Array, place: number, by: number): void {
  values[place] = (values[place] ?? 0) + by;
}

function sum(values: Uint32Array): number {
  return values.reduce((total, value) => total + value, 0);
}
