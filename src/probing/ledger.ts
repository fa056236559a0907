import type { PendingTask, SettledTask, State } from "../core/task.ts";
import type { SkipCause, SkippedSlots, TaskObserver } from "../core/task_observer.ts";

/** Numbers of tasks since the start of the probe. */
export type LedgerCounts = {
  created: number;
  succeeded: number;
  failed: number;
  dismissed: number;
  /** Slots without a task. */
  skipped: Record<SkipCause, number>;
};

/**
 * Counts tasks apart from the metrics and the backlog, so that each can be checked against the
 * others. Throws as soon as the backlog does not hold the tasks that were counted.
 */
export class Ledger implements TaskObserver {
  readonly counts: LedgerCounts = {
    created: 0,
    succeeded: 0,
    failed: 0,
    dismissed: 0,
    skipped: { late: 0, in_flight: 0 },
  };

  /** `tracked` returns the numbers of tasks in the backlog. */
  constructor(private readonly tracked: () => Record<State, number>) {}

  created(): void {
    this.counts.created++;
    this.check();
  }

  settled({ state }: SettledTask): void {
    if (state === "SUCCEEDED") this.counts.succeeded++;
    else this.counts.failed++;
    this.check();
  }

  skipped({ cause, count }: SkippedSlots): void {
    this.counts.skipped[cause] += count;
  }

  /**
   * No check here: the backlog makes room before the new task is counted, so the numbers differ for a
   * moment.
   */
  dismissed(count: number): void {
    this.counts.dismissed += count;
  }

  /** Throws when the backlog does not hold the tasks that were counted. */
  check(): void {
    const { created, succeeded, failed, dismissed } = this.counts;
    const tracked = this.tracked();
    const pending = created - succeeded - failed;
    const settled = succeeded + failed - dismissed;
    const trackedSettled = tracked.SUCCEEDED + tracked.FAILED;
    if (tracked.PENDING === pending && trackedSettled === settled) return;
    throw new Error(
      `the ledger has ${pending} pending and ${settled} settled tasks, the backlog has ` +
        `${tracked.PENDING} and ${trackedSettled}`,
    );
  }
}

/** How long a task may stay pending after its deadline was first seen to have passed. */
const MAX_OVERDUE_MS = 10_000;

/**
 * Creates a check to call in each slot. A task that outlives its deadline blocks a place in flight for
 * ever. Throws when the oldest one stays overdue for `MAX_OVERDUE_MS`; a first sight is not enough,
 * since after a stall its timer may still be about to fire.
 */
export function createDeadlineCheck(
  timeoutMs: number,
): (oldest: PendingTask | undefined, nowMonotonicMs: number) => void {
  let overdue = { seqno: 0, sinceMs: 0 };
  return (oldest, nowMs) => {
    const ageMs = oldest ? nowMs - oldest.createdMonotonicMs : 0;
    if (!oldest || ageMs <= timeoutMs) return;
    const { seqno } = oldest;
    // Noted only after everything that is due now has run.
    if (seqno !== overdue.seqno) return queueMicrotask(() => overdue = { seqno, sinceMs: nowMs });
    if (nowMs - overdue.sinceMs <= MAX_OVERDUE_MS) return;
    throw new Error(
      `task ${seqno} has been pending for ${
        (ageMs / 1e3).toFixed(1)
      } s, although its deadline is ` +
        `${timeoutMs / 1e3} s`,
    );
  };
}
