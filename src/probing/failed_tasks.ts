import { packExecution, unpackExecution } from "../core/packed_execution.ts";
import type { Reason } from "../core/reasons.ts";
import type { FailedTask } from "../core/task.ts";

/** A failed task as it is kept. */
type Kept = Omit<FailedTask, "attempts" | "phases"> & { readonly packed: readonly number[] };

/** An array with fewer empty places at its front is not copied. */
const MIN_EMPTY_PLACES = 32;

/**
 * Failed tasks, sorted by `seqno`; indices count from the oldest. The message of a task costs at
 * most 850 bytes: 400 characters of two bytes, and V8's header; each attempt with its phases 88 bytes.
 */
export class FailedTasks {
  #tasks: Kept[] = [];
  /** The number of empty places at the front of the array. */
  #head = 0;
  /** The number of tasks by dataset and reason. */
  readonly #counts = new Map<string, Map<Reason, number>>();

  get length(): number {
    return this.#tasks.length - this.#head;
  }

  at(index: number): FailedTask {
    const { packed, ...task } = this.#kept(index);
    return { ...task, ...unpackExecution(packed) };
  }

  seqnoAt(index: number): number {
    return this.#kept(index).seqno;
  }

  datasetIdAt(index: number): string {
    return this.#kept(index).datasetId;
  }

  reasonAt(index: number): Reason {
    return this.#kept(index).reason;
  }

  createdMonotonicMsAt(index: number): number {
    return this.#kept(index).createdMonotonicMs;
  }

  /** The number of tasks by reason, of one dataset or of all. */
  tally(datasetId?: string): Map<Reason, number> {
    const sum = new Map<Reason, number>();
    for (const [id, counts] of this.#counts) {
      if (datasetId !== undefined && id !== datasetId) continue;
      for (const [reason, count] of counts) sum.set(reason, (sum.get(reason) ?? 0) + count);
    }
    return sum;
  }

  /** Inserts a task in its place; the cost is the number of younger tasks that came before it. */
  insert(task: FailedTask): void {
    this.#count(task, 1);
    const older = this.#tasks.findLastIndex(({ seqno }) => seqno < task.seqno);
    const { attempts, phases, ...rest } = task;
    const kept = { ...rest, packed: packExecution({ attempts, phases }) };
    this.#tasks.splice(Math.max(older + 1, this.#head), 0, kept);
  }

  /** Removes the oldest task. */
  shift(): void {
    this.#count(this.#kept(0), -1);
    this.#head++;
    // Copying half of the array for each half that was removed is a constant cost per task.
    if (this.#head > MIN_EMPTY_PLACES && this.#head * 2 > this.#tasks.length) {
      this.#tasks = this.#tasks.slice(this.#head);
      this.#head = 0;
    }
  }

  #kept(index: number): Kept {
    const task = this.#tasks[this.#head + index];
    if (!task) throw new RangeError(`no failed task at ${index}`);
    return task;
  }

  #count({ datasetId, reason }: Kept | FailedTask, change: 1 | -1): void {
    const counts = this.#counts.get(datasetId) ?? new Map<Reason, number>();
    const count = (counts.get(reason) ?? 0) + change;
    if (count === 0) counts.delete(reason);
    else counts.set(reason, count);
    this.#counts.set(datasetId, counts);
  }
}
