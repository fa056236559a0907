import type { Config } from "../../config/config.ts";
import { exitCodeOf, type Reason } from "../../core/reasons.ts";
import type { PendingTask, SettledTask, State } from "../../core/task.ts";
import { isSlow } from "../../core/task.ts";
import type { TaskObserver } from "../../core/task_observer.ts";
import { toRequestError } from "../../http_client/errors.ts";
import type { DatasetRun } from "../../terminal/run_summary.ts";
import { adviceFor, adviceForSlow } from "./advice.ts";
import type { RunOptions } from "./options.ts";

/** A settled task of a one-off run, and what the run makes of it. */
export type Settlement = {
  task: SettledTask;
  /** What to do first about a task that failed or was too slow; null for one that was good. */
  advice: string | null;
  /** Whether it succeeded, but not within `--max-duration`. */
  tooSlow: boolean;
};

/** What became of the tasks of a dataset. */
export type DatasetResult = DatasetRun & {
  /** The last one that was settled; null when none was. */
  last: Settlement | null;
  /** The last one of those that failed or were too slow. */
  lastBad: Settlement | null;
  /** Whether they make the run fail: after a wait the last one alone decides. */
  failed: boolean;
  /** How many tasks were to be created and were not, since the run was interrupted. */
  missing: number;
};

/** A one-off run that is over. */
export type RunResult = {
  datasets: readonly DatasetResult[];
  /** Tasks that were in flight when the run was interrupted. */
  abandoned: readonly PendingTask[];
  /** Whether a signal ended it before its time. */
  interrupted: boolean;
  durationSeconds: number;
  exitCode: number;
};

type Tally = {
  counts: Record<State, number>;
  tooSlow: number;
  reasons: Map<Reason, number>;
  last: Settlement | null;
  lastBad: Settlement | null;
};

/** Counts the tasks of a one-off run, and passes each that is settled to a listener. */
export class RunRecord implements TaskObserver {
  readonly #tallies: ReadonlyMap<string, Tally>;
  readonly #config: Config;
  readonly #options: RunOptions;
  readonly #onSettled: (settlement: Settlement, error: unknown) => void;

  constructor(
    config: Config,
    options: RunOptions,
    onSettled: (settlement: Settlement, error: unknown) => void,
  ) {
    this.#tallies = new Map(config.datasetIds.map((id) => [id, newTally()]));
    this.#config = config;
    this.#options = options;
    this.#onSettled = onSettled;
  }

  created({ datasetId }: PendingTask): void {
    this.#tallyOf(datasetId).counts.PENDING++;
  }

  settled(task: SettledTask, error: unknown): void {
    const tally = this.#tallyOf(task.datasetId);
    const tooSlow = this.#isTooSlow(task);
    const isFailed = task.state === "FAILED";
    const advice = isFailed
      ? adviceFor(toRequestError(error), this.#config)
      : tooSlow
      ? adviceForSlow(task)
      : null;
    const settlement = { task, advice, tooSlow };
    tally.counts.PENDING--;
    tally.counts[task.state]++;
    if (tooSlow) tally.tooSlow++;
    if (isFailed) tally.reasons.set(task.reason, (tally.reasons.get(task.reason) ?? 0) + 1);
    tally.last = settlement;
    if (isFailed || tooSlow) tally.lastBad = settlement;
    this.#onSettled(settlement, error);
  }

  /** Whether a task ended as it should: it succeeded, and fast enough. */
  isGood(task: SettledTask): boolean {
    return task.state === "SUCCEEDED" && !this.#isTooSlow(task);
  }

  /** What became of each dataset; `stateOf` is the verdict on it. */
  results(stateOf: (datasetId: string) => DatasetRun["state"]): DatasetResult[] {
    return Array.from(this.#tallies, ([datasetId, tally]) => ({
      datasetId,
      url: `${this.#config.apiUrl}/${datasetId}`,
      state: stateOf(datasetId),
      ...tally,
      failed: this.#reasonsThatCount(tally).length > 0,
      missing: this.#missing(tally),
    }));
  }

  /** A success that is too slow counts as one that came after its time: `timeout`. */
  exitCode(): number {
    return exitCodeOf([...this.#tallies.values()].flatMap((each) => this.#reasonsThatCount(each)));
  }

  /** After a wait, whose tries nobody has counted beforehand, at most the first one is missing. */
  #missing({ counts }: Tally): number {
    const created = counts.PENDING + counts.SUCCEEDED + counts.FAILED;
    return Math.max(0, this.#options.count - created);
  }

  #reasonsThatCount({ reasons, tooSlow, last }: Tally): Reason[] {
    if (this.#options.waitSeconds === null) {
      return [...reasons.keys(), ...tooSlow > 0 ? ["timeout" as const] : []];
    }
    if (!last || this.isGood(last.task)) return [];
    return [last.task.state === "FAILED" ? last.task.reason : "timeout"];
  }

  #isTooSlow(task: SettledTask): boolean {
    const { maxDurationSeconds } = this.#options;
    return maxDurationSeconds !== null && isSlow(task, maxDurationSeconds);
  }

  #tallyOf(datasetId: string): Tally {
    const tally = this.#tallies.get(datasetId);
    if (!tally) throw new Error(`no dataset ${datasetId}`);
    return tally;
  }
}

function newTally(): Tally {
  return {
    counts: { PENDING: 0, SUCCEEDED: 0, FAILED: 0 },
    tooSlow: 0,
    reasons: new Map(),
    last: null,
    lastBad: null,
  };
}
