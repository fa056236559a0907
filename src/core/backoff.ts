/** Delays between attempts: each twice the last one, up to a limit. */
export type Backoff = {
  /** Milliseconds to wait before the next attempt. */
  nextMs(): number;
  /** Starts again with the first delay. */
  reset(): void;
};

/** Creates a back-off of `firstMs`, then doubling to at most `maxMs` milliseconds. */
export function createBackoff({ firstMs, maxMs }: { firstMs: number; maxMs: number }): Backoff {
  let delayMs = firstMs;
  return {
    nextMs() {
      const thisMs = Math.min(delayMs, maxMs);
      delayMs = thisMs * 2;
      return thisMs;
    },
    reset() {
      delayMs = firstMs;
    },
  };
}
