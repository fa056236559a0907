import type { SkipCause } from "../core/task_observer.ts";
import type { PendingTask, State } from "../core/task.ts";

/**
 * The probe's own books: what it has created, settled and dismissed since its start. They are kept
 * apart from the metrics and the backlog, so that each can be checked by the others.
 */
export class Ledger {
  created = 0;
  succeeded = 0;
  failed = 0;
  dismissed = 0;
  skipped: Record<SkipCause, number> = { late: 0, in_flight: 0 };

  /** Throws when the tracked tasks are not those that the books say. */
  check(tracked: Record<State, number>): void {
    const pending = this.created - this.succeeded - this.failed;
    const settled = this.succeeded + this.failed - this.dismissed;
    if (tracked.PENDING === pending && tracked.SUCCEEDED + tracked.FAILED === settled) return;
    throw new Error(
      `the accounts say ${pending} pending and ${settled} settled tasks, the backlog has ` +
        `${tracked.PENDING} and ${tracked.SUCCEEDED + tracked.FAILED}`,
    );
  }
}

/** How long a task may stay pending after its deadline was seen to have passed. */
const MAX_OVERDUE_MS = 10_000;

/**
 * Looks after tasks that their deadline does not end: each would hold its place for ever, and in the
 * end there would be no place left. Called now and then with the oldest pending task, it throws when
 * one stays overdue. A single look proves nothing: after a stall the deadline's own timer may be
 * just about to fire.
 */
export function watchDeadlines(
  timeoutMs: number,
): (oldest: PendingTask | undefined, nowMonotonicMs: number) => void {
  let seen = { seqno: 0, atMs: 0 };
  return (oldest, nowMs) => {
    const ageMs = oldest ? nowMs - oldest.createdMonotonicMs : 0;
    if (!oldest || ageMs <= timeoutMs) return;
    const { seqno } = oldest;
    // Seen once whatever is due now has had its turn.
    if (seqno !== seen.seqno) return queueMicrotask(() => seen = { seqno, atMs: nowMs });
    if (nowMs - seen.atMs <= MAX_OVERDUE_MS) return;
    throw new Error(
      `task ${seqno} has been pending for ${(ageMs / 1e3).toFixed(1)} s, though its deadline was ` +
        `after ${timeoutMs / 1e3} s`,
    );
  };
}
