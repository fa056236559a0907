import type { Backlog } from "./backlog.ts";
import type { Clock } from "../core/clock.ts";
import { RequestError } from "../http_client/errors.ts";
import {
  fail,
  type PendingTask,
  type SettledTask,
  succeed,
  type TaskExecution,
} from "../core/task.ts";
import type { Trace } from "../runtime/tracing.ts";

/** Requests a dataset once, the way a user does; throws when that fails. */
type GetDataset = (
  request: PendingTask & { execution: TaskExecution },
  signal: AbortSignal,
) => Promise<void>;

export type ProbeOptions = {
  getDataset: GetDataset;
  clock: Clock;
  trace: Trace;
  backlog: Backlog;
  /** How many tasks may be pending at once. */
  maxInFlight: number;
  onCreated: (task: PendingTask) => void;
  /** Hears of each settled task once, in the instant in which the backlog settles it. */
  onSettled: (task: SettledTask, error: unknown) => void;
};

/**
 * Creates a task for the dataset and follows it to its end. Returns null, without a task, when too
 * many are in flight. The promise brings the settled task, or null when `signal` aborted first: the
 * task then stays pending.
 */
export type Probe = (
  datasetId: string,
  signal: AbortSignal,
) => Promise<SettledTask | null> | null;

export function createProbe(options: ProbeOptions): Probe {
  const { getDataset, clock, trace, backlog, maxInFlight, onCreated, onSettled } = options;

  async function follow(task: PendingTask, signal: AbortSignal): Promise<SettledTask | null> {
    const execution: TaskExecution = { attempts: [], phases: {} };
    let settled: SettledTask;
    let failure: unknown;
    try {
      await getDataset({ ...task, execution }, signal);
      settled = succeed(task, clock.monotonic(), execution);
    } catch (error) {
      if (signal.aborted) return null;
      failure = error;
      const { reason, reply } = error instanceof RequestError
        ? error
        : { reason: "internal" as const, reply: undefined };
      settled = fail(task, clock.monotonic(), execution, reason, reply?.body);
    }
    backlog.settle(settled);
    onSettled(settled, failure);
    return settled;
  }

  return (datasetId, signal) => {
    if (backlog.counts.PENDING >= maxInFlight) return null;
    return trace((traceId) => {
      const task = backlog.open({
        datasetId,
        traceId,
        createdMs: clock.now(),
        createdMonotonicMs: clock.monotonic(),
      });
      onCreated(task);
      return follow(task, signal);
    });
  };
}
