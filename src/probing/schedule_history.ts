import type { Clock } from "../core/clock.ts";
import type { SkipCause, SkippedSlots } from "../core/task_observer.ts";
import { RecentCounts } from "../core/verdict/recent_counts.ts";
import { BarRing } from "../history/bar_ring.ts";
import { RANGES } from "../history/bars.ts";

/** How well the schedule is kept. */
export type ScheduleHealth = {
  /** Since the start, without the time in which the machine slept. */
  elapsedMs: number;
  slots: number;
  skipped: Record<SkipCause, number>;
  lastLagMs: number | null;
  /** The longest lag of the last hour. */
  worstLagMs: number | null;
  /**
   * Whether most slots lately, in the window of `unsteady`, ran late or were skipped for it, as without
   * enough CPU. The responses are then read late too.
   */
  isLate: boolean;
};

/** A slot that runs later than this is late; on a busy machine that is not overloaded few are. */
export const LATE_SLOT_MS = 20;

/** Fewer slots say nothing about most of them. */
const MIN_SLOTS = 3;

/** A slot, as bars and counts of tasks take it. */
const ON_TIME = { failed: false, slow: false };
const LATE = { failed: false, slow: true };

/** Slots of the schedule: how many ran, how late, and how many got no task. */
export class ScheduleHistory {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #skipped: Record<SkipCause, number> = { late: 0, in_flight: 0 };
  /** Of the last hour, a bar a minute, on the monotonic clock. */
  readonly #lags = new BarRing(RANGES["1h"].bars, RANGES["1h"].barSeconds);
  readonly #recent: RecentCounts;
  readonly #startedMs: number;
  #slots = 0;
  #lastLagMs: number | null = null;

  constructor(clock: Pick<Clock, "monotonic">, recentSeconds: number) {
    this.#clock = clock;
    this.#startedMs = clock.monotonic();
    this.#recent = new RecentCounts(recentSeconds * 1e3);
  }

  skipped({ cause, count }: SkippedSlots): void {
    this.#skipped[cause] += count;
    if (cause === "late") this.#recent.add(this.#clock.monotonic(), LATE, count);
  }

  slotRan(lagMs: number): void {
    this.#slots++;
    this.#lastLagMs = lagMs;
    const nowMs = this.#clock.monotonic();
    this.#recent.add(nowMs, lagMs > LATE_SLOT_MS ? LATE : ON_TIME);
    this.#lags.add(nowMs, { ...ON_TIME, seconds: lagMs / 1e3 });
  }

  read(nowMs: number): ScheduleHealth {
    const minutes = this.#lags.read(nowMs);
    const worstLagMs = 1e3 * Math.max(...minutes.map(({ longestSeconds }) => longestSeconds ?? 0));
    const { settled: slots, slow: late } = this.#recent.read(nowMs);
    return {
      elapsedMs: nowMs - this.#startedMs,
      slots: this.#slots,
      skipped: { ...this.#skipped },
      lastLagMs: this.#lastLagMs,
      worstLagMs: this.#lastLagMs === null ? null : worstLagMs,
      isLate: slots >= MIN_SLOTS && 2 * late > slots,
    };
  }
}
