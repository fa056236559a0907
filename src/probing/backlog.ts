import { FailedTasks } from "./failed_tasks.ts";
import { PackedSuccesses } from "./packed_successes.ts";
import {
  firstFrom,
  type PendingTask,
  type SettledTask,
  type State,
  STATES,
  type Task,
} from "../core/task.ts";
import type { Reason } from "../core/reasons.ts";

/** Which tasks a reader asks for. */
export type Query = {
  state?: State;
  datasetId?: string;
  /** Only tasks that failed for this reason. */
  reason?: Reason;
  /** Leaves out pending tasks. */
  settled?: boolean;
  /** Only tasks with a smaller `seqno`. */
  before?: number;
  /** Only tasks with a larger `seqno`. */
  after?: number;
  limit: number;
};

/** A result page of tasks, newest first. */
export type Page = {
  tasks: Task[];
  /** The value of `before` for the next result page; null when there is none. */
  next: number | null;
};

/** A query reads at most this many tasks, so that a rare dataset cannot delay the event loop. */
const MAX_SCANNED = 20_000;

/** Tasks of one state, sorted by `seqno`, oldest at index 0. */
type TaskSequence = {
  readonly length: number;
  seqnoAt(index: number): number;
  createdMonotonicMsAt(index: number): number;
  datasetIdAt(index: number): string;
  /** Absent for tasks that have not failed. */
  reasonAt?(index: number): Reason;
  at(index: number): Task;
};

/**
 * The tracked tasks, at most `capacity`. Beyond it the oldest successes are removed first, so that
 * failures stay readable, then the oldest failures. A pending task is never removed.
 */
export class Backlog {
  #pending = new Map<number, PendingTask>();
  #succeeded = new PackedSuccesses();
  #failed = new FailedTasks();
  #lastSeqno = 0;

  /** `onDismissed` is called with the number of settled tasks that age or capacity removed. */
  constructor(
    private readonly capacity: number,
    private readonly onDismissed: (count: number) => void,
  ) {}

  get counts(): Record<State, number> {
    return {
      PENDING: this.#pending.size,
      SUCCEEDED: this.#succeeded.length,
      FAILED: this.#failed.length,
    };
  }

  /** The number of tracked tasks of a dataset; costs the same whatever the number of settled ones. */
  countsOf(datasetId: string): Record<State, number> {
    const pending = this.#pending.values().filter((task) => task.datasetId === datasetId);
    return {
      PENDING: pending.reduce((count) => count + 1, 0),
      SUCCEEDED: this.#succeeded.countOf(datasetId),
      FAILED: this.failures(datasetId).values().reduce((sum, count) => sum + count, 0),
    };
  }

  /** The pending task that was created first. */
  get oldestPending(): PendingTask | undefined {
    return this.#pending.values().next().value;
  }

  /** Tracks a new task and gives it its number. */
  open(fields: Omit<PendingTask, "seqno" | "state">): PendingTask {
    const task: PendingTask = { state: "PENDING", seqno: ++this.#lastSeqno, ...fields };
    this.#pending.set(task.seqno, task);
    this.#makeRoom();
    return task;
  }

  /** Replaces the pending task by the settled one; throws when no such task is pending. */
  settle(task: SettledTask): void {
    if (!this.#pending.delete(task.seqno)) {
      throw new Error(`task ${task.seqno} was settled, but it is not pending`);
    }
    if (task.state === "SUCCEEDED") this.#succeeded.insert(task);
    else this.#failed.insert(task);
    this.#makeRoom();
  }

  /**
   * Removes the settled tasks created before this monotonic instant; returns how many. Removing is
   * called dismissing, for this and for lack of room; the loop that prunes has the older name
   * "cleaning" in the settings.
   */
  prune(createdBeforeMs: number): number {
    const before = this.#settledCount();
    for (const sequence of [this.#succeeded, this.#failed]) {
      while (sequence.length > 0 && sequence.createdMonotonicMsAt(0) < createdBeforeMs) {
        sequence.shift();
      }
    }
    const dismissed = before - this.#settledCount();
    if (dismissed > 0) this.onDismissed(dismissed);
    return dismissed;
  }

  /** The task with this number, undefined when it is not tracked. */
  find(seqno: number): Task | undefined {
    const [task] = this.page({ before: seqno + 1, limit: 1 }).tasks;
    return task?.seqno === seqno ? task : undefined;
  }

  /**
   * The `seqno` of the first tracked task that was created at this monotonic instant or later;
   * undefined when there is none.
   */
  firstCreatedFrom(monotonicMs: number): number | undefined {
    const seqnos = this.#sequences({}).flatMap((sequence) => {
      const { length } = sequence;
      const index = firstFrom(monotonicMs, length, (at) => sequence.createdMonotonicMsAt(at));
      return index < length ? [sequence.seqnoAt(index)] : [];
    });
    return seqnos.length > 0 ? Math.min(...seqnos) : undefined;
  }

