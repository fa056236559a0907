import type { Reason } from "../reasons.ts";
import { isSlow, type PendingTask, type SettledTask } from "../task.ts";
import { CreationOrder } from "./creation_order.ts";
import { type Counts, RecentCounts } from "./recent_counts.ts";
import type { Incident } from "./rows.ts";
import type { DatasetState } from "./states.ts";

const MIN_WINDOW_SECONDS = 60;
const WINDOW_INTERVALS = 6;
const MIN_SILENCE_SECONDS = 10;
const SILENCE_INTERVALS = 3;

export type VerdictOptions = {
  taskIntervalSeconds: number;
  requestTimeoutSeconds: number;
  /** A success that takes longer is slow. */
  sloLatencySeconds: number;
};

/** What the settlement of a task has changed: once at the begin of an outage, once at its end. */
export type News = {
  change: "failing" | "recovered";
  /** When the first task of the outage was created, milliseconds since the epoch. */
  sinceMs: number;
  /** How many tasks have failed in it. */
  lost: number;
};

export type Verdict = {
  state: DatasetState;
  /**
   * Wall-clock time, milliseconds since the epoch.
   * - `failing`: the creation of the first task of the present row of failures.
   * - `working`, `unsteady`, `slow`: that of the first success after the last such row.
   * - `no_news`: when the last task was settled, or when the probe started.
   * - `starting`: when the probe started.
   */
  sinceMs: number;
  /** What was settled in the last `recentSeconds`. */
  recent: Counts;
  recentSeconds: number;
  /** How much of `recentSeconds` the probe has run for. */
  recentCoveredSeconds: number;
};

/** Why a dataset is failing: for which reason now, and for which when it began to. */
export type Cause = {
  reason: Reason;
  /** When the first task that failed for this reason in the present row was created. */
  sinceMs: number;
  /** The reason with which the row began, and when. */
  first: { reason: Reason; sinceMs: number };
};

/** The window of `unsteady` and `slow`, in seconds. */
export function recentSecondsOf({ taskIntervalSeconds }: VerdictOptions): number {
  return Math.max(MIN_WINDOW_SECONDS, WINDOW_INTERVALS * taskIntervalSeconds);
}

/** After so long without a settled task there is no news, in seconds. */
export function silenceSecondsOf(options: VerdictOptions): number {
  const { taskIntervalSeconds, requestTimeoutSeconds } = options;
  return Math.max(MIN_SILENCE_SECONDS, SILENCE_INTERVALS * taskIntervalSeconds) +
    requestTimeoutSeconds;
}

/**
 * Decides the state of one dataset, for all readers; docs/verdict.md has the definition. Failing or
 * not, and since when, follows from the order of creation alone; the other states from what was
 * settled lately. It keeps a bounded amount of memory, whatever the number of tasks. `nowMs` is
 * monotonic and never goes back.
 */
export class DatasetVerdict {
  readonly #order = new CreationOrder();
  readonly #recent: RecentCounts;
  readonly #recentSeconds: number;
  readonly #silenceMs: number;
  readonly #slowSeconds: number;
  readonly #startedMs: number;
  readonly #startedMonotonicMs: number;
  #last: { monotonicMs: number; wallMs: number } | null = null;
  /** The outage whose begin was reported, until its end is. */
  #reported: { sinceMs: number; lost: number } | null = null;
  /** Since when the dataset is not failing though the end of its outage was not reported. */
  #calmSinceMs: number | null = null;

  /** Both times are those of the probe's start. */
  constructor(options: VerdictOptions, startedMs: number, startedMonotonicMs: number) {
    this.#recentSeconds = recentSecondsOf(options);
    this.#recent = new RecentCounts(this.#recentSeconds * 1e3);
    this.#silenceMs = silenceSecondsOf(options) * 1e3;
    this.#slowSeconds = options.sloLatencySeconds;
    this.#startedMs = startedMs;
    this.#startedMonotonicMs = startedMonotonicMs;
  }

