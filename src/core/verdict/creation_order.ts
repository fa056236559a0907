import type { Reason } from "../reasons.ts";
import { firstFrom } from "../task.ts";
import { NO_ROWS, type Rows, withTask } from "./rows.ts";

/**
 * How many settled tasks may wait behind one that is pending. When more do, that one takes no place
 * any more: it bounds memory and the cost of a reading.
 */
export const MAX_WAITING = 1_000;

type Entry = {
  readonly seqno: number;
  readonly createdMs: number;
  /** Undefined while pending, null after a success. */
  reason: Reason | null | undefined;
};

/**
 * The rows of a dataset's settled tasks in the order in which they were created, whatever the order
 * in which they settle. It keeps only the tasks since the oldest pending one; what is older cannot
 * change and is folded into one value.
 */
export class CreationOrder {
  /** Up to the oldest pending task. */
  #closed: Rows = NO_ROWS;
  /** From the oldest pending task on, in the order of creation. */
  #open: Entry[] = [];
  /** How many of those have settled. */
  #waiting = 0;
  #rows: Rows | null = NO_ROWS;
  #newestSeqno = 0;

  /** Takes the place of a new task; `seqno` is larger than any before. */
  created({ seqno, createdMs }: { seqno: number; createdMs: number }): void {
    this.#open.push({ seqno, createdMs, reason: undefined });
  }

  /** Fills the place of a task; `reason` is why it failed, null after a success. */
  settled(seqno: number, reason: Reason | null): void {
    this.#newestSeqno = Math.max(this.#newestSeqno, seqno);
    const open = this.#open;
    const entry = open[firstFrom(seqno, open.length, (index) => open[index]?.seqno ?? Infinity)];
    // Not found: so many newer ones waited for it that it lost its place.
    if (entry?.seqno !== seqno) return;
    entry.reason = reason;
    this.#rows = null;
    this.#waiting++;
    this.#close();
    if (this.#waiting <= MAX_WAITING) return;
    this.#open.shift();
    this.#close();
  }

  /** The rows of all tasks that have settled. */
  get rows(): Rows {
    return this.#rows ??= this.#open.reduce(withEntry, this.#closed);
  }

  /** Whether no task that was created after this one has settled yet. */
  isNewest(seqno: number): boolean {
    return seqno >= this.#newestSeqno;
  }

  #close(): void {
    const pending = this.#open.findIndex(({ reason }) => reason === undefined);
    const settled = this.#open.splice(0, pending === -1 ? this.#open.length : pending);
    this.#waiting -= settled.length;
    this.#closed = settled.reduce(withEntry, this.#closed);
  }
}

function withEntry(rows: Rows, { reason, ...task }: Entry): Rows {
  return reason === undefined ? rows : withTask(rows, { ...task, reason });
}
