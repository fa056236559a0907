import type { Config } from "../config/config.ts";
import { okdataOptions } from "../config/okdata_options.ts";
import { untilAborted } from "../core/clock.ts";
import { exitCodeOfSignal } from "../core/exit_code.ts";
import { exitCodeOf, type Reason } from "../core/reasons.ts";
import type { State } from "../core/task.ts";
import { DOCUMENT_VERSION, taskToJson } from "../core/task_json.ts";
import { observeWithAll } from "../core/task_observer.ts";
import { connectOkdata } from "../okdata/okdata.ts";
import { Backlog } from "../probing/backlog.ts";
import { HealthHistory } from "../probing/health.ts";
import { every } from "../probing/schedule.ts";
import { lineOf, logFailure } from "../probing/task_log.ts";
import { createTaskRunner, type RunTask } from "../probing/task_runner.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { type DatasetRun, paintTaskState, renderRunSummary } from "../terminal/run_summary.ts";
import { toSafeJson } from "../text/escape.ts";
import { describeLinks } from "../text/links.ts";
import type { View } from "./command_line.ts";
import { attemptLog, createTableRenderer } from "./serve_parts.ts";

/**
 * The command `run`: `--once` (a count of 1) or `--count N`.
 *
 * Creates `count` tasks of each dataset, an interval apart, and returns the exit code. Prints a line
 * for each task and the state of each dataset, or one JSON document. Opens no port. When `signal`
 * aborts, the tasks in flight are abandoned.
 */
export async function runOnce(
  config: Config,
  view: View,
  { count, json }: { count: number; json: boolean },
  runtime: Runtime,
  signal: AbortSignal,
): Promise<number> {
  const { clock, trace, log, stdout, readFile, terminal } = runtime;
  const documents: ReturnType<typeof taskToJson>[] = [];
  const { color } = terminal();
  const health = new HealthHistory({ ...config, clock });
  const runs = new Map(config.datasetIds.map((id) => [id, newRun()]));
  const lines = createLineWriter(runtime, count * config.datasetIds.length);
  const backlog = new Backlog(config.maxTrackedTasks, () => {});
  const done = new AbortController();
  const { getDataset } = connectOkdata(
    { ...runtime, ...okdataOptions(config, readFile) },
    done.signal,
    { onAttempt: attemptLog(config, log) },
  );
  const observer = observeWithAll([health, {
    created: ({ datasetId }) => void runs.get(datasetId)!.counts.PENDING++,
    settled(task, error) {
      if (json) documents.push(taskToJson(task, config.appId));
      const line = lineOf(task, {
        traceUrl: config.traceUrl,
        paint: (state) => paintTaskState(state, color),
      });
      lines.write(json ? "" : line + "\n");
      const { counts, reasons } = runs.get(task.datasetId)!;
      counts.PENDING--;
      counts[task.state]++;
      if (task.state !== "FAILED") return;
      reasons.set(task.reason, (reasons.get(task.reason) ?? 0) + 1);
      if (task.reason === "internal") logFailure(log, task, error);
    },
  }]);
  const maxInFlight = config.maxInFlightTasks;
  const runTask = createTaskRunner({ getDataset, clock, trace, backlog, maxInFlight, observer });

  const loops = config.datasetIds.map((datasetId, i) =>
    runTasks(datasetId, i / config.datasetIds.length, config, count, runTask, runtime, signal)
  );
  await Promise.all(loops);
  await lines.end();
  done.abort();

  if (json) {
    // After an interruption some tasks stay pending.
    const pending = backlog.page({ state: "PENDING", limit: Infinity }).tasks;
    documents.push(...pending.map((task) => taskToJson(task, config.appId)));
    const tasks = documents.sort((a, b) => a.seqno - b.seqno);
    stdout.write(
      toSafeJson({ version: DOCUMENT_VERSION, environment: config.environmentName, tasks }, 2) +
        "\n",
    );
    return exitCode();
  }
  const summaries = config.datasetIds.map((datasetId): DatasetRun => ({
    datasetId,
    url: `${config.apiUrl}/${datasetId}`,
    state: health.of(datasetId)?.state ?? "starting",
    ...runs.get(datasetId) ?? newRun(),
  }));
  const failed = summaries.flatMap(({ datasetId, counts }) => counts.FAILED > 0 ? [datasetId] : []);
  const links = failed.length > 0 ? describeLinks(config, failed) : [];
  stdout.write([...renderRunSummary(summaries, color), ...links, ""].join("\n"));
  if (view.table) {
    const render = await createTableRenderer(config, view, runtime);
    stdout.write(render(backlog));
  }
  return exitCode();

  function exitCode(): number {
    const failures = new Set([...runs.values()].flatMap(({ reasons }) => [...reasons.keys()]));
    return signal.aborted ? exitCodeOfSignal(signal) : exitCodeOf(failures);
  }
}

/** Counts of tasks by their state, and of failures by their reason. */
function newRun(): { counts: Record<State, number>; reasons: Map<Reason, number> } {
  return { counts: { PENDING: 0, SUCCEEDED: 0, FAILED: 0 }, reasons: new Map() };
}

/** Runs `count` tasks of a dataset, an interval apart; `phase` counts in intervals. */
async function runTasks(
  datasetId: string,
  phase: number,
  { taskIntervalSeconds }: Config,
  count: number,
  runTask: RunTask,
  { clock, log }: Runtime,
  signal: AbortSignal,
): Promise<void> {
  const intervalMs = taskIntervalSeconds * 1e3;
  // A single round starts at once: there is nothing to spread it over.
  const phaseMs = count === 1 ? 0 : phase * intervalMs;
  const end = new AbortController();
  void untilAborted(signal).then(() => end.abort());
  const inFlight = new Set<Promise<unknown>>();
  let created = 0;
  every("probe", intervalMs, () => {
    const task = runTask(datasetId, signal);
    if (!task) return log.warn(`${datasetId} waits: too many tasks are in flight`);
    const followed: Promise<unknown> = task.finally(() => inFlight.delete(followed));
    inFlight.add(followed);
    if (++created === count) end.abort();
  }, { clock, signal: end.signal, phaseMs });
  await untilAborted(end.signal);
  await Promise.all(inFlight);
}

/** Writes the lines of a run, with the number of finished tasks under them on a terminal. */
function createLineWriter({ stdout, progress }: Runtime, total: number) {
  let done = 0;
  let last = Promise.resolve();
  return {
    write(line: string): void {
      last = last.then(async () => {
        progress?.write("\r\x1b[K");
        await progress?.flush();
        stdout.write(line);
        await stdout.flush();
        progress?.write(`${++done} of ${total} tasks`);
      });
    },
    async end(): Promise<void> {
      await last;
      progress?.write("\r\x1b[K");
      await progress?.flush();
    },
  };
}
