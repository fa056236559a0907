import type { Clock } from "../core/clock.ts";
import { fail, newExecution, type SettledTask, succeed, type TaskExecution } from "../core/task.ts";
import type { PendingTask } from "../core/task.ts";
import type { TaskObserver } from "../core/task_observer.ts";
import { toRequestError } from "../http_client/errors.ts";
import type { GetDataset } from "../okdata/client.ts";
import type { Trace } from "../runtime/tracing.ts";
import type { Backlog } from "./backlog.ts";

export type TaskRunnerOptions = {
  getDataset: GetDataset;
  clock: Clock;
  trace: Trace;
  backlog: Backlog;
  /** How many tasks may be pending at once, with the connections that are not closed yet. */
  maxInFlight: number;
  /** How many connections of earlier tasks could not be closed yet. */
  connectionsClosing: () => number;
  /** Its methods `created` and `settled` are called in the instant in which the backlog changes. */
  observer: TaskObserver;
};

/**
 * Creates a task for the dataset and runs it to its end. Returns null, without a task, when too many
 * are in flight. The promise resolves with the settled task, or with null when `signal` aborted
 * first: the task then stays pending. It rejects only when an observer throws.
 */
export type RunTask = (
  datasetId: string,
  signal: AbortSignal,
) => Promise<SettledTask | null> | null;

export function createTaskRunner(options: TaskRunnerOptions): RunTask {
  const { getDataset, clock, trace, backlog, maxInFlight, connectionsClosing, observer } = options;

  async function execute(
    task: PendingTask,
    execution: TaskExecution,
    signal: AbortSignal,
  ): Promise<SettledTask | null> {
    let settled: SettledTask;
    let failure: unknown;
    try {
      await getDataset({ ...task, execution }, signal);
      settled = succeed(task, clock.monotonic(), execution);
    } catch (error) {
      // The only place where an error becomes the outcome of a task.
      if (signal.aborted) return null;
      failure = error;
      const { reason, message, response } = toRequestError(error);
      const body = response?.body ?? null;
      settled = fail(task, clock.monotonic(), execution, { reason, message, body });
    }
    backlog.settle(settled);
    observer.settled?.(settled, failure);
    return settled;
  }

  return (datasetId, signal) => {
    if (backlog.counts.PENDING + connectionsClosing() >= maxInFlight) return null;
    return trace((traceId) => {
      const execution = newExecution();
      const task = backlog.open({
        datasetId,
        traceId,
        createdMs: clock.now(),
        createdMonotonicMs: clock.monotonic(),
        execution,
      });
      observer.created?.(task);
      return execute(task, execution, signal);
    });
  };
}
