import type { Clock } from "../core/clock.ts";
import type { Reason } from "../core/reasons.ts";
import {
  type FailedTask,
  isSlow,
  type PendingTask,
  settledMs,
  type SettledTask,
} from "../core/task.ts";
import type { SkippedSlots, TaskObserver } from "../core/task_observer.ts";
import {
  type Cause,
  DatasetVerdict,
  type News,
  recentSecondsOf,
  type Verdict,
  type VerdictOptions,
} from "../core/verdict/dataset_verdict.ts";
import { NewestOutcomes, OUTCOMES } from "../core/verdict/newest_outcomes.ts";
import { RecentCounts } from "../core/verdict/recent_counts.ts";
import type { Incident } from "../core/verdict/rows.ts";
import { type DatasetState, STATE_NUMBERS } from "../core/verdict/states.ts";
import { type Range, RANGES } from "../history/bars.ts";
import { TaskMemory } from "../history/task_memory.ts";
import { groupCauses, type OutageGroup } from "./outage.ts";
import { type ScheduleHealth, ScheduleHistory } from "./schedule_history.ts";

/** How many of the tasks that were settled in a window succeeded. */
export type Ratio = {
  windowSeconds: number;
  /** How much of the window the probe has run for. */
  coveredSeconds: number;
  succeeded: number;
  settled: number;
};

/** How long the newest successes took, of which the first was settled at `sinceMs`. */
export type Durations = {
  tasks: number;
  sinceMs: number;
  lastSeconds: number;
  p50Seconds: number;
  p95Seconds: number;
};

export type DatasetHealth = Verdict & {
  datasetId: string;
  /** The task that was settled last; `lastFailure` and `lastSuccessMs` likewise. */
  last: SettledTask | null;
  lastFailure: FailedTask | null;
  lastSuccessMs: number | null;
  /** A letter of `OUTCOMES` for each of the newest settled tasks, in the order of creation. */
  outcomes: string;
  ratios: Ratio[];
  /** Null before the first success. */
  durations: Durations | null;
  /** The outages that are known, oldest first. */
  incidents: readonly Incident[];
};

/** The verdict on a dataset at an instant. */
export type NamedVerdict = { datasetId: string } & Verdict;

/** What was settled lately in all datasets, in the window of `unsteady`. */
export type RecentFailures = {
  settled: number;
  failed: number;
  /** The most frequent first. */
  reasons: [Reason, number][];
  /** How much of the window the probe has run for. */
  coveredSeconds: number;
};

/** The medians of datasets that are slow, over the tasks that make them so. */
export type Slowness = { minSeconds: number; maxSeconds: number; sloSeconds: number };

/** The windows of the ratios. */
const WINDOWS: readonly Range[] = ["5m", "1h", "24h"];

/** Nothing is overdue before so many intervals, and so much more, without a settled task. */
const QUIET_INTERVALS = 1.5;
const MIN_QUIET_MS = 1_000;

/** How many successes the quantiles of durations are about: 4 kB a dataset. */
const MAX_DURATIONS = 240;

type Dataset = {
  datasetId: string;
  verdict: DatasetVerdict;
  last: SettledTask | null;
  lastFailure: FailedTask | null;
  lastSuccessMs: number | null;
  /** What the last settlement changed. */
  news: News | null;
  durations: RecentDurations;
  newest: NewestOutcomes;
};

export type HealthHistoryOptions = VerdictOptions & {
  datasetIds: readonly string[];
  clock: Pick<Clock, "now" | "monotonic">;
};

/**
 * The verdict on each dataset, and what became of the tasks and slots of the last day, in bars, so
 * that reading it costs the same whatever the backlog holds. `nowMs` is monotonic.
 */
export class HealthHistory implements TaskObserver {
  /** The tasks of the last day. */
  readonly memory: TaskMemory;
  readonly #datasets: Map<string, Dataset>;
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  readonly #startedMs: number;
  readonly #slowSeconds: number;
  readonly #intervalMs: number;
  readonly #recentSeconds: number;
  /** The failures of all datasets. */
  readonly #recentByReason = new Map<Reason, RecentCounts>();
  /** The dataset whose task was settled last, and when. */
  #last: { dataset: Dataset; monotonicMs: number } | null = null;
  readonly #schedule: ScheduleHistory;

  constructor({ datasetIds, clock, ...options }: HealthHistoryOptions) {
    const newVerdict = () => new DatasetVerdict(options, clock.now(), clock.monotonic());
    this.#datasets = new Map(datasetIds.map((id) => [id, newDataset(id, newVerdict())]));
    this.memory = new TaskMemory({ ...options, datasetIds, clock });
    this.#clock = clock;
    this.#startedMs = clock.monotonic();
    this.#slowSeconds = options.sloLatencySeconds;
    this.#intervalMs = options.taskIntervalSeconds * 1e3;
    this.#recentSeconds = recentSecondsOf(options);
    this.#schedule = new ScheduleHistory(clock, this.#recentSeconds);
  }

