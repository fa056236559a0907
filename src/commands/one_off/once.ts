import type { Config } from "../../config/config.ts";
import { okdataOptions } from "../../config/okdata_options.ts";
import { exitCodeOfSignal } from "../../core/exit_code.ts";
import { secondsBetween, type SettledTask } from "../../core/task.ts";
import { observeWithAll } from "../../core/task_observer.ts";
import type { DatasetState } from "../../core/verdict/states.ts";
import { connectOkdata } from "../../okdata/okdata.ts";
import { Backlog } from "../../probing/backlog.ts";
import { HealthHistory } from "../../probing/health.ts";
import { logFailure } from "../../probing/log/task_log.ts";
import { createTaskRunner } from "../../probing/task_runner.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { View } from "../command_line.ts";
import { attemptLog } from "../serve_parts.ts";
import { createGithubReport } from "./github_report.ts";
import { createJsonReport } from "./json_report.ts";
import { createJunitReport } from "./junit_report.ts";
import { createLineReport } from "./line_report.ts";
import type { RunOptions, RunOutput } from "./options.ts";
import type { Report, ReportContext } from "./report.ts";
import { RunRecord } from "./run_record.ts";
import { runTasks, runUntilGood } from "./run_tasks.ts";

const REPORTS: Readonly<Record<RunOutput, (context: ReportContext) => Report>> = {
  lines: createLineReport,
  json: createJsonReport,
  junit: createJunitReport,
  github: createGithubReport,
};

/**
 * The command `run`: `--once` (a count of 1, or a wait) or `--count N`.
 *
 * Creates tasks of each dataset, an interval apart: `count` of them, or, with a wait, until one is
 * good. Writes the report that the options ask for, and returns the exit code. Opens no port. When
 * `signal` aborts, the tasks in flight are abandoned.
 */
export async function runOnce(
  config: Config,
  view: View,
  options: RunOptions,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<number> {
  const { clock, trace, log, stdout, readFile } = runtime;
  const { datasetIds, taskIntervalSeconds: intervalSeconds, maxInFlightTasks } = config;
  const { count, waitSeconds, maxDurationSeconds } = options;
  const startedMonotonicMs = clock.monotonic();
  const backlog = new Backlog(config.maxTrackedTasks, () => {});
  const report = REPORTS[options.output]({ config, options, view, runtime, backlog });
  const lines = createLineWriter(runtime, waitSeconds === null ? count * datasetIds.length : null);
  const record = new RunRecord(config, options, (settlement, error) => {
    lines.write(report.settled(settlement));
    const { task } = settlement;
    if (task.state === "FAILED" && task.reason === "internal") logFailure(log, task, error);
  });
  // No task that the run calls too slow leaves its dataset working.
  const sloLatencySeconds = Math.min(config.sloLatencySeconds, maxDurationSeconds ?? Infinity);
  const health = new HealthHistory({ ...config, sloLatencySeconds, clock });
  const done = new AbortController();
  const { getDataset } = connectOkdata(
    { ...runtime, ...okdataOptions(config, readFile) },
    done.signal,
    { onAttempt: attemptLog(config, log) },
  );
  const runTask = createTaskRunner({
    getDataset,
    clock,
    trace,
    backlog,
    maxInFlight: maxInFlightTasks,
    connectionsClosing: runtime.connectionsClosing,
    observer: observeWithAll([health, record]),
  });

  stdout.write(report.start?.() ?? "");
  // When other datasets take longer, that this one has no news by then says nothing about it.
  const states = new Map<string, DatasetState>();
  await Promise.all(datasetIds.map(async (datasetId, i) => {
    const loop = { datasetId, intervalSeconds, runTask, clock, log };
    const phase = i / datasetIds.length;
    const isGood = (task: SettledTask) => record.isGood(task);
    await (waitSeconds === null
      ? runTasks(loop, { count, phase }, signal)
      : runUntilGood(loop, { waitSeconds, isGood }, signal));
    states.set(datasetId, health.of(datasetId)?.state ?? "starting");
  }));
  await lines.end();
  done.abort();

  const exitCode = signal.aborted ? exitCodeOfSignal(signal) : record.exitCode();
  stdout.write(
    await report.end({
      datasets: record.results((id) => states.get(id) ?? "starting"),
      // After an interruption some tasks stay pending.
      abandoned: backlog.page({ state: "PENDING", limit: Infinity }).tasks
        .filter((task) => task.state === "PENDING"),
      interrupted: signal.aborted,
      durationSeconds: secondsBetween(startedMonotonicMs, clock.monotonic()),
      exitCode,
    }),
  );
  return exitCode;
}

/**
 * Writes what a run reports of its tasks, with the number of finished tasks under it on a terminal;
 * `total` is null when nobody knows how many there will be.
 */
function createLineWriter({ stdout, progress }: Runtime, total: number | null) {
  let done = 0;
  let last = Promise.resolve();
  return {
    write(text: string): void {
      last = last.then(async () => {
        progress?.write("\r\x1b[K");
        await progress?.flush();
        stdout.write(text);
        await stdout.flush();
        progress?.write(total === null ? `tasks: ${++done}` : `${++done} of ${total} tasks`);
      });
    },
    async end(): Promise<void> {
      await last;
      progress?.write("\r\x1b[K");
      await progress?.flush();
    },
  };
}
