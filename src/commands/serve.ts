import { readEndpointCredentials, readTls } from "../config/credentials.ts";
import { Ledger, watchDeadlines } from "../probing/ledger.ts";
import { Backlog } from "../probing/backlog.ts";
import type { SkipCause } from "../core/task_observer.ts";
import type { View } from "./command_line.ts";
import { sleep } from "../core/clock.ts";
import type { Config } from "../config/config.ts";
import { Events } from "../server/events.ts";
import { EXIT, exitCodeOfSignal } from "../core/exit_code.ts";
import { exitCodeOf, type Reason } from "../core/reasons.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { createHeartbeat } from "../probing/heartbeat.ts";
import { HealthHistory } from "../probing/health.ts";
import type { Log } from "../runtime/log.ts";
import { Metrics } from "../prometheus/metrics.ts";
import { explain } from "../http_client/errors.ts";
import type { TokenResult } from "../okdata/token_cache.ts";
import { connect, type PlatformListeners } from "../okdata/okdata.ts";
import { createProbe } from "../probing/task_runner.ts";
import {
  createTaskLog,
  inspectError,
  lineOf,
  logAttempt,
  logFailure,
} from "../probing/task_log.ts";
import { every, isStalled, type Loop, type Tick } from "../probing/schedule.ts";
import { createServer } from "../server/server.ts";
import { viewOf } from "../status_page/view.ts";
import { settledMs, type SettledTask } from "../core/task.ts";
import { DOCUMENT_VERSION, taskToJson } from "../core/task_json.ts";
import { toSafeJson } from "../text/escape.ts";
import { VERSION } from "../core/version.ts";

/** How long tasks in flight get when the probe is told to stop. */
const GRACE_MS = 8_000;

/** Slots that lie at least so far apart are exact: that costs up to 2 % of a core then. */
const EXACT_FROM_MS = 100;

/**
 * Probes until `signal` aborts; returns the exit code. Throws when the port cannot be had, and a
 * `FileError` when a file of the configuration does not hold what it should.
 */
