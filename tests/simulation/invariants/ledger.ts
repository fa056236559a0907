import type { PendingTask, SettledTask } from "../../../src/core/task.ts";
import type { SkipCause } from "../../../src/core/task_observer.ts";
import type { SeenAttempt } from "./attempts.ts";

/** A pending task with the attempts that the platform has seen. */
export type PendingRecord = {
  task: PendingTask;
  deadlineMs: number;
  attempts: SeenAttempt[];
  /** How many of the attempts were retries. */
  retries: number;
};

/** A settled task as it was at settlement, and the JSON that `/tasks` first showed of it. */
export type SettledRecord = { task: SettledTask; shown: string | null };

/** The tasks that the probe must track, and the counts that it must show. */
export class Ledger {
  readonly pending = new Map<number, PendingRecord>();
  /** Tracked successes and failures, each sorted by `seqno`. */
  readonly succeeded: SettledRecord[] = [];
  readonly failed: SettledRecord[] = [];
  /** Datasets whose last settled task failed. */
  readonly failing = new Set<string>();
  /** How many tasks had which outcome. */
  readonly outcomes: { [outcome: string]: number } = {};
  readonly settled = { SUCCEEDED: 0, FAILED: 0 };
  readonly skipped: { [cause in SkipCause]: number } = { late: 0, in_flight: 0 };
  created = 0;
  dismissed = 0;
  #byTrace = new Map<string, PendingRecord>();

  constructor(private readonly maxTracked: number) {}

  get tracked(): number {
    return this.pending.size + this.succeeded.length + this.failed.length;
  }

  pendingOf(traceId: string): PendingRecord | undefined {
    return this.#byTrace.get(traceId);
  }

  settledRecord(state: string, seqno: number): SettledRecord | undefined {
    const records = state === "FAILED" ? this.failed : this.succeeded;
    const record = records[placeOf(records, seqno)];
    return record?.task.seqno === seqno ? record : undefined;
  }

  open(record: PendingRecord): void {
    this.pending.set(record.task.seqno, record);
    this.#byTrace.set(record.task.traceId, record);
  }

  /** The task is not pending any more; `settle` follows. */
  close({ task: { seqno, traceId } }: PendingRecord): void {
    this.pending.delete(seqno);
    this.#byTrace.delete(traceId);
  }

  settle(task: SettledTask): void {
    this.settled[task.state]++;
    const outcome = task.state === "FAILED" ? task.reason : "succeeded";
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
    const records = task.state === "FAILED" ? this.failed : this.succeeded;
    records.splice(placeOf(records, task.seqno), 0, { task, shown: null });
    if (task.state === "FAILED") this.failing.add(task.datasetId);
    else this.failing.delete(task.datasetId);
  }

  /** Dismisses the oldest successes, then the oldest failures, until the bound is kept. */
  makeRoom(): void {
    let surplus = this.tracked - this.maxTracked;
    for (const records of [this.succeeded, this.failed]) {
      if (surplus <= 0) return;
      const count = records.splice(0, surplus).length;
      this.dismissed += count;
      surplus -= count;
    }
  }

  /** Dismisses settled tasks that were created before this moment; returns how many. */
  prune(beforeMs: number): number {
    let count = 0;
    for (const records of [this.succeeded, this.failed]) {
      const young = records.findIndex(({ task }) => task.createdMonotonicMs >= beforeMs);
      count += records.splice(0, young === -1 ? records.length : young).length;
    }
    this.dismissed += count;
    return count;
  }
}

/** The index of the first record whose `seqno` is not smaller. */
function placeOf(records: readonly SettledRecord[], seqno: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const record = records[middle];
    if (record && record.task.seqno < seqno) low = middle + 1;
    else high = middle;
  }
  return low;
}
