import type { SkipCause } from "../core/task_observer.ts";
import { settledMs, type SettledTask } from "../core/task.ts";
import { type Reason } from "../core/reasons.ts";

/**
 * How a dataset does: `starting` until its first task is settled, `silent` when it was well and
 * nothing has been heard of it for too long.
 */
export type Health = "starting" | "ok" | "silent" | "failing";

/** The share of tasks that succeeded in a window; null when none was settled in it. */
export type Ratio = { window: string; succeeded: number; settled: number };

/** What is known of a dataset. */
export type DatasetHistory = {
  datasetId: string;
  health: Health;
  /**
   * When the first task of the current row of equal outcomes was settled; for a silent dataset the
   * last one; for a starting one when the probe started.
   */
  sinceMs: number;
  last: SettledTask | null;
  lastSuccessMs: number | null;
  ratios: Ratio[];
};

/** Since when the worst of the failing datasets fails, and why most of them do. */
export type Outage = { sinceMs: number; reason: Reason };

/** How well the schedule is kept. */
export type ScheduleHistory = {
  slots: number;
  skipped: Record<SkipCause, number>;
  lastLagMs: number | null;
  /** The worst of the last hour. */
  worstLagMs: number | null;
};

const SLICE_MS = 30_000;
const SLICES = 24 * 60 * 60_000 / SLICE_MS;

/** The windows that ratios are given for, in slices. */
const WINDOWS: readonly [string, number][] = [["5 m", 10], ["1 h", 120], ["24 h", SLICES]];

/**
 * What has become of the tasks and slots of the last day, in half-minute slices, so that a look at
 * it costs the same whatever the backlog holds. Times are monotonic but where they are shown.
 */
export class HealthHistory {
  #datasets: Map<string, Line>;
  #slots = 0;
  #skipped: Record<SkipCause, number> = { late: 0, in_flight: 0 };
  #lastLagMs: number | null = null;
  #lags = new Ring();

  /** A dataset that was well is silent when none of its tasks is settled for `silenceMs`. */
  constructor(
    datasetIds: readonly string[],
    startedMs: number,
    private readonly silenceMs: number,
  ) {
    this.#datasets = new Map(datasetIds.map((id) => [id, newLine(id, startedMs)]));
  }

  settled(task: SettledTask, nowMonotonicMs: number): void {
    const line = this.#datasets.get(task.datasetId);
    if (!line) throw new Error(`${task.datasetId} is not a dataset of this probe`);
    const health = task.state === "SUCCEEDED" ? "ok" : "failing";
    const atMs = settledMs(task) ?? 0;
    if (line.health !== health) Object.assign(line, { health, sinceMs: atMs });
    if (health === "ok") line.lastSuccessMs = atMs;
    line.last = task;
    line.heardMs = nowMonotonicMs;
    line.settled.add(nowMonotonicMs, 1);
    if (health === "ok") line.succeeded.add(nowMonotonicMs, 1);
  }

  slot(lagMs: number, nowMonotonicMs: number): void {
    this.#slots++;
    this.#lastLagMs = lagMs;
    this.#lags.raise(nowMonotonicMs, lagMs);
  }

  skipped(cause: SkipCause, count: number): void {
    this.#skipped[cause] += count;
  }

  /** How many datasets are in each state. */
  tally(nowMonotonicMs: number): Record<Health, number> {
    const tally = { starting: 0, ok: 0, silent: 0, failing: 0 };
    for (const line of this.#datasets.values()) tally[this.#healthOf(line, nowMonotonicMs)]++;
    return tally;
  }

  /** Dataset IDs with those first that fail, then those of which nothing is known. */
  byUrgency(nowMonotonicMs: number): string[] {
    const urgency: Record<Health, number> = { failing: 0, silent: 1, starting: 2, ok: 3 };
    const urgencyOf = (line: Line) => urgency[this.#healthOf(line, nowMonotonicMs)];
    return [...this.#datasets.values()]
      .sort((a, b) => urgencyOf(a) - urgencyOf(b))
      .map(({ datasetId }) => datasetId);
  }

  /** What is the matter, when any dataset fails. */
  get outage(): Outage | null {
    let sinceMs = Infinity;
    const reasons = new Map<Reason, number>();
    for (const { health, last, ...line } of this.#datasets.values()) {
      if (health !== "failing" || last?.state !== "FAILED") continue;
      sinceMs = Math.min(sinceMs, line.sinceMs);
      reasons.set(last.reason, (reasons.get(last.reason) ?? 0) + 1);
    }
    const [worst] = [...reasons].sort(([, a], [, b]) => b - a);
    return worst ? { sinceMs, reason: worst[0] } : null;
  }

  of(datasetId: string, nowMonotonicMs: number): DatasetHistory | null {
    const line = this.#datasets.get(datasetId);
    if (!line) return null;
    const { settled, succeeded, heardMs: _, ...known } = line;
    const health = this.#healthOf(line, nowMonotonicMs);
    const sinceMs = health === "silent" && line.last ? settledMs(line.last) ?? 0 : line.sinceMs;
    const ratios = WINDOWS.map(([window, slices]) => ({
      window,
      succeeded: succeeded.sum(nowMonotonicMs, slices),
      settled: settled.sum(nowMonotonicMs, slices),
    }));
    return { ...known, health, sinceMs, ratios };
  }

  #healthOf({ health, heardMs }: Line, nowMonotonicMs: number): Health {
    return health === "ok" && nowMonotonicMs - heardMs > this.silenceMs ? "silent" : health;
  }

  schedule(nowMonotonicMs: number): ScheduleHistory {
    return {
      slots: this.#slots,
      skipped: { ...this.#skipped },
      lastLagMs: this.#lastLagMs,
      worstLagMs: this.#lastLagMs === null ? null : this.#lags.most(nowMonotonicMs, 120),
    };
  }
}

type Line = Omit<DatasetHistory, "ratios"> & {
  /** When its last task was settled, monotonic. */
  heardMs: number;
  settled: Ring;
  succeeded: Ring;
};

function newLine(datasetId: string, startedMs: number): Line {
  return {
    datasetId,
    health: "starting",
    sinceMs: startedMs,
    last: null,
    lastSuccessMs: null,
    heardMs: -Infinity,
    settled: new Ring(),
    succeeded: new Ring(),
  };
}

/** A number for each slice of the last day. */
class Ring {
  #values = new Float32Array(SLICES);
  /** The newest slice that has been written to. */
  #newest = -1;

  add(nowMs: number, amount: number): void {
    this.#values[this.#open(nowMs)] += amount;
  }

  raise(nowMs: number, value: number): void {
    const at = this.#open(nowMs);
    this.#values[at] = Math.max(this.#values[at], value);
  }

  sum(nowMs: number, slices: number): number {
    return this.#last(nowMs, slices).reduce((sum, value) => sum + value, 0);
  }

  most(nowMs: number, slices: number): number {
    return Math.max(0, ...this.#last(nowMs, slices));
  }

  #open(nowMs: number): number {
    const slice = Math.floor(nowMs / SLICE_MS);
    const stale = Math.min(SLICES, slice - this.#newest);
    for (let i = 0; i < stale; i++) this.#values[(slice - i) % SLICES] = 0;
    this.#newest = Math.max(this.#newest, slice);
    return slice % SLICES;
  }

  #last(nowMs: number, slices: number): number[] {
    this.#open(nowMs);
    return Array.from(
      { length: slices },
      (_, i) => this.#values[(this.#newest - i + SLICES * 2) % SLICES],
    );
  }
}
