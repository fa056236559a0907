import type { Reason } from "./reasons.ts";

/** The parts of an attempt in the order in which they pass; `token` passes before it begins. */
export const PHASES = ["token", "resolve", "connect", "tls", "processing", "transfer"] as const;
export type Phase = typeof PHASES[number];

/** Seconds spent in each phase that was reached. */
export type Phases = Partial<Record<Phase, number>>;

/** Why a task waits before its next attempt. */
export const WAITS = ["backoff", "retry_after"] as const;
export type Wait = typeof WAITS[number];

/** One request for the dataset; a task that retries makes several. */
export type Attempt = {
  /** HTTP status, or null when no response came. */
  readonly status: number | null;
  /** Null for an attempt that succeeded. */
  readonly reason: Reason | null;
  readonly durationSeconds: number;
  /** When it began, in seconds since the beginning of the task's duration. */
  readonly startSeconds: number;
  /** Why the task waited before it; null when it did not. */
  readonly wait: Wait | null;
  /** The phases that it reached, which add up to its duration but for `token`, the one before it. */
  readonly phases: Phases;
};

export const STATES = ["PENDING", "SUCCEEDED", "FAILED"] as const;
export type State = typeof STATES[number];

type Created = {
  /** Counts from 1. */
  readonly seqno: number;
  readonly datasetId: string;
  /** 32 hex digits, sent to the platform as `traceparent`. */
  readonly traceId: string;
  /** Wall-clock time of creation, milliseconds since the epoch: for display. */
  readonly createdMs: number;
  /** The same instant on the monotonic clock: for ages. */
  readonly createdMonotonicMs: number;
};

type Settled = Created & {
  /**
   * On the monotonic clock. Begins with the wait for the first attempt's token, or its connection when
   * there is no token; without an attempt, with the creation of the task. Ends with the last byte of
   * the last response, or, when that is not complete, with the last attempt. The probe's own work before and
   * after is left out, since it is not the platform's time.
   */
  readonly durationSeconds: number;
  readonly attempts: readonly Attempt[];
  /** Those of the last attempt; `token` alone when the task failed for lack of the next token. */
  readonly phases: Phases;
};

export type PendingTask = Created & {
  readonly state: "PENDING";
  /** How far it has come; absent for a task that is not run. */
  readonly execution?: TaskExecution;
};
export type SucceededTask = Settled & { readonly state: "SUCCEEDED" };
/** Why a task failed. */
export type Failure = {
  readonly reason: Reason;
  /** The cause in one line of at most 400 characters, escaped and without secrets. */
  readonly message: string;
  /** The start of the response's body, when a response came. */
  readonly body: string | null;
};

export type FailedTask = Settled & Failure & { readonly state: "FAILED" };
export type SettledTask = SucceededTask | FailedTask;
export type Task = PendingTask | SettledTask;

/** What a task goes through between creation and settlement. */
export type TaskExecution = {
  attempts: Attempt[];
  phases: Phases;
  /** What is being done since this monotonic instant; `wait` as that of an attempt. */
  step?: { what: "token" | "attempt" | "wait"; sinceMs: number; wait: Wait | null };
  /**
   * Monotonic instant at which the duration begins: when the first connection began, less the wait for
   * its token. So what the probe itself did between the two does not count.
   */
  begunMs?: number;
  /** Monotonic end of the last attempt; undefined again while the next token is awaited. */
  endedMs?: number;
};

/** The execution of a task that has just been created. */
export function newExecution(): TaskExecution {
  return { attempts: [], phases: {} };
}

/** The pending task after a success at `nowMonotonicMs`. */
export function succeed(
  task: PendingTask,
  nowMonotonicMs: number,
  execution: TaskExecution,
): SucceededTask {
  return { state: "SUCCEEDED", ...settlementOf(task, nowMonotonicMs, execution) };
}

/** The pending task after a failure at `nowMonotonicMs`. */
export function fail(
  task: PendingTask,
  nowMonotonicMs: number,
  execution: TaskExecution,
  { reason, message, body }: Failure,
): FailedTask {
  const settlement = settlementOf(task, nowMonotonicMs, execution);
  return { state: "FAILED", ...settlement, reason, message, body };
}

/** Leaves out the execution, of which a settled task needs no more than this. */
function settlementOf(
  { seqno, datasetId, traceId, createdMs, createdMonotonicMs }: PendingTask,
  nowMonotonicMs: number,
  { attempts, phases, begunMs = createdMonotonicMs, endedMs = nowMonotonicMs }: TaskExecution,
): Settled {
  return {
    seqno,
    datasetId,
    traceId,
    createdMs,
    createdMonotonicMs,
    durationSeconds: secondsBetween(begunMs, endedMs),
    attempts,
    phases,
  };
}

/** Seconds from one monotonic instant to a later one, to the microsecond. */
export function secondsBetween(fromMs: number, toMs: number): number {
  return Math.round((toMs - fromMs) * 1e3) / 1e6;
}

/** Whether a task succeeded, but took longer than this. A task that failed is never slow. */
export function isSlow(
  { state, durationSeconds }: Pick<SettledTask, "state" | "durationSeconds">,
  sloLatencySeconds: number,
): boolean {
  return state === "SUCCEEDED" && durationSeconds > sloLatencySeconds;
}

/**
 * The index of the first of `length` tasks whose number is at least `least`, and `length` without
 * one. `numberAt` gives the number at an index: the `seqno`, or a time; they ascend.
 */
export function firstFrom(
  least: number,
  length: number,
  numberAt: (index: number) => number,
): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numberAt(middle) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Wall-clock time at which a task's last response or attempt ended, milliseconds since the epoch,
 * exact to about a millisecond.
 */
export function settledMs(task: SettledTask): number;
export function settledMs(task: Task): number | null;
export function settledMs(task: Task): number | null {
  return task.state === "PENDING" ? null : task.createdMs + task.durationSeconds * 1e3;
}
