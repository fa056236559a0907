import type { SkipCause } from "../../../src/core/task_observer.ts";
import type { Journal } from "../journal.ts";
import type { SimulatedTime } from "../world/time.ts";

/** Lines of one cause are at least so far apart, and no slot waits longer for its line. */
const SUMMARY_MS = 60_000;

type Lines = {
  lastMs: number;
  /** Slots that no line has counted yet, and since when the first of them waits. */
  unlogged: number;
  waitsSinceMs: number;
};

/** What the log must say of slots that got no task: each is counted by one line, in few lines. */
export class SkipLineInvariants {
  readonly #lines: Record<SkipCause, Lines> = { late: newLines(), in_flight: newLines() };

  constructor(private readonly time: SimulatedTime, private readonly journal: Journal) {}

  /** Slots were skipped; the log may have said so already. */
  skipped(cause: SkipCause, count: number): void {
    const lines = this.#lines[cause];
    if (lines.unlogged === 0) lines.waitsSinceMs = this.time.nowMs;
    lines.unlogged += count;
  }

  /** `isStopping`: lines may be closer together, since the probe logs then what has no line yet. */
  logged(cause: SkipCause, count: number, isStopping: boolean): void {
    const { nowMs, toleranceMs } = this.time;
    const lines = this.#lines[cause];
    this.journal.check(
      isStopping || nowMs - lines.lastMs >= SUMMARY_MS - toleranceMs,
      "lines of skipped slots are a minute apart",
      () => `${cause}: ${nowMs - lines.lastMs} ms`,
    );
    lines.lastMs = nowMs;
    lines.unlogged -= count;
  }

  checkStep(): void {
    for (const [cause, { unlogged }] of Object.entries(this.#lines)) {
      this.journal.check(
        unlogged >= 0,
        "no skipped slot is logged twice",
        () => `${cause}: ${-unlogged} too many`,
      );
    }
  }

  /** What must hold when every timer that is due has run. */
  checkCaughtUp(): void {
    const { nowMs, toleranceMs } = this.time;
    for (const [cause, { unlogged, waitsSinceMs }] of Object.entries(this.#lines)) {
      this.journal.check(
        unlogged === 0 || nowMs - waitsSinceMs <= SUMMARY_MS + toleranceMs,
        "skipped slots are logged within a minute",
        () => `${cause}: ${unlogged} since ${nowMs - waitsSinceMs} ms`,
      );
    }
  }

  checkEnd(): void {
    const lines = Object.values(this.#lines);
    this.journal.check(
      lines.every(({ unlogged }) => unlogged === 0),
      "every skipped slot is logged",
      () => JSON.stringify(this.#lines),
    );
  }
}

function newLines(): Lines {
  return { lastMs: -Infinity, unlogged: 0, waitsSinceMs: Infinity };
}