export async function serve(
  config: Config,
  view: View,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<number> {
  const { clock, trace, log, stdout, readFile } = runtime;
  const access = await readEndpointCredentials(config, readFile);
  const tls = await readTls(config, readFile);
  const draw = view.table || config.localRun ? await tableDrawer(config, view, runtime) : null;
  const slots = new AbortController();
  const tasks = new AbortController();
  const loops: Loop[] = [];
  const inFlight = new Set<Promise<void>>();
  const broken = Promise.withResolvers<void>();
  const startedMs = clock.now();
  let exitCode: number = EXIT.ok;

  const accounts = new Ledger();
  const checkDeadlines = watchDeadlines(config.taskTimeoutSeconds * 1e3);
  const backlog = new Backlog(config.maxTrackedTasks, (count) => {
    accounts.dismissed += count;
    metrics.dismissed(count);
  });
  const metrics = new Metrics({
    clock,
    appId: config.appId,
    datasetIds: config.datasetIds,
    latencyObjectiveSeconds: config.sloLatencySeconds,
    build: { version: VERSION, ...runtime.build },
    startTimeSeconds: startedMs / 1e3,
    read: () => ({
      tracked: backlog.counts,
      oldestPendingAgeSeconds: oldestPendingAgeSeconds(),
      ...runtime.usage(),
    }),
  });
  const history = new HealthHistory(config.datasetIds, startedMs, silenceMsFor(config));
  const events = new Events(clock, { app_id: config.appId, version: VERSION });
  const platform = connect(config, runtime, tasks.signal, {
    onAttempt: attemptLog(config, log),
    onToken,
    onTokenDropped: () => metrics.tokenExpires(clock.now()),
    onCertificate: (host, expiresMs) => metrics.certificateExpires(host, expiresMs),
  });
  const logTask = createTaskLog(log);
  const sendHeartbeat = heartbeat();
  const probe = createProbe({
    ...{ clock, trace, backlog, getDataset: platform.getDataset },
    maxInFlight: config.maxInFlightTasks,
    onCreated({ datasetId }) {
      accounts.created++;
      accounts.check(backlog.counts);
      metrics.created(datasetId);
    },
    onSettled(task, error) {
      if (task.state === "SUCCEEDED") accounts.succeeded++;
      else accounts.failed++;
      accounts.check(backlog.counts);
      metrics.settled(task, settledMs(task) ?? 0);
      history.settled(task, clock.monotonic());
      events.send("settled", () => taskToJson(task, config.appId));
      logTask(task, error);
      sendHeartbeat(task);
      startTable();
    },
  });
  const server = createServer({
    appId: config.appId,
    clock,
    credentials: access,
    renderMetrics: (format) => metrics.render(format),
    listTasks: (query) => backlog.page(query),
    datasetCount: config.datasetIds.length,
    trackedCounts: () => backlog.counts,
    viewStatus: (query) =>
      viewOf(query, { config, clock, backlog, history, startedMs, isDraining, stalledLoops }),
    openEvents: () => events.open(),
    eventFlushes: () => events.flushes,
    stalledLoops,
    isDraining,
    onError: (error) => log.error(`failed to answer: ${inspectError(error)}`),
  });

  const listener = runtime.listen(
    { host: config.host, port: config.port, tls },
    (request) => server.fetch(request),
    (error) => {
      if (error === null) log.info("connections are taken again");
      else log.error(`no connections are taken, trying again: ${explain(error)}`);
    },
  );
  runtime.witness?.({ accounts, backlog, stalledLoops });
  const { apiUrl, datasetIds, taskIntervalSeconds } = config;
  const target = datasetIds.length === 1
    ? `${apiUrl}/${datasetIds[0]}`
    : `${datasetIds.length} datasets at ${apiUrl}`;
  log.info(
    `dataplatform-probe ${VERSION} probes ${target} every ${taskIntervalSeconds} s; ` +
      `see ${listener.url}`,
    { version: VERSION },
  );
  datasetIds.forEach((datasetId, i) => {
    const phase = i / datasetIds.length;
    loop("probe", taskIntervalSeconds, phase, (tick) => runSlot(datasetId, tick));
  });
  loop("prune", config.cleanTasksIntervalSeconds, 1, prune);

  await Promise.race([untilAborted(signal), broken.promise]);
  slots.abort();
  log.info(`stopping with ${inFlight.size} tasks in flight`);
  await Promise.race([Promise.all(inFlight), sleep(clock, GRACE_MS, tasks.signal)]);
  const abandoned = backlog.counts.PENDING;
  tasks.abort(new Error("the probe has stopped"));
  if (abandoned > 0) log.warn(`abandoned ${abandoned} tasks, still pending`, { abandoned });
  printTable();
  events.close();
  await listener.close();
  log.info("stopped");
  return exitCode;

  function loop(
    name: string,
    intervalSeconds: number,
    phase: number,
    handler: (tick: Tick) => void,
  ): void {
    const intervalMs = intervalSeconds * 1e3;
    const exact = name === "probe" && intervalMs / config.datasetIds.length >= EXACT_FROM_MS;
    const options = { clock, signal: slots.signal, phaseMs: phase * intervalMs, exact };
    loops.push(every(name, intervalMs, (tick) => {
      try {
        handler(tick);
      } catch (error) {
        breakDown(error);
      }
    }, options));
  }

  function runSlot(datasetId: string, { skipped, lagMs }: Tick): void {
    metrics.lag("probe", lagMs);
    history.slot(lagMs, clock.monotonic());
    if (skipped > 0) {
      noteSkipped("late", skipped);
      log.warn(`skipped ${skipped} slots of ${datasetId}: the probe itself was held up`, {
        dataset_id: datasetId,
        skipped,
      });
    }
    checkDeadlines(backlog.oldestPending, clock.monotonic());
    const task = probe(datasetId, tasks.signal);
    if (task) return follow(task);
    noteSkipped("in_flight", 1);
    log.warn(`skipped a slot of ${datasetId}: ${config.maxInFlightTasks} tasks are in flight`, {
      dataset_id: datasetId,
      skipped: 1,
    });
  }

  function noteSkipped(cause: SkipCause, count: number): void {
    accounts.skipped[cause] += count;
    metrics.skipped(cause, count);
    history.skipped(cause, count);
  }

  function follow(task: Promise<unknown>): void {
    const followed: Promise<void> = task
      .then(() => {}, breakDown)
      .finally(() => inFlight.delete(followed));
    inFlight.add(followed);
  }

  function prune({ lagMs }: Tick): void {
    metrics.lag("prune", lagMs);
    const dismissed = backlog.prune(clock.monotonic() - config.dismissTaskSeconds * 1e3);
    accounts.check(backlog.counts);
    log.debug(`dismissed ${dismissed} old tasks`, { dismissed });
  }

  /** Rather end than live on as a shell: something has happened that cannot be. */
  function breakDown(error: unknown): void {
    log.error(`stopping, because what cannot be has happened: ${inspectError(error)}`);
    exitCode = EXIT.brokenInvariant;
    broken.resolve();
  }

  function onToken({ token, error }: TokenResult): void {
    metrics.tokenRequested(token ? "ok" : "failed");
    if (token) metrics.tokenExpires(clock.now() + token.lifetimeMs);
    if (error) log.warn(error.message, { reason: error.reason });
    else log.debug(`got a token for ${token.lifetimeMs / 1e3} s`);
  }

  function heartbeat(): (task: SettledTask) => void {
    const { heartbeatUrl } = config;
    if (!heartbeatUrl) return () => {};
    return createHeartbeat({
      send: (beatSignal) => platform.sendHeartbeat(heartbeatUrl, beatSignal),
      signal: tasks.signal,
      monotonic: () => clock.monotonic(),
      intervalMs: config.taskIntervalSeconds * 1e3,
      onResult: (result) => metrics.heartbeat(result),
      onChange(error) {
        if (error === null) log.info("heartbeats are received again");
        else log.warn(`heartbeats fail: ${explain(error)}`);
      },
    });
  }

  function isDraining(): boolean {
    return slots.signal.aborted;
  }

  function stalledLoops(): string[] {
    return isDraining() ? [] : loops.filter(isStalled).map(({ name }) => name);
  }

  /** The first table comes with the first settled task: before it there is nothing to see. */
  function startTable(): void {
    if (!draw || loops.some(({ name }) => name === "table")) return;
    loop("table", config.tableIntervalSeconds, 0, printTable);
  }

  function printTable(): void {
    if (draw) stdout.write(draw(backlog));
  }

  function oldestPendingAgeSeconds(): number {
    const oldest = backlog.oldestPending;
    return oldest ? (clock.monotonic() - oldest.createdMonotonicMs) / 1e3 : 0;
  }
}

/**
 * Creates `count` tasks of each dataset, an interval apart, and returns the exit code. Opens no
 * port. When `signal` aborts, the tasks in flight are given up.
 */
export async function runOnce(
  config: Config,
  view: View,
  { count, json }: { count: number; json: boolean },
  runtime: Runtime,
  signal: AbortSignal,
): Promise<number> {
  const { clock, trace, log, stdout } = runtime;
  const documents: ReturnType<typeof taskToJson>[] = [];
  const failures = new Set<Reason>();
  const lines = lineWriter(runtime, count * config.datasetIds.length);
  const backlog = new Backlog(config.maxTrackedTasks, () => {});
  const ended = new AbortController();
  const platform = connect(config, runtime, ended.signal, {
    onAttempt: attemptLog(config, log),
  });
  const probe = createProbe({
    ...{ clock, trace, backlog, getDataset: platform.getDataset },
    maxInFlight: config.maxInFlightTasks,
    onCreated() {},
    onSettled(task, error) {
      if (json) documents.push(taskToJson(task, config.appId));
      lines.write(json ? "" : lineOf(task, error) + "\n");
      if (task.state !== "FAILED") return;
      failures.add(task.reason);
      if (task.reason === "internal") logFailure(log, task, error);
    },
  });

  await Promise.all(config.datasetIds.map(probeTimes));
  await lines.end();
  ended.abort();

  if (json) {
    // A run that was ended has tasks that are pending for ever.
    const pending = backlog.page({ state: "PENDING", limit: Infinity }).tasks;
    documents.push(...pending.map((task) => taskToJson(task, config.appId)));
    const tasks = documents.sort((a, b) => a.seqno - b.seqno);
    stdout.write(toSafeJson({ version: DOCUMENT_VERSION, tasks }, 2) + "\n");
  } else if (view.table) {
    const draw = await tableDrawer(config, view, runtime);
    stdout.write(draw(backlog));
  }
  if (signal.aborted) return exitCodeOfSignal(signal);
  return exitCodeOf(failures);

  async function probeTimes(datasetId: string, i: number): Promise<void> {
    const intervalMs = config.taskIntervalSeconds * 1e3;
    // A single round comes at once: there is nothing to spread it over.
    const phaseMs = count === 1 ? 0 : i * intervalMs / config.datasetIds.length;
    const enough = new AbortController();
    const end = AbortSignal.any([enough.signal, signal]);
    const inFlight = new Set<Promise<unknown>>();
    let created = 0;
    every("probe", intervalMs, () => {
      const task = probe(datasetId, signal);
      if (!task) return log.warn(`${datasetId} has to wait: too many tasks are in flight`);
      const followed: Promise<unknown> = task.finally(() => inFlight.delete(followed));
      inFlight.add(followed);
      if (++created === count) enough.abort();
    }, { clock, signal: end, phaseMs });
    await untilAborted(end);
    await Promise.all(inFlight);
  }
}

/** After which nobody can say that a dataset is well: a few tasks are missing by then. */
function silenceMsFor({ taskIntervalSeconds }: Config): number {
  return Math.max(3 * taskIntervalSeconds, 10) * 1e3;
}

/** Logs each attempt where somebody wants to know: nothing is paid for it otherwise. */
function attemptLog({ logLevel }: Config, log: Log): PlatformListeners["onAttempt"] {
  return logLevel === "debug" ? (task, attempt) => logAttempt(log, task, attempt) : undefined;
}

/**
 * What draws the backlog as a table. Loaded where one is wanted: to know how wide characters are takes
 * longer than the rest of the start.
 */
async function tableDrawer(
  { datasetIds }: Config,
  { rows, utc }: View,
  { clock, terminal }: Runtime,
): Promise<(backlog: Backlog) => string> {
  const { tableOf } = await import("../terminal/table.ts");
  return (backlog) =>
    tableOf(backlog, { datasetIds, nowMs: clock.now(), rows }, { ...terminal(), utc });
}

/** Writes a one-off run's lines, keeping the count of tasks under them where somebody watches. */
function lineWriter({ stdout, progress }: Runtime, total: number) {
  let done = 0;
  let turn = Promise.resolve();
  return {
    write(line: string): void {
      turn = turn.then(async () => {
        progress?.write("\r\x1b[K");
        await progress?.flush();
        stdout.write(line);
        await stdout.flush();
        progress?.write(`${++done} of ${total} tasks`);
      });
    },
    async end(): Promise<void> {
      await turn;
      progress?.write("\r\x1b[K");
      await progress?.flush();
    },
  };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
