import type { Internals } from "../../../src/commands/serve.ts";
import type { Config } from "../../../src/config/config.ts";
import type { SettledTask } from "../../../src/core/task.ts";
import { recentSecondsOf, silenceSecondsOf } from "../../../src/core/verdict/dataset_verdict.ts";
import { type DatasetState, STATE_NUMBERS } from "../../../src/core/verdict/states.ts";
import { naiveRows, naiveState, type NaiveTask } from "../../support/naive_verdict.ts";
import type { Journal } from "../journal.ts";
import type { Samples } from "../readers/exposition.ts";
import type { SimulatedTime } from "../world/time.ts";

/** A plain reading costs much: of a dataset with more tasks only the newest ones are looked at. */
const MAX_READ = 500;

/** A verdict that a scrape reads in a slow step may be later by this. */
const SLOW_MS = 50;

type Seen = {
  /** In the order of creation. */
  tasks: NaiveTask[];
  /** Whether those are all. */
  isWhole: boolean;
  /** Whether the log has reported an outage, and not yet its end. */
  isReported: boolean;
  /** Since when it is not failing any more, while that is so. */
  calmSinceMs: number | null;
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

  /** The samples of the verdicts at this moment; NaN where they cannot be known. */
  write(samples: Samples): void {
    const { time: { nowMs } } = this;
    for (const id of this.config.datasetIds) {
      const { tasks, isWhole } = this.#seenOf(id);
      const state = this.#stateOf(tasks, nowMs);
      const isKnown = isWhole && state === this.#stateOf(tasks, nowMs + SLOW_MS);
      const isOfTask = isKnown && state !== "starting" && state !== "no_news";
      const sinceMs = isOfTask ? naiveRows(tasks).sinceMs ?? NaN : NaN;
      const labels = `{dataset_id="${id}"}`;
      samples.set(`probe_dataset_state${labels}`, isKnown ? STATE_NUMBERS[state] : NaN);
      samples.set(`probe_dataset_state_since_timestamp_seconds${labels}`, sinceMs / 1e3);
    }
  }

  /**
   * An outage is reported once at its begin, and once at its end: by the newest of its tasks, or by a
   * success when it was not failing for a window.
   */
  #checkLine(seen: Seen, { state }: SettledTask, isNewest: boolean, message: string): void {
    const { nowMs } = this.time;
    const isFailing = this.#isFailing(seen);
    seen.calmSinceMs = !seen.isReported || isFailing ? null : seen.calmSinceMs ?? nowMs;
    const calmMs = seen.calmSinceMs === null ? -1 : nowMs - seen.calmSinceMs;
    const isOver = isNewest || calmMs >= recentSecondsOf(this.config) * 1e3;
    const start = seen.isReported
      ? state === "SUCCEEDED" && isOver ? "RECOVERED: " : "task "
      : isFailing
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
    const { journal, time: { nowMs } } = this;
    const shown = health.of(datasetId, nowMs);
    const { sinceMs, incidents } = naiveRows(tasks);
    const state = this.#stateOf(tasks, nowMs);
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

  #stateOf(tasks: readonly NaiveTask[], nowMs: number): DatasetState {
    return naiveState(tasks, nowMs, {
      startedMs: this.#startedMs,
      silenceMs: silenceSecondsOf(this.config) * 1e3,
      windowMs: recentSecondsOf(this.config) * 1e3,
      slowSeconds: this.config.sloLatencySeconds,
    });
  }

  /** By the newest three tasks, and without a success by fewer. */
  #isFailing({ tasks }: Seen): boolean {
    return tasks.slice(-3).every(({ reason }) => reason !== null);
  }

  #seenOf(datasetId: string): Seen {
    const seen = this.#datasets.get(datasetId) ??
      { tasks: [], isWhole: true, isReported: false, calmSinceMs: null };
    this.#datasets.set(datasetId, seen);
    return seen;
  }
}
