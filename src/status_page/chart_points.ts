/** The points of the chart of durations, as the page carries them from the server to its script. */

/** A settled task in the chart; `reason` is null for a success. */
export type ChartPoint = {
  seqno: number;
  settledMs: number;
  seconds: number;
  reason: string | null;
};

/**
 * Columns are shorter than rows, and differences to the value before are shorter than values: all
 * but `ms` are differences.
 */
type Columns = {
  seqno: number[];
  settledMs: number[];
  ms: number[];
  /** The positions of the failures among the points, by reason. */
  failures: Record<string, number[]>;
};

/** The points as JSON, in the order of their times, with durations to three digits. */
export function encodePoints(points: readonly ChartPoint[]): string {
  const sorted = points.toSorted((a, b) => a.settledMs - b.settledMs);
  const reasons = new Set(sorted.flatMap(({ reason }) => reason ?? []));
  const positions = (wanted: string) =>
    sorted.flatMap(({ reason }, i) => reason === wanted ? [i] : []);
  const columns: Columns = {
    seqno: differences(sorted.map(({ seqno }) => seqno)),
    settledMs: differences(sorted.map(({ settledMs }) => Math.round(settledMs))),
    ms: sorted.map(({ seconds }) => Number((seconds * 1e3).toPrecision(3))),
    failures: Object.fromEntries(
      Array.from(reasons, (reason) => [reason, differences(positions(reason))]),
    ),
  };
  return JSON.stringify(columns);
}

/** The points that `encodePoints` wrote. */
export function decodePoints(json: string): ChartPoint[] {
  const { seqno, settledMs, ms, failures }: Columns = JSON.parse(json);
  const seqnos = sums(seqno);
  const times = sums(settledMs);
  const reasons = new Map<number, string>();
  for (const [reason, positions] of Object.entries(failures)) {
    for (const position of sums(positions)) reasons.set(position, reason);
  }
  return ms.map((ms, i) => ({
    seqno: seqnos[i] ?? 0,
    settledMs: times[i] ?? 0,
    seconds: ms / 1e3,
    reason: reasons.get(i) ?? null,
  }));
}

function differences(values: number[]): number[] {
  return values.map((value, i) => value - (values[i - 1] ?? 0));
}

function sums(differences: number[]): number[] {
  let sum = 0;
  return differences.map((difference) => sum += difference);
}
