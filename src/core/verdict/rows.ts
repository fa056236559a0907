import type { Reason } from "../reasons.ts";

/** So many failures one after the other are an outage; fewer are, while none has succeeded. */
export const FAILING_ROW = 3;

/** The incidents that are kept of a dataset, which bounds memory. */
export const MAX_INCIDENTS = 20;

/** How many tasks failed for each reason. */
export type ReasonCounts = Readonly<Partial<Record<Reason, number>>>;

/** The counts of several incidents as one. */
export function sumOfReasons(all: readonly ReasonCounts[]): ReasonCounts {
  const sum: Partial<Record<Reason, number>> = {};
  for (const [reason, count] of all.flatMap(entriesOf)) sum[reason] = (sum[reason] ?? 0) + count;
  return sum;
}

/** The reasons with their counts, the most frequent first. */
export function byFrequency(counts: ReasonCounts): [Reason, number][] {
  return entriesOf(counts).sort(([, a], [, b]) => b - a);
}

function entriesOf(counts: ReasonCounts): [Reason, number][] {
  return Object.entries(counts) as [Reason, number][];
}

/** A row of failures in which the dataset was failing. Times are those of creations. */
export type Incident = {
  /** When the first of the failed tasks was created, milliseconds since the epoch. */
  readonly startMs: number;
  /** When the first task that succeeded again was created; null while there is none. */
  readonly endMs: number | null;
  /** How many tasks failed. */
  readonly lost: number;
  readonly reasons: ReasonCounts;
  /** The `seqno` of the first of the failed tasks; null when it is not known. */
  readonly firstSeqno: number | null;
  /** The `seqno` of the first task that succeeded again; null like `endMs`, or when not known. */
  readonly endSeqno: number | null;
};

/** A settled task as the rows need it: when it was created, and why it failed if it did. */
export type RowTask = {
  readonly seqno: number;
  readonly createdMs: number;
  readonly reason: Reason | null;
};

/** The rows of equal outcomes up to some task, in the order of creation. */
export type Rows = {
  /** The creation of the first task that succeeded; null while none has. */
  readonly firstSuccessMs: number | null;
  /** The failures after the last success; `isFailing` says whether they are an outage. */
  readonly row: Incident | null;
  readonly isFailing: boolean;
  /** When the first task of `row` that failed for each reason was created, in that order. */
  readonly onsets: ReadonlyMap<Reason, number>;
  /** Why the last task of `row` failed; null without one. */
  readonly lastReason: Reason | null;
  /**
   * The creation of the first task of the outage, or of the first success after it; without an
   * outage, of the first success. Null before the first task.
   */
  readonly sinceMs: number | null;
  /** The last outages that are over, oldest first. */
  readonly ended: readonly Incident[];
};

export const NO_ROWS: Rows = {
  firstSuccessMs: null,
  row: null,
  isFailing: false,
  onsets: new Map(),
  lastReason: null,
  sinceMs: null,
  ended: [],
};

/** The rows with the task that was created next. */
export function withTask(rows: Rows, task: RowTask): Rows {
  return task.reason === null ? withSuccess(rows, task) : withFailure(rows, task, task.reason);
}

function withFailure(rows: Rows, { createdMs, seqno }: RowTask, reason: Reason): Rows {
  const { startMs, firstSeqno, lost, reasons }: Incident = rows.row ??
    { startMs: createdMs, endMs: null, lost: 0, reasons: {}, firstSeqno: seqno, endSeqno: null };
  const row: Incident = {
    startMs,
    endMs: null,
    lost: lost + 1,
    reasons: { ...reasons, [reason]: (reasons[reason] ?? 0) + 1 },
    firstSeqno,
    endSeqno: null,
  };
  const isFailing = row.lost >= FAILING_ROW || rows.firstSuccessMs === null;
  const before = rows.row ? rows.onsets : NO_ROWS.onsets;
  const onsets = before.has(reason) ? before : new Map([...before, [reason, createdMs]]);
  const sinceMs = isFailing ? startMs : rows.sinceMs;
  return { ...rows, row, isFailing, onsets, lastReason: reason, sinceMs };
}

function withSuccess(rows: Rows, { createdMs, seqno }: RowTask): Rows {
  if (rows.firstSuccessMs !== null && !rows.row) return rows;
  const { row, isFailing, ended } = rows;
  return {
    ...NO_ROWS,
    firstSuccessMs: rows.firstSuccessMs ?? createdMs,
    sinceMs: isFailing ? createdMs : rows.sinceMs ?? createdMs,
    ended: row && isFailing
      ? [...ended, { ...row, endMs: createdMs, endSeqno: seqno }].slice(-MAX_INCIDENTS)
      : ended,
  };
}
