import type { PendingTask, SettledTask } from "./task.ts";

/** Why a slot got no task: the loop was late, or too many tasks or connections were in flight. */
export const SKIP_CAUSES = ["late", "in_flight"] as const;
export type SkipCause = typeof SKIP_CAUSES[number];

/** Slots of one dataset that got no task. */
export type SkippedSlots = { datasetId: string; cause: SkipCause; count: number };

/**
 * Follows the life of tasks: ledger, metrics, health, events, log, heartbeat and table do. Methods
 * are called once for each event, in the order of the events. They return at once, and throw only
 * when an invariant of the program is broken, which ends it.
 */
export type TaskObserver = {
  /** A task was created and tracked. */
  created?(task: PendingTask): void;
  /** A task was settled; `error` is what it failed with, undefined after a success. */
  settled?(task: SettledTask, error: unknown): void;
  /** Slots of the schedule got no task. */
  skipped?(slots: SkippedSlots): void;
  /** This many settled tasks were removed from the backlog. */
  dismissed?(count: number): void;
};

/** One observer that tells all of these, in this order. */
export function observeWithAll(observers: readonly TaskObserver[]): Required<TaskObserver> {
  return {
    created: (task) => observers.forEach((each) => each.created?.(task)),
    settled: (task, error) => observers.forEach((each) => each.settled?.(task, error)),
    skipped: (slots) => observers.forEach((each) => each.skipped?.(slots)),
    dismissed: (count) => observers.forEach((each) => each.dismissed?.(count)),
  };
}