  /** The outages that are known, oldest first; the last one has no end while it lasts. */
  get incidents(): readonly Incident[] {
    const { ended, row, isFailing } = this.#order.rows;
    return row && isFailing ? [...ended, row] : ended;
  }

  /** Why the dataset is failing; null while it is not. */
  get cause(): Cause | null {
    const { isFailing, onsets, lastReason: reason } = this.#order.rows;
    if (!isFailing || reason === null) return null;
    const [[firstReason, firstMs] = [reason, 0]] = onsets;
    const first = { reason: firstReason, sinceMs: firstMs };
    return { reason, sinceMs: onsets.get(reason) ?? firstMs, first };
  }

  /** When the first task that succeeded after the last outage was created; null before one ended. */
  get lastOutageEndMs(): number | null {
    return this.#order.rows.ended.at(-1)?.endMs ?? null;
  }

  /** When the first task that succeeded was created; null while none has succeeded. */
  get firstSuccessMs(): number | null {
    return this.#order.rows.firstSuccessMs;
  }

  /** Takes note of a new task. */
  created(task: Pick<PendingTask, "seqno" | "createdMs">): void {
    this.#order.created(task);
  }

  /** Takes note of a task that is settled now, at the wall-clock time `wallMs`. */
  settled(task: SettledTask, nowMs: number, wallMs: number): News | null {
    const reason = task.state === "FAILED" ? task.reason : null;
    this.#order.settled(task.seqno, reason);
    const slow = isSlow(task, this.#slowSeconds);
    this.#recent.add(nowMs, { failed: reason !== null, slow });
    this.#last = { monotonicMs: nowMs, wallMs };
    return this.#newsOf(task.seqno, reason, nowMs);
  }

  read(nowMs: number): Verdict {
    const recent = this.#recent.read(nowMs);
    const state = this.#stateAt(nowMs, recent);
    const recentSeconds = this.#recentSeconds;
    return {
      state,
      sinceMs: this.#sinceOf(state),
      recent,
      recentSeconds,
      recentCoveredSeconds: Math.min(recentSeconds, (nowMs - this.#startedMonotonicMs) / 1e3),
    };
  }

  #stateAt(nowMs: number, { settled, failed, slow }: Counts): DatasetState {
    if (this.#order.rows.isFailing) return "failing";
    const lastMs = this.#last?.monotonicMs ?? this.#startedMonotonicMs;
    if (nowMs - lastMs > this.#silenceMs) return "no_news";
    if (!this.#last) return "starting";
    if (failed > 0) return "unsteady";
    return slow > settled / 2 ? "slow" : "working";
  }

  #sinceOf(state: DatasetState): number {
    const { sinceMs } = this.#order.rows;
    const since = state === "no_news" ? this.#last?.wallMs : sinceMs;
    return since ?? this.#startedMs;
  }

  /**
   * An outage is over for good with a success that was created after all of its failures that are
   * known: a straggler among them says nothing about the present. Where successes are slower than
   * failures that never comes; then with a success when the dataset was not failing for a window.
   */
  #newsOf(seqno: number, reason: Reason | null, nowMs: number): News | null {
    const { row, isFailing } = this.#order.rows;
    const reported = this.#reported;
    if (!reported) {
      if (!row || !isFailing) return null;
      this.#reported = { sinceMs: row.startMs, lost: row.lost };
      this.#calmSinceMs = null;
      return { change: "failing", ...this.#reported };
    }
    if (reason !== null) reported.lost++;
    this.#calmSinceMs = isFailing ? null : this.#calmSinceMs ?? nowMs;
    const isCalm = this.#calmSinceMs !== null &&
      nowMs - this.#calmSinceMs >= this.#recentSeconds * 1e3;
    if (reason !== null || !(isCalm || this.#order.isNewest(seqno))) return null;
    this.#reported = null;
    return { change: "recovered", ...reported };
  }
}
