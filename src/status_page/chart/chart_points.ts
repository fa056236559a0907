/** The points of the chart of durations, as the page carries them from the server to its script. */

/**
 * A settled task in the chart, at its creation, since outages are times of creations: one that times
 * out late has failed in the outage. `reason` is null for a success, `line` counts from 0.
 */
export type ChartPoint = {
  line: number;
  seqno: number;
  createdMs: number;
  seconds: number;
  reason: string | null;
};

/**
 * Columns are shorter than rows, and differences to the value before are shorter than values: all
 * but `ms` are differences.
 */
export type Columns = {
  line: number[];
  seqno: number[];
  createdMs: number[];
  ms: number[];
  /** The positions of the failures among the points, by reason. */
  failures: Record<string, number[]>;
};

/** The points as columns, in the order of their times, with durations to three digits. */
export function columnsOf(points: readonly ChartPoint[]): Columns {
  const sorted = points.toSorted((a, b) => a.createdMs - b.createdMs);
  const reasons = new Set(sorted.flatMap(({ reason }) => reason ?? []));
  const positions = (wanted: string) =>
    sorted.flatMap(({ reason }, i) => reason === wanted ? [i] : []);
  return {
    line: differences(sorted.map(({ line }) => line)),
    seqno: differences(sorted.map(({ seqno }) => seqno)),
    createdMs: differences(sorted.map(({ createdMs }) => Math.round(createdMs))),
    ms: sorted.map(({ seconds }) => Number((seconds * 1e3).toPrecision(3))),
    failures: Object.fromEntries(
      Array.from(reasons, (reason) => [reason, differences(positions(reason))]),
    ),
  };
}

/** The points that `columnsOf` wrote. */
export function pointsOf({ line, seqno, createdMs, ms, failures }: Columns): ChartPoint[] {
  const lines = sums(line);
  const seqnos = sums(seqno);
  const times = sums(createdMs);
  const reasons = new Map<number, string>();
  for (const [reason, positions] of Object.entries(failures)) {
    for (const position of sums(positions)) reasons.set(position, reason);
  }
  return ms.map((ms, i) => ({
    line: lines[i] ?? 0,
    seqno: seqnos[i] ?? 0,
    createdMs: times[i] ?? 0,
    seconds: ms / 1e3,
    reason: reasons.get(i) ?? null,
  }));
}

/** Each value less the one before it, which is shorter. */
export function differences(values: number[]): number[] {
  return values.map((value, i) => value - (values[i - 1] ?? 0));
}

/** The values that `differences` was given. */
export function sums(differences: number[]): number[] {
  let sum = 0;
  return differences.map((difference) => sum += difference);
}
