import { type Clock, sleep, untilAborted } from "../../core/clock.ts";
import type { SettledTask } from "../../core/task.ts";
import { every } from "../../probing/schedule.ts";
import type { RunTask } from "../../probing/task_runner.ts";
import type { Log } from "../../runtime/log.ts";

type Loop = {
  datasetId: string;
  intervalSeconds: number;
  runTask: RunTask;
  clock: Clock;
  log: Log;
};

/**
 * Runs `count` tasks of a dataset, an interval apart, however long they take; `phase` counts in
 * intervals. A slot in which too many tasks are in flight is made up for.
 */
export async function runTasks(
  { datasetId, intervalSeconds, runTask, clock, log }: Loop,
  { count, phase }: { count: number; phase: number },
  signal: AbortSignal,
): Promise<void> {
  const intervalMs = intervalSeconds * 1e3;
  // A single round starts at once: there is nothing to spread it over.
  const phaseMs = count === 1 ? 0 : phase * intervalMs;
  const end = new AbortController();
  void untilAborted(signal).then(() => end.abort());
  const inFlight = new Set<Promise<unknown>>();
  let created = 0;
  every("probe", intervalMs, () => {
    const task = runTask(datasetId, signal);
    if (!task) return logRefusal(log, datasetId);
    const followed: Promise<unknown> = task.finally(() => inFlight.delete(followed));
    inFlight.add(followed);
    if (++created === count) end.abort();
  }, { clock, signal: end.signal, phaseMs });
  await untilAborted(end.signal);
  await Promise.all(inFlight);
}

/**
 * Runs tasks of a dataset, one after the other and an interval apart, until one is good. The last one
 * starts at the end of the wait at the latest, and takes as long as it takes: to cut it off would
 * replace the cause of the failures by a timeout. At least one task is settled, unless `signal`
 * aborts.
 */
export async function runUntilGood(
  { datasetId, intervalSeconds, runTask, clock, log }: Loop,
  { waitSeconds, isGood }: { waitSeconds: number; isGood: (task: SettledTask) => boolean },
  signal: AbortSignal,
): Promise<void> {
  const endMs = clock.monotonic() + waitSeconds * 1e3;
  for (let dueMs = clock.monotonic();;) {
    const task = await runTask(datasetId, signal);
    const nowMs = clock.monotonic();
    if (signal.aborted || task && (isGood(task) || dueMs >= endMs || nowMs >= endMs)) return;
    const nextMs = Math.max(dueMs + intervalSeconds * 1e3, nowMs);
    if (task) {
      dueMs = Math.min(nextMs, endMs);
    } else {
      logRefusal(log, datasetId);
      dueMs = nextMs;
    }
    try {
      await sleep(clock, dueMs - nowMs, signal);
    } catch {
      return;
    }
  }
}

function logRefusal(log: Log, datasetId: string): void {
  log.warn(`${datasetId} waits: too many tasks are in flight`);
}
