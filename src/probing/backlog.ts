import { PackedSuccesses } from "./packed_successes.ts";
import {
  type FailedTask,
  type PendingTask,
  type SettledTask,
  type State,
  STATES,
  type Task,
} from "../core/task.ts";
import { type Reason } from "../core/reasons.ts";

/** Which tasks a reader wants. */
export type Query = {
  state?: State;
  datasetId?: string;
  /** Only tasks that failed for it. */
  reason?: Reason;
  /** Whether pending tasks are left out. */
  settled?: boolean;
  /** Only tasks with a smaller `seqno`. */
  before?: number;
  limit: number;
};

/** One page of tasks, newest first. */
export type Page = {
  tasks: Task[];
  /** What the next page gives as `before`; null when there is none. */
  next: number | null;
};

/** A page looks at no more tasks than this, so that a rare dataset cannot hold up the loop. */
const MAX_SCANNED = 20_000;

/** Tasks of one state, sorted by `seqno`, oldest at 0. */
type Shelf = {
  readonly length: number;
  seqnoAt(index: number): number;
  datasetIdAt(index: number): string;
  /** Absent where no task failed. */
  reasonAt?(index: number): Reason;
  at(index: number): Task;
};

/**
 * The tracked tasks. Holds at most `capacity` of them: beyond it the oldest successes go first, so
 * that failures stay readable, and then the oldest failures. A pending task never goes.
 */
export class Backlog {
  #pending = new Map<number, PendingTask>();
  #succeeded = new PackedSuccesses();
  #failed = new Failures();
  #lastSeqno = 0;

  /** `onDismissed` hears how many settled tasks were removed, by age or for want of room. */
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

  /** The pending task that was created first. */
  get oldestPending(): PendingTask | undefined {
    return this.#pending.values().next().value;
  }

