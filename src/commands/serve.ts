import type { Config } from "../config/config.ts";
import { readEndpointFiles } from "../config/endpoint_files.ts";
import { warningsOf } from "../config/hints/relations.ts";
import { untilAborted } from "../core/clock.ts";
import { EXIT } from "../core/exit_code.ts";
import { observeWithAll, type TaskObserver } from "../core/task_observer.ts";
import { taskToJson } from "../core/task_json.ts";
import { VERSION } from "../core/version.ts";
import { History } from "../history/history.ts";
import { Backlog } from "../probing/backlog.ts";
import { HealthHistory } from "../probing/health.ts";
import { Ledger, type LedgerCounts } from "../probing/ledger.ts";
import { ProbeLoops } from "../probing/probe_loops.ts";
import { SkipLog } from "../probing/log/skip_log.ts";
import { SUMMARY_SECONDS, TaskLog } from "../probing/log/task_log.ts";
import { createTaskRunner } from "../probing/task_runner.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { Events } from "../server/events.ts";
import { stackOf } from "../text/error_text.ts";
import type { View } from "./command_line.ts";
import {
  connectPlatform,
  createCertificateWatch,
  createHeartbeat,
  createMetrics,
  createPast,
  createTable,
  listenForReaders,
  reloadOnRequest,
  reportOwnCertificate,
  startLine,
} from "./serve_parts.ts";

/** How long tasks in flight get when the probe stops. */
const GRACE_MS = 8_000;

/** What can be read of the main loop at any moment, at no cost. */
export type Internals = {
  ledger: Readonly<LedgerCounts>;
  backlog: Pick<Backlog, "counts" | "oldestPending" | "page">;
  health: Pick<HealthHistory, "of">;
  stalledLoops: () => string[];
};

/**
 * Probes until `signal` aborts; returns the exit code. Throws a `PortError` when the port cannot be
 * opened, and a `FileError` when a file of the configuration cannot be used. `onInternals` and
 * `watcher`, the last observer of tasks and slots, let a simulation look inside.
 */
export async function serve(
  config: Config,
  view: View,
  runtime: Runtime,
  signal: AbortSignal,
  { onInternals = () => {}, watcher = {} }: {
    onInternals?: (internals: Internals) => void;
    watcher?: TaskObserver;
  } = {},
): Promise<number> {
  const { clock, trace, log, readFile, connectionsClosing } = runtime;
  const files = await readEndpointFiles(config, readFile);
  const startedMs = clock.now();
  const noNewSlots = new AbortController();
  const abandonTasks = new AbortController();
  const broken = new AbortController();

  const backlog = new Backlog(config.maxTrackedTasks, (count) => observer.dismissed(count));
  const ledger = new Ledger(() => backlog.counts);
  const health = new HealthHistory({ ...config, clock });
  const past = await createPast(config, runtime, startedMs, noNewSlots.signal);
  const history = new History(health, past);
  const metrics = createMetrics(config, runtime, { backlog, health, startedMs });
  const events = new Events(clock, {
    app_id: config.appId,
    environment: config.environmentName,
    version: VERSION,
  });
  const { getDataset } = connectPlatform(config, runtime, metrics, abandonTasks.signal);
  const certificates = createCertificateWatch(config, runtime, metrics, abandonTasks.signal);
  const table = await createTable(config, view, runtime, backlog, health, history);
  const taskLog = new TaskLog({ ...config, clock, log, newsOf: (task) => health.newsOf(task) });
  const skipLog = new SkipLog({ ...config, clock, log });
  const observer = observeWithAll([
    ledger,
    metrics,
    health,
    { settled: (task) => events.send("settled", () => taskToJson(task, config.appId)) },
    // After `health`, which knows only then whether an outage has begun or ended with this task.
    taskLog,
    skipLog,
    createHeartbeat(config, runtime, metrics, abandonTasks.signal),
    certificates,
    // The first table follows the first settled task: before it there is nothing to see.
    { settled: () => table?.startOnce(loops) },
    watcher,
  ]);
  const loops: ProbeLoops = new ProbeLoops({
    ...config,
    clock,
    backlog,
    runTask: createTaskRunner({
      getDataset,
      clock,
      trace,
      backlog,
      maxInFlight: config.maxInFlightTasks,
      connectionsClosing,
      observer,
    }),
    observer,
    onTick(loop, lagMs) {
      metrics.slotRan(loop, lagMs);
      if (loop === "probe") health.slotRan(lagMs);
    },
    onPruned(dismissed) {
      ledger.check();
      log.debug(`dismissed ${dismissed} old tasks`, { dismissed });
    },
    onBroken(error) {
      log.error(`stopping after a broken invariant: ${stackOf(error)}`);
      broken.abort();
    },
    noNewSlots: noNewSlots.signal,
    abandonTasks: abandonTasks.signal,
  });
  const listener = listenForReaders(config, runtime, {
    files,
    startedMs,
    backlog,
    metrics,
    health,
    history,
    events,
    loops,
    isDraining: () => noNewSlots.signal.aborted,
  });
  onInternals({ ledger: ledger.counts, backlog, health, stalledLoops: () => loops.stalled() });
  log.info(startLine(config, listener), { version: VERSION });
  for (const warning of warningsOf(config)) log.warn(warning);
  taskLog.announce();
  reportOwnCertificate(files, runtime, metrics);
  reloadOnRequest(config, runtime, metrics, listener, files);
  loops.start();
  if (taskLog.summarizes) {
    loops.run("summary", SUMMARY_SECONDS, () => taskLog.summarize(), { phase: 1 });
  }
  certificates.start();
  past.start();

  await Promise.race([untilAborted(signal), untilAborted(broken.signal)]);
  noNewSlots.abort();
  log.info(`stopping with ${loops.tasksInFlight} tasks in flight`);
  await loops.drain(GRACE_MS);
  const abandoned = backlog.counts.PENDING;
  abandonTasks.abort(new Error("the probe has stopped"));
  taskLog.summarize();
  skipLog.close();
  if (abandoned > 0) log.warn(`abandoned ${abandoned} tasks, still pending`, { abandoned });
  table?.print();
  events.close();
  await listener.close();
  log.info("stopped");
  return broken.signal.aborted ? EXIT.brokenInvariant : EXIT.ok;
}
