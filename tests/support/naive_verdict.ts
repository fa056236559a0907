/** The verdict as docs/verdict.md defines it, from a whole list of tasks: slow, and easy to check. */
import type { Reason } from "../../src/core/reasons.ts";
import type { DatasetState } from "../../src/core/verdict/states.ts";

export type NaiveTask = {
  seqno: number;
  createdMs: number;
  /** Null after a success. */
  reason: Reason | null;
  durationSeconds: number;
  /** Monotonic instant of the settlement. */
  settledMs: number;
};

type Incident = {
  startMs: number;
  endMs: number | null;
  lost: number;
  reasons: object;
  firstSeqno: number;
  endSeqno: number | null;
};

/** Whether a dataset with these settled tasks is failing, since when, and which outages it had. */
export function naiveRows(settled: readonly NaiveTask[]) {
  const tasks = settled.toSorted((a, b) => a.seqno - b.seqno);
  const incidents: Incident[] = [];
  let sinceMs: number | null = null;
  for (let i = 0; i < tasks.length;) {
    const isRow = (task: NaiveTask) => (task.reason === null) === (tasks[i]?.reason === null);
    let end = i + 1;
    while (end < tasks.length && isRow(tasks[end]!)) end++;
    const row = tasks.slice(i, end);
    const [first] = row;
    const isOutage = row[0]?.reason !== null && (row.length >= 3 || i === 0);
    const endsOutage = row[0]?.reason === null && incidents.at(-1)?.endMs === null;
    if (isOutage) {
      const reasons: Partial<Record<Reason, number>> = {};
      for (const { reason } of row) if (reason) reasons[reason] = (reasons[reason] ?? 0) + 1;
      incidents.push({
        startMs: first!.createdMs,
        endMs: null,
        lost: row.length,
        reasons,
        firstSeqno: first!.seqno,
        endSeqno: null,
      });
    } else if (endsOutage) {
      Object.assign(incidents.at(-1)!, { endMs: first!.createdMs, endSeqno: first!.seqno });
    }
    if (isOutage || endsOutage || sinceMs === null) sinceMs = first!.createdMs;
    i = end;
  }
  const isFailing = incidents.at(-1)?.endMs === null;
  return { isFailing, sinceMs, incidents };
}

/** The state at a monotonic instant; `startedMs` is that of the probe's start. */
export function naiveState(
  settled: readonly NaiveTask[],
  nowMs: number,
  { startedMs, silenceMs, windowMs, slowSeconds }: {
    startedMs: number;
    silenceMs: number;
    windowMs: number;
    slowSeconds: number;
  },
): DatasetState {
  if (naiveRows(settled).isFailing) return "failing";
  const lastMs = Math.max(startedMs, ...settled.map((task) => task.settledMs));
  if (nowMs - lastMs > silenceMs) return "no_news";
  if (settled.length === 0) return "starting";
  // The window is kept to a sixtieth of its length.
  const slice = (ms: number) => Math.floor(ms / (windowMs / 60));
  const recent = settled.filter((task) => slice(task.settledMs) >= slice(nowMs) - 60);
  if (recent.some(({ reason }) => reason !== null)) return "unsteady";
  const slow = recent.filter(({ durationSeconds }) => durationSeconds > slowSeconds);
  return slow.length > recent.length / 2 ? "slow" : "working";
}