  created(task: PendingTask): void {
    this.#find(task).verdict.created(task);
  }

  settled(task: SettledTask): void {
    const dataset = this.#find(task);
    const nowMs = this.#clock.monotonic();
    dataset.news = dataset.verdict.settled(task, nowMs, this.#clock.now());
    dataset.last = task;
    this.#last = { dataset, monotonicMs: nowMs };
    this.memory.settled(task);
    const slow = isSlow(task, this.#slowSeconds);
    if (task.state === "FAILED") this.#countReason(task.reason, nowMs);
    const good = slow ? OUTCOMES.slow : OUTCOMES.succeeded;
    dataset.newest.add(task.seqno, task.state === "FAILED" ? OUTCOMES.failed : good);
    if (task.state === "FAILED") {
      dataset.lastFailure = task;
    } else {
      dataset.lastSuccessMs = settledMs(task);
      dataset.durations.add(task.durationSeconds, dataset.lastSuccessMs);
    }
  }

  /** Whether an outage has begun or ended with this task, the last one that was settled. */
  newsOf({ datasetId, seqno }: SettledTask): News | null {
    const dataset = this.#datasets.get(datasetId);
    return dataset?.last?.seqno === seqno ? dataset.news : null;
  }

  skipped(slots: SkippedSlots): void {
    this.#schedule.skipped(slots);
  }

  /** Records that a slot ran, `lagMs` after its time. */
  slotRan(lagMs: number): void {
    this.#schedule.slotRan(lagMs);
  }

  /** The verdict on each dataset: most of what the readers of all of them cost, so they share it. */
  verdicts(nowMs = this.#clock.monotonic()): NamedVerdict[] {
    return Array.from(
      this.#datasets.values(),
      ({ datasetId, verdict }) => ({ datasetId, ...verdict.read(nowMs) }),
    );
  }

  /** How many datasets are in each state. */
  tally(verdicts: readonly NamedVerdict[] = this.verdicts()): Record<DatasetState, number> {
    const tally = { failing: 0, no_news: 0, unsteady: 0, slow: 0, working: 0, starting: 0 };
    for (const { state } of verdicts) tally[state]++;
    return tally;
  }

  /** Dataset IDs, those that need attention first. */
  byUrgency(verdicts: readonly NamedVerdict[] = this.verdicts()): string[] {
    return verdicts
      .toSorted((a, b) => STATE_NUMBERS[b.state] - STATE_NUMBERS[a.state])
      .map(({ datasetId }) => datasetId);
  }

  /**
   * The datasets that are failing, by reason; empty while none is. `causeOf` may know what was before
   * this process.
   */
  outage(causeOf: (datasetId: string, cause: Cause) => Cause = (_, cause) => cause): OutageGroup[] {
    const causes = [...this.#datasets.values()].flatMap(({ datasetId, verdict: { cause } }) =>
      cause ? [causeOf(datasetId, cause)] : []
    );
    return groupCauses(causes, this.#intervalMs);
  }

  /** When the last outage of a dataset that is over ended; null before one has. */
  lastOutageEndMs(): number | null {
    const ends = [...this.#datasets.values()].flatMap(({ verdict }) =>
      verdict.lastOutageEndMs ?? []
    );
    return ends.length > 0 ? Math.max(...ends) : null;
  }

  /** What was settled lately in all datasets, and why tasks failed. */
  recentFailures(
    nowMs = this.#clock.monotonic(),
    verdicts: readonly NamedVerdict[] = this.verdicts(nowMs),
  ): RecentFailures {
    let [settled, failed] = [0, 0];
    for (const { recent } of verdicts) {
      settled += recent.settled;
      failed += recent.failed;
    }
    const reasons = [...this.#recentByReason]
      .map(([reason, counts]): [Reason, number] => [reason, counts.read(nowMs).failed])
      .filter(([, count]) => count > 0)
      .sort(([, a], [, b]) => b - a);
    const coveredSeconds = this.#coveredOf(this.#recentSeconds, nowMs);
    return { settled, failed, reasons, coveredSeconds };
  }

  /** How slow the datasets are that are slow; null while none is. */
  slowness(verdicts: readonly NamedVerdict[] = this.verdicts()): Slowness | null {
    const medians = verdicts.flatMap(({ datasetId, state, recent }) => {
      const durations = this.#datasets.get(datasetId)?.durations;
      // None of these tasks has failed, so each has a duration.
      return durations && state === "slow" ? durations.medianOf(recent.settled) : [];
    });
    if (medians.length === 0) return null;
    const [minSeconds, maxSeconds] = [Math.min(...medians), Math.max(...medians)];
    return { minSeconds, maxSeconds, sloSeconds: this.#slowSeconds };
  }

  /**
   * For how long no dataset has had a task settled, in milliseconds; null while that is no longer
   * than usual: one and a half intervals, a second, and the p95 of the dataset with the last one.
   */
  quietMs(nowMs = this.#clock.monotonic()): number | null {
    if (!this.#last) return null;
    const { dataset, monotonicMs } = this.#last;
    const usualMs = 1e3 * (dataset.durations.read()?.p95Seconds ?? 0);
    const quietMs = nowMs - monotonicMs;
    return quietMs > QUIET_INTERVALS * this.#intervalMs + MIN_QUIET_MS + usualMs ? quietMs : null;
  }

  /** The health of a dataset; null for one that is not probed. */
  of(datasetId: string, nowMs = this.#clock.monotonic()): DatasetHealth | null {
    const dataset = this.#datasets.get(datasetId);
    if (!dataset) return null;
    const { verdict, durations, newest, news: _, ...known } = dataset;
    return {
      ...known,
      ...verdict.read(nowMs),
      outcomes: String(newest),
      ratios: this.#ratiosOf(datasetId, nowMs),
      durations: durations.read(),
      incidents: verdict.incidents,
    };
  }

  /** The outages of a dataset that are known, oldest first. */
  incidentsOf(datasetId: string): readonly Incident[] {
    return this.#datasets.get(datasetId)?.verdict.incidents ?? [];
  }

  /** When the first task of a dataset that succeeded was created; null while none has succeeded. */
  firstSuccessMsOf(datasetId: string): number | null {
    return this.#datasets.get(datasetId)?.verdict.firstSuccessMs ?? null;
  }

  schedule(nowMs = this.#clock.monotonic()): ScheduleHealth {
    return this.#schedule.read(nowMs);
  }

  #countReason(reason: Reason, nowMs: number): void {
    const counts = this.#recentByReason.get(reason) ?? new RecentCounts(this.#recentSeconds * 1e3);
    counts.add(nowMs, { failed: true, slow: false });
    this.#recentByReason.set(reason, counts);
  }

  /** How much of a window the probe has run for. */
  #coveredOf(windowSeconds: number, nowMs: number): number {
    return Math.min(windowSeconds, (nowMs - this.#startedMs) / 1e3);
  }

  #ratiosOf(datasetId: string, nowMs: number): Ratio[] {
    return WINDOWS.map((range) => {
      const { barSeconds, bars } = RANGES[range];
      const windowSeconds = barSeconds * bars;
      const counts = this.memory.counts(datasetId, range);
      return {
        windowSeconds,
        coveredSeconds: this.#coveredOf(windowSeconds, nowMs),
        succeeded: counts.settled - counts.failed,
        settled: counts.settled,
      };
    });
  }

  #find({ datasetId }: { datasetId: string }): Dataset {
    const dataset = this.#datasets.get(datasetId);
    if (!dataset) throw new Error(`${datasetId} is not a dataset of this probe`);
    return dataset;
  }
}

function newDataset(datasetId: string, verdict: DatasetVerdict): Dataset {
  return {
    datasetId,
    verdict,
    last: null,
    lastFailure: null,
    lastSuccessMs: null,
    news: null,
    durations: new RecentDurations(),
    newest: new NewestOutcomes(),
  };
}

/** The durations of the newest successes. */
class RecentDurations {
  readonly #seconds: number[] = [];
  readonly #settledMs: number[] = [];
  /** The index of the oldest, where the next one goes. */
  #oldest = 0;

  add(seconds: number, settledMs: number): void {
    this.#seconds[this.#oldest] = seconds;
    this.#settledMs[this.#oldest] = settledMs;
    this.#oldest = (this.#oldest + 1) % MAX_DURATIONS;
  }

  /** The median of the newest `tasks` of them. */
  medianOf(tasks: number): number {
    const { length } = this.#seconds;
    const count = Math.min(tasks, length);
    const newest = Array.from(
      { length: count },
      (_, i) => this.#seconds[(this.#oldest + length - 1 - i) % length] ?? 0,
    );
    return nearestRank(newest.sort((a, b) => a - b), 0.5);
  }

  read(): Durations | null {
    const { length: tasks } = this.#seconds;
    const sorted = this.#seconds.toSorted((a, b) => a - b);
    const lastSeconds = this.#seconds[(this.#oldest + tasks - 1) % tasks];
    if (lastSeconds === undefined) return null;
    const sinceMs = this.#settledMs[this.#oldest % tasks] ?? 0;
    const [p50Seconds, p95Seconds] = [nearestRank(sorted, 0.5), nearestRank(sorted, 0.95)];
    return { tasks, sinceMs, lastSeconds, p50Seconds, p95Seconds };
  }
}

function nearestRank(sorted: readonly number[], quantile: number): number {
  return sorted[Math.max(0, Math.ceil(quantile * sorted.length) - 1)] ?? 0;
}
