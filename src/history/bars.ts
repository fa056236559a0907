/** What was settled in one part of a window; durations are those of the successes. */
export type Bar = {
  /** Wall-clock time, milliseconds since the epoch. */
  startMs: number;
  settled: number;
  failed: number;
  /** Successes that took longer than the objective. */
  slow: number;
  /** Null without a success. */
  meanSeconds: number | null;
  longestSeconds: number | null;
};

/**
 * A window in equal parts, oldest first; the last one still grows. What was before `knownSinceMs` is
 * not known: a bar there is no claim of health.
 */
export type Strip = { barSeconds: number; knownSinceMs: number; bars: readonly Bar[] };

type RangeDefinition = {
  /** What people read. */
  words: string;
  barSeconds: number;
  bars: number;
};

/** The windows that the probe itself remembers, shortest first. */
export const RANGES = {
  "5m": { words: "5 min", barSeconds: 5, bars: 60 },
  "1h": { words: "1 h", barSeconds: 60, bars: 60 },
  "6h": { words: "6 h", barSeconds: 300, bars: 72 },
  "24h": { words: "24 h", barSeconds: 900, bars: 96 },
} as const satisfies Record<string, RangeDefinition>;

export type Range = keyof typeof RANGES;

export const RANGE_NAMES = Object.keys(RANGES) as readonly Range[];

/** The days that only Prometheus remembers, a bar a day (UTC). */
export const QUARTER = { words: "90 days", barSeconds: 86_400, bars: 90 } as const;

/** A bar in which nothing was settled. */
export function emptyBar(startMs: number): Bar {
  return { startMs, settled: 0, failed: 0, slow: 0, meanSeconds: null, longestSeconds: null };
}

/** The beginning of the bar that holds `ms`. Bars are aligned to the epoch. */
export function startOfBar(ms: number, barSeconds: number): number {
  return Math.floor(ms / (barSeconds * 1e3)) * barSeconds * 1e3;
}

/** One bar in place of several. Durations that are not known count for nothing. */
export function sumOf(startMs: number, bars: readonly Bar[]): Bar {
  const sum = emptyBar(startMs);
  let [timed, seconds] = [0, 0];
  for (const { settled, failed, slow, meanSeconds, longestSeconds } of bars) {
    sum.settled += settled;
    sum.failed += failed;
    sum.slow += slow;
    if (meanSeconds === null) continue;
    timed += settled - failed;
    seconds += meanSeconds * (settled - failed);
    sum.longestSeconds = Math.max(sum.longestSeconds ?? 0, longestSeconds ?? 0);
  }
  if (timed > 0) sum.meanSeconds = seconds / timed;
  return sum;
}
