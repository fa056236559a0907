import type { Clock } from "../core/clock.ts";
import type { SkipCause, SkippedSlots } from "../core/task_observer.ts";
import { BarRing } from "../history/bar_ring.ts";
import { RANGES } from "../history/bars.ts";

/** How well the schedule is kept. */
export type ScheduleHealth = {
  slots: number;
  skipped: Record<SkipCause, number>;
  lastLagMs: number | null;
  /** The longest lag of the last hour. */
  worstLagMs: number | null;
  /**
   * Whether most slots of the last one or two minutes ran late, as they do without enough CPU. The
   * responses are then read late too.
   */
  isLate: boolean;
};

/** A slot that runs later than this is late; on a busy machine that is not overloaded few are. */
export const LATE_SLOT_MS = 20;

/** Fewer slots say nothing about most of them. */
const MIN_SLOTS = 3;

/** Slots of the schedule: how many ran, how late, and how many got no task. */
export class ScheduleHistory {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #skipped: Record<SkipCause, number> = { late: 0, in_flight: 0 };
  /** Of the last hour, a bar a minute, on the monotonic clock. */
  readonly #lags = new BarRing(RANGES["1h"].bars, RANGES["1h"].barSeconds);
  #slots = 0;
  #lastLagMs: number | null = null;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  skipped({ cause, count }: SkippedSlots): void {
    this.#skipped[cause] += count;
  }

  slotRan(lagMs: number): void {
    this.#slots++;
    this.#lastLagMs = lagMs;
    const slow = lagMs > LATE_SLOT_MS;
    this.#lags.add(this.#clock.monotonic(), { failed: false, slow, seconds: lagMs / 1e3 });
  }

  read(nowMs: number): ScheduleHealth {
    const minutes = this.#lags.read(nowMs);
    const worstLagMs = 1e3 * Math.max(...minutes.map(({ longestSeconds }) => longestSeconds ?? 0));
    const newest = minutes.slice(-2);
    const slots = newest.reduce((sum, { settled }) => sum + settled, 0);
    const late = newest.reduce((sum, { slow }) => sum + slow, 0);
    return {
      slots: this.#slots,
      skipped: { ...this.#skipped },
      lastLagMs: this.#lastLagMs,
      worstLagMs: this.#lastLagMs === null ? null : worstLagMs,
      isLate: slots >= MIN_SLOTS && 2 * late > slots,
    };
  }
}