  /** Starts to track a task and gives it its number. */
  open(fields: Omit<PendingTask, "seqno" | "state">): PendingTask {
    const task: PendingTask = { state: "PENDING", seqno: ++this.#lastSeqno, ...fields };
    this.#pending.set(task.seqno, task);
    this.#makeRoom();
    return task;
  }

  /** Puts the settled task in the pending one's place; throws when none is pending under its number. */
  settle(task: SettledTask): void {
    if (!this.#pending.delete(task.seqno)) {
      throw new Error(`task ${task.seqno} was settled, but it is not pending`);
    }
    if (task.state === "SUCCEEDED") this.#succeeded.insert(task);
    else this.#failed.insert(task);
    this.#makeRoom();
  }

  /** Removes the settled tasks created before this monotonic instant and returns how many. */
  prune(createdBeforeMs: number): number {
    const before = this.#settledCount();
    for (const shelf of [this.#succeeded, this.#failed]) {
      while (shelf.length > 0 && shelf.createdMonotonicMsAt(0) < createdBeforeMs) shelf.shift();
    }
    const dismissed = before - this.#settledCount();
    if (dismissed > 0) this.onDismissed(dismissed);
    return dismissed;
  }

  /** The task of this number, while it is tracked. */
  find(seqno: number): Task | undefined {
    const [task] = this.page({ before: seqno + 1, limit: 1 }).tasks;
    return task?.seqno === seqno ? task : undefined;
  }

  /** How many tracked tasks failed for each reason, of one dataset or of all. */
  failures(datasetId?: string): Map<Reason, number> {
    return this.#failed.tally(datasetId);
  }

  /** The newest tasks that fit the query, newest first. A page may be short and still have a next one. */
  page({ datasetId, reason, before = Infinity, limit, ...query }: Query): Page {
    const shelves = this.#shelves({ reason, ...query });
    const fits = (shelf: Shelf, index: number) =>
      (datasetId === undefined || shelf.datasetIdAt(index) === datasetId) &&
      (reason === undefined || shelf.reasonAt?.(index) === reason);
    const cursors = shelves.map((shelf) => firstNotBelow(shelf, before) - 1);
    const tasks: Task[] = [];
    let seqno = before;
    for (let lookedAt = 0; tasks.length < limit && lookedAt < MAX_SCANNED; lookedAt++) {
      const newest = indexOfNewest(shelves, cursors);
      if (newest === -1) return { tasks, next: null };
      const shelf = shelves[newest];
      const index = cursors[newest]--;
      seqno = shelf.seqnoAt(index);
      if (fits(shelf, index)) tasks.push(shelf.at(index));
    }
    return { tasks, next: indexOfNewest(shelves, cursors) === -1 ? null : seqno };
  }

  #shelves({ state, reason, settled }: Omit<Query, "limit">): Shelf[] {
    const shelves = {
      PENDING: () => pendingShelf([...this.#pending.values()]),
      SUCCEEDED: () => this.#succeeded,
      FAILED: () => this.#failed,
    };
    return STATES
      .filter((each) => state === undefined || each === state)
      .filter((each) => reason === undefined || each === "FAILED")
      .filter((each) => !settled || each !== "PENDING")
      .map((each) => shelves[each]());
  }

  #settledCount(): number {
    return this.#succeeded.length + this.#failed.length;
  }

  #makeRoom(): void {
    let surplus = this.#pending.size + this.#settledCount() - this.capacity;
    let dismissed = 0;
    for (const shelf of [this.#succeeded, this.#failed]) {
      for (; surplus > 0 && shelf.length > 0; surplus--) {
        shelf.shift();
        dismissed++;
      }
    }
    if (dismissed > 0) this.onDismissed(dismissed);
  }
}

/** Failed tasks, sorted by `seqno`, oldest first; indices count from the oldest. */
class Failures {
  #tasks: FailedTask[] = [];
  /** How many places at the front of the array are empty. */
  #head = 0;
  #tallies = new Map<string, Map<Reason, number>>();

  get length(): number {
    return this.#tasks.length - this.#head;
  }

  at(index: number): FailedTask {
    return this.#tasks[this.#head + index];
  }

  seqnoAt(index: number): number {
    return this.at(index).seqno;
  }

  datasetIdAt(index: number): string {
    return this.at(index).datasetId;
  }

  reasonAt(index: number): Reason {
    return this.at(index).reason;
  }

  createdMonotonicMsAt(index: number): number {
    return this.at(index).createdMonotonicMs;
  }

  tally(datasetId?: string): Map<Reason, number> {
    const sum = new Map<Reason, number>();
    const tallies = datasetId === undefined
      ? this.#tallies.values()
      : [this.#tallies.get(datasetId) ?? new Map<Reason, number>()];
    for (const tally of tallies) {
      for (const [reason, count] of tally) sum.set(reason, (sum.get(reason) ?? 0) + count);
    }
    return sum;
  }

  insert(task: FailedTask): void {
    this.#count(task, 1);
    let index = this.#tasks.push(task) - 1;
    for (; index > this.#head && this.#tasks[index - 1].seqno > task.seqno; index--) {
      this.#tasks[index] = this.#tasks[index - 1];
    }
    this.#tasks[index] = task;
  }

  shift(): void {
    this.#count(this.at(0), -1);
    this.#head++;
    // Half of the array is moved for each half that went: a constant cost a task.
    if (this.#head > 32 && this.#head * 2 > this.#tasks.length) {
      this.#tasks = this.#tasks.slice(this.#head);
      this.#head = 0;
    }
  }

  #count({ datasetId, reason }: FailedTask, change: 1 | -1): void {
    const tally = this.#tallies.get(datasetId) ?? new Map<Reason, number>();
    const count = (tally.get(reason) ?? 0) + change;
    if (count === 0) tally.delete(reason);
    else tally.set(reason, count);
    this.#tallies.set(datasetId, tally);
  }
}

function pendingShelf(tasks: PendingTask[]): Shelf {
  return {
    length: tasks.length,
    seqnoAt: (index) => tasks[index].seqno,
    datasetIdAt: (index) => tasks[index].datasetId,
    at: (index) => tasks[index],
  };
}

/** The index of the first task with at least this `seqno`. */
function firstNotBelow(shelf: Shelf, seqno: number): number {
  let low = 0;
  let high = shelf.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (shelf.seqnoAt(middle) < seqno) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Which shelf has the newest task under its cursor; -1 when all are exhausted. */
function indexOfNewest(shelves: Shelf[], cursors: number[]): number {
  let newest = -1;
  shelves.forEach((shelf, i) => {
    if (cursors[i] < 0) return;
    if (newest === -1 || shelf.seqnoAt(cursors[i]) > shelves[newest].seqnoAt(cursors[newest])) {
      newest = i;
    }
  });
  return newest;
}
