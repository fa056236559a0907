import type { Reason } from "./reasons.ts";

/** The parts of a task's last attempt, in the order in which they pass. */
export const PHASES = ["token", "resolve", "connect", "tls", "processing", "transfer"] as const;
export type Phase = typeof PHASES[number];

/** Seconds spent in each phase that was reached. */
export type Phases = Partial<Record<Phase, number>>;

/** One request for the dataset; a task makes several when it retries. */
export type Attempt = {
  /** HTTP status, or null when no answer came. */
  status: number | null;
  /** Null for an attempt that succeeded. */
  reason: Reason | null;
  durationSeconds: number;
};

export const STATES = ["PENDING", "SUCCEEDED", "FAILED"] as const;
export type State = typeof STATES[number];

type Opened = {
  /** Counts from 1. */
  readonly seqno: number;
  readonly datasetId: string;
  /** 32 hex digits, sent to the platform as `traceparent`. */
  readonly traceId: string;
  /** Wall-clock time of creation, milliseconds since the epoch: for showing. */
  readonly createdMs: number;
  /** The same moment on the monotonic clock: for ages. */
  readonly createdMonotonicMs: number;
};

type Settled = Opened & {
  /**
   * From when it turned to the platform until the last answer was whole, or given up, on the
   * monotonic clock: what the probe itself does before and after is not the platform's time. A task
   * that has made no attempt counts from its creation.
   */
  readonly durationSeconds: number;
  readonly attempts: readonly Attempt[];
  readonly phases: Phases;
};

export type PendingTask = Opened & { readonly state: "PENDING" };
export type SucceededTask = Settled & { readonly state: "SUCCEEDED" };
export type FailedTask = Settled & {
  readonly state: "FAILED";
  readonly reason: Reason;
  /** The start of the answer's body, where one came. */
  readonly body: string | null;
};
export type SettledTask = SucceededTask | FailedTask;
export type Task = PendingTask | SettledTask;

/** What a task went through on its way to being settled. */
export type TaskExecution = {
  attempts: Attempt[];
  phases: Phases;
  /** Monotonic instant at which the first connection was begun, less the wait for its token. */
  begunMs?: number;
  /** The one at which the last attempt ended; none again from when the next token is asked for. */
  endedMs?: number;
};

/** The pending task as it stands after a success at `nowMonotonicMs`. */
export function succeed(
  task: PendingTask,
  nowMonotonicMs: number,
  execution: TaskExecution,
): SucceededTask {
  return { ...task, state: "SUCCEEDED", ...outcomeOf(task, nowMonotonicMs, execution) };
}

/** The pending task as it stands after a failure at `nowMonotonicMs`. */
export function fail(
  task: PendingTask,
  nowMonotonicMs: number,
  execution: TaskExecution,
  reason: Reason,
  body: string | null = null,
): FailedTask {
  return { ...task, state: "FAILED", ...outcomeOf(task, nowMonotonicMs, execution), reason, body };
}

function outcomeOf(
  { createdMonotonicMs }: PendingTask,
  nowMonotonicMs: number,
  { attempts, phases, begunMs = createdMonotonicMs, endedMs = nowMonotonicMs }: TaskExecution,
) {
  return { durationSeconds: secondsBetween(begunMs, endedMs), attempts, phases };
}

/** Seconds from one monotonic instant to a later one, to the microsecond. */
export function secondsBetween(fromMs: number, toMs: number): number {
  return Math.round((toMs - fromMs) * 1e3) / 1e6;
}

/**
 * When a task's answer was whole or given up, milliseconds since the epoch on the wall clock, to a
 * millisecond or so; null while pending.
 */
export function settledMs(task: Task): number | null {
  return task.state === "PENDING" ? null : task.createdMs + task.durationSeconds * 1e3;
}
