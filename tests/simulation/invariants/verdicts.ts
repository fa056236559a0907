import type { Internals } from "../../../src/commands/serve.ts";
import type { Config } from "../../../src/config/config.ts";
import type { SettledTask } from "../../../src/core/task.ts";
import { recentSecondsOf, silenceSecondsOf } from "../../../src/core/verdict/dataset_verdict.ts";
import { naiveRows, naiveState, type NaiveTask } from "../../support/naive_verdict.ts";
import type { Journal } from "../journal.ts";
import type { SimulatedTime } from "../world/time.ts";

/** A plain reading costs much: of a dataset with more tasks only the newest ones are looked at. */
const MAX_READ = 500;

type Seen = {
  /** In the order of creation. */
  tasks: NaiveTask[];
  /** Whether those are all. */
  isWhole: boolean;
  /** Whether the log has reported an outage, and not yet its end. */
  isReported: boolean;
};

/**
 * The verdict that the probe must show, and the lines FAILING and RECOVERED that it must log, from a
 * plain reading of what has settled.
 */
export class VerdictInvariants {
  readonly #datasets = new Map<string, Seen>();
  readonly #startedMs: number;

  constructor(
    private readonly config: Config,
    private readonly time: SimulatedTime,
    private readonly journal: Journal,
  ) {
    this.#startedMs = time.nowMs;
  }

  /** A task has settled, and this was logged of it. */
  settled(task: SettledTask, message: string, health: Internals["health"]): void {
    const seen = this.#seenOf(task.datasetId);
    const { tasks } = seen;
    const place = tasks.findLastIndex(({ seqno }) => seqno < task.seqno) + 1;
    tasks.splice(place, 0, {
      seqno: task.seqno,
      createdMs: task.createdMs,
      reason: task.state === "FAILED" ? task.reason : null,
      durationSeconds: task.durationSeconds,
      settledMs: this.time.nowMs,
    });
    this.#checkLine(seen, task, place === tasks.length - 1, message);
    if (tasks.length > MAX_READ) {
      tasks.shift();
      seen.isWhole = false;
    }
    if (seen.isWhole) this.#checkVerdict(seen, task, health);
  }

  /** An outage is reported once at its begin, and once at its end: by the newest of its tasks. */
  #checkLine(seen: Seen, { state }: SettledTask, isNewest: boolean, message: string): void {
    const isSuccess = state === "SUCCEEDED";
    const start = seen.isReported
      ? isSuccess && isNewest ? "RECOVERED: " : "task "
      : this.#isFailing(seen)
      ? "FAILING: "
      : "task ";
    if (start === "FAILING: ") seen.isReported = true;
    if (start === "RECOVERED: ") seen.isReported = false;
    this.journal.check(
      message.startsWith(start),
      "outages are reported once",
      () => `not ${start}: ${message}`,
    );
  }

  #checkVerdict({ tasks }: Seen, { datasetId }: SettledTask, health: Internals["health"]): void {
    const { config, journal, time: { nowMs } } = this;
    const shown = health.of(datasetId, nowMs);
    const { sinceMs, incidents } = naiveRows(tasks);
    const state = naiveState(tasks, nowMs, {
      startedMs: this.#startedMs,
      silenceMs: silenceSecondsOf(config) * 1e3,
      windowMs: recentSecondsOf(config) * 1e3,
      slowSeconds: config.sloLatencySeconds,
    });
    journal.check(
      shown?.state === state && shown.sinceMs === sinceMs,
      "the verdict follows the order of creation",
      () => `${shown?.state} since ${shown?.sinceMs}, not ${state} since ${sinceMs}`,
    );
    const last = JSON.stringify(shown?.incidents.at(-1));
    journal.check(
      last === JSON.stringify(incidents.at(-1)),
      "the last incident is right",
      () => `${last}, not ${JSON.stringify(incidents.at(-1))}`,
    );
  }

  /** By the newest three tasks, and without a success by fewer. */
  #isFailing({ tasks }: Seen): boolean {
    return tasks.slice(-3).every(({ reason }) => reason !== null);
  }

  #seenOf(datasetId: string): Seen {
    const seen = this.#datasets.get(datasetId) ?? { tasks: [], isWhole: true, isReported: false };
    this.#datasets.set(datasetId, seen);
    return seen;
  }
}
