import type { Clock } from "../../core/clock.ts";
import type { SkipCause, SkippedSlots, TaskObserver } from "../../core/task_observer.ts";
import type { Log } from "../../runtime/log.ts";

/** For how long slots are counted, after one had its line, before there is a line again. */
const SKIP_SUMMARY_SECONDS = 60;

/** A line of more datasets has their number only. */
const MAX_NAMED = 5;

export type SkipLogOptions = {
  clock: Clock;
  log: Log;
  maxInFlightTasks: number;
};

/** Slots of a cause that have no line yet, though some before them have. */
type Unlogged = { sinceMs: number; slots: number; datasetIds: Set<string>; cancel: () => void };

/**
 * Logs the slots that got no task: for each cause the first at once, and those of the minute after it
 * together. An overload skips hundreds a second, and a line for each would add to the load.
 */
export class SkipLog implements TaskObserver {
  readonly #options: SkipLogOptions;
  readonly #unlogged = new Map<SkipCause, Unlogged>();

  constructor(options: SkipLogOptions) {
    this.#options = options;
  }

  skipped({ datasetId, cause, count }: SkippedSlots): void {
    const unlogged = this.#unlogged.get(cause);
    if (unlogged) {
      unlogged.slots += count;
      unlogged.datasetIds.add(datasetId);
      return;
    }
    const slots = count === 1 ? "a slot" : `${count} slots`;
    this.#options.log.warn(`skipped ${slots} of ${datasetId}: ${this.#reasonOf(cause)}`, {
      dataset_id: datasetId,
      cause,
      skipped: count,
    });
    this.#startCounting(cause);
  }

  /** Logs what has no line yet; to be called at the end. */
  close(): void {
    for (const [cause, unlogged] of this.#unlogged) {
      unlogged.cancel();
      this.#logTogether(cause, unlogged);
    }
    this.#unlogged.clear();
  }

  #startCounting(cause: SkipCause): void {
    const { clock } = this.#options;
    const cancel = clock.after(SKIP_SUMMARY_SECONDS * 1e3, () => {
      this.#unlogged.delete(cause);
      if (unlogged.slots === 0) return;
      this.#logTogether(cause, unlogged);
      this.#startCounting(cause);
    });
    const unlogged = {
      sinceMs: clock.monotonic(),
      slots: 0,
      datasetIds: new Set<string>(),
      cancel,
    };
    this.#unlogged.set(cause, unlogged);
  }

  #logTogether(cause: SkipCause, { sinceMs, slots, datasetIds }: Unlogged): void {
    if (slots === 0) return;
    const { clock, log } = this.#options;
    const seconds = Math.round((clock.monotonic() - sinceMs) / 1e3);
    const { size } = datasetIds;
    const whose = size > MAX_NAMED ? `${size} datasets` : [...datasetIds].join(", ");
    log.warn(
      `skipped ${slots} more slot${slots === 1 ? "" : "s"} of ${whose} in ${seconds} s: ` +
        this.#reasonOf(cause),
      {
        ...size === 1 ? { dataset_id: whose } : { datasets: size },
        cause,
        skipped: slots,
        window_seconds: seconds,
      },
    );
  }

  #reasonOf(cause: SkipCause): string {
    return cause === "late"
      ? "the probe itself was late"
      : `${this.#options.maxInFlightTasks} tasks are in flight, or their connections not closed yet`;
  }
}
