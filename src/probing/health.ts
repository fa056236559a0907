import type { Reason } from "../core/reasons.ts";
import { settledMs, type SettledTask } from "../core/task.ts";
import type { SkipCause, SkippedSlots, TaskObserver } from "../core/task_observer.ts";
import { SlicedDay, SLICES_PER_DAY } from "./sliced_day.ts";

/**
 * The state of a dataset: `starting` until its first task is settled, `silent` when it was `ok` and
 * no task has been settled for too long.
 */
export type Health = "starting" | "ok" | "silent" | "failing";

/** How many of the tasks that were settled in a window succeeded. */
export type Ratio = { window: string; succeeded: number; settled: number };

export type DatasetHealth = {
  datasetId: string;
  health: Health;
  /**
   * Wall-clock time, milliseconds since the epoch.
   * - `ok`, `failing`: when the first of the current series of equal outcomes was settled.
   * - `silent`: when the last task was settled.
   * - `starting`: when the probe started.
   */
  sinceMs: number;
  last: SettledTask | null;
  lastSuccessMs: number | null;
  ratios: Ratio[];
};

/**
 * Since when the dataset that has failed longest fails, and the most frequent last reason of the
 * failing datasets.
 */
export type Outage = { sinceMs: number; reason: Reason };

/** How well the schedule is kept. */
export type ScheduleHealth = {
  slots: number;
  skipped: Record<SkipCause, number>;
  lastLagMs: number | null;
  /** The longest lag of the last hour. */
  worstLagMs: number | null;
};

/** The windows of the ratios, in slices of half a minute. */
const WINDOWS: readonly [string, number][] = [["5 m", 10], ["1 h", 120], ["24 h", SLICES_PER_DAY]];
const SLICES_PER_HOUR = 120;

/** Which datasets need attention first. */
const URGENCY: Readonly<Record<Health, number>> = { failing: 0, silent: 1, starting: 2, ok: 3 };

type DatasetState = Omit<DatasetHealth, "ratios"> & {
  /** Monotonic instant of the last settlement. */
  lastSettledMs: number;
  settled: SlicedDay;
  succeeded: SlicedDay;
};

export type HealthHistoryOptions = {
  datasetIds: readonly string[];
  /** Wall-clock time of the probe's start. */
  startedMs: number;
  /** A dataset is silent when none of its tasks is settled for this long. */
  silenceMs: number;
  monotonic: () => number;
};

/**
 * What became of the tasks and slots of the last day, in slices of half a minute, so that reading it
 * costs the same whatever the backlog holds. `nowMs` is monotonic.
 */
export class HealthHistory implements TaskObserver {
  readonly #datasets: Map<string, DatasetState>;
  readonly #silenceMs: number;
  readonly #monotonic: () => number;
  readonly #skipped: Record<SkipCause, number> = { late: 0, in_flight: 0 };
  readonly #lags = new SlicedDay();
  #slots = 0;
  #lastLagMs: number | null = null;

  constructor({ datasetIds, startedMs, silenceMs, monotonic }: HealthHistoryOptions) {
    this.#datasets = new Map(datasetIds.map((id) => [id, newState(id, startedMs)]));
    this.#silenceMs = silenceMs;
    this.#monotonic = monotonic;
  }

  settled(task: SettledTask): void {
    const state = this.#datasets.get(task.datasetId);
    if (!state) throw new Error(`${task.datasetId} is not a dataset of this probe`);
    const nowMs = this.#monotonic();
    const health = task.state === "SUCCEEDED" ? "ok" : "failing";
    const atMs = settledMs(task);
    if (state.health !== health) Object.assign(state, { health, sinceMs: atMs });
    state.last = task;
    state.lastSettledMs = nowMs;
    state.settled.add(nowMs, 1);
    if (health === "failing") return;
    state.lastSuccessMs = atMs;
    state.succeeded.add(nowMs, 1);
  }

  skipped({ cause, count }: SkippedSlots): void {
    this.#skipped[cause] += count;
  }

  /** Records that a slot ran, `lagMs` after its time. */
  slotRan(lagMs: number): void {
    this.#slots++;
    this.#lastLagMs = lagMs;
    this.#lags.raise(this.#monotonic(), lagMs);
  }

  /** How many datasets are in each state. */
  tally(nowMs = this.#monotonic()): Record<Health, number> {
    const tally = { starting: 0, ok: 0, silent: 0, failing: 0 };
    for (const state of this.#datasets.values()) tally[this.#healthOf(state, nowMs)]++;
    return tally;
  }

  /** Dataset IDs, those that need attention first. */
  byUrgency(nowMs = this.#monotonic()): string[] {
    const urgencyOf = (state: DatasetState) => URGENCY[this.#healthOf(state, nowMs)];
    return [...this.#datasets.values()]
      .sort((a, b) => urgencyOf(a) - urgencyOf(b))
      .map(({ datasetId }) => datasetId);
  }

  /** The present outage; null while no dataset fails. */
  get outage(): Outage | null {
    let sinceMs = Infinity;
    const counts = new Map<Reason, number>();
    for (const { health, last, ...state } of this.#datasets.values()) {
      if (health !== "failing" || last?.state !== "FAILED") continue;
      sinceMs = Math.min(sinceMs, state.sinceMs);
      counts.set(last.reason, (counts.get(last.reason) ?? 0) + 1);
    }
    const [mostFrequent] = [...counts].sort(([, a], [, b]) => b - a);
    return mostFrequent ? { sinceMs, reason: mostFrequent[0] } : null;
  }

  /** The health of a dataset; null for one that is not probed. */
  of(datasetId: string, nowMs = this.#monotonic()): DatasetHealth | null {
    const state = this.#datasets.get(datasetId);
    if (!state) return null;
    const { settled, succeeded, lastSettledMs: _, ...known } = state;
    const health = this.#healthOf(state, nowMs);
    const sinceMs = health === "silent" && state.last ? settledMs(state.last) : state.sinceMs;
    const ratios = WINDOWS.map(([window, slices]) => ({
      window,
      succeeded: succeeded.sum(nowMs, slices),
      settled: settled.sum(nowMs, slices),
    }));
    return { ...known, health, sinceMs, ratios };
  }

  schedule(nowMs = this.#monotonic()): ScheduleHealth {
    return {
      slots: this.#slots,
      skipped: { ...this.#skipped },
      lastLagMs: this.#lastLagMs,
      worstLagMs: this.#lastLagMs === null ? null : this.#lags.max(nowMs, SLICES_PER_HOUR),
    };
  }

  #healthOf({ health, lastSettledMs }: DatasetState, nowMs: number): Health {
    return health === "ok" && nowMs - lastSettledMs > this.#silenceMs ? "silent" : health;
  }
}

function newState(datasetId: string, startedMs: number): DatasetState {
  return {
    datasetId,
    health: "starting",
    sinceMs: startedMs,
    last: null,
    lastSuccessMs: null,
    lastSettledMs: -Infinity,
    settled: new SlicedDay(),
    succeeded: new SlicedDay(),
  };
}