  /** The number of tracked failures by reason, of one dataset or of all. */
  failures(datasetId?: string): Map<Reason, number> {
    return this.#failed.tally(datasetId);
  }

  /** The newest tasks that match, newest first. A short result page may still have a next one. */
  page({ datasetId, reason, before = Infinity, after = -1, limit, ...query }: Query): Page {
    const fits = (sequence: TaskSequence, index: number) =>
      (datasetId === undefined || sequence.datasetIdAt(index) === datasetId) &&
      (reason === undefined || sequence.reasonAt?.(index) === reason);
    const cursors = this.#sequences({ reason, ...query }).map((sequence) => ({
      sequence,
      index: firstFrom(before, sequence.length, (at) => sequence.seqnoAt(at)) - 1,
    }));
    const tasks: Task[] = [];
    let seqno = before;
    for (let scanned = 0; tasks.length < limit && scanned < MAX_SCANNED; scanned++) {
      const newest = newestOf(cursors, after);
      if (!newest) return { tasks, next: null };
      const { sequence } = newest;
      const index = newest.index--;
      seqno = sequence.seqnoAt(index);
      if (fits(sequence, index)) tasks.push(sequence.at(index));
    }
    return { tasks, next: newestOf(cursors, after) ? seqno : null };
  }

  #sequences({ state, reason, settled }: Omit<Query, "limit">): TaskSequence[] {
    const sequences = {
      PENDING: () => pendingSequence([...this.#pending.values()]),
      SUCCEEDED: () => this.#succeeded,
      FAILED: () => this.#failed,
    };
    return STATES
      .filter((each) => state === undefined || each === state)
      .filter((each) => reason === undefined || each === "FAILED")
      .filter((each) => !settled || each !== "PENDING")
      .map((each) => sequences[each]());
  }

  #settledCount(): number {
    return this.#succeeded.length + this.#failed.length;
  }

  #makeRoom(): void {
    let surplus = this.#pending.size + this.#settledCount() - this.capacity;
    let dismissed = 0;
    for (const sequence of [this.#succeeded, this.#failed]) {
      for (; surplus > 0 && sequence.length > 0; surplus--) {
        sequence.shift();
        dismissed++;
      }
    }
    if (dismissed > 0) this.onDismissed(dismissed);
  }
}

function pendingSequence(tasks: PendingTask[]): TaskSequence {
  const at = (index: number) => {
    const task = tasks[index];
    if (!task) throw new RangeError(`no pending task at ${index}`);
    return task;
  };
  return {
    length: tasks.length,
    seqnoAt: (index) => at(index).seqno,
    createdMonotonicMsAt: (index) => at(index).createdMonotonicMs,
    datasetIdAt: (index) => at(index).datasetId,
    at,
  };
}

/** A position in a sequence, moving to older tasks; below 0 it is exhausted. */
type Cursor = { sequence: TaskSequence; index: number };

/** The cursor at the newest task, which is newer than `after`; undefined when there is none. */
function newestOf(cursors: Cursor[], after: number): Cursor | undefined {
  let newest: Cursor | undefined;
  let newestSeqno = after;
  for (const cursor of cursors) {
    if (cursor.index < 0) continue;
    const seqno = cursor.sequence.seqnoAt(cursor.index);
    if (seqno <= newestSeqno) continue;
    newest = cursor;
    newestSeqno = seqno;
  }
  return newest;
}
