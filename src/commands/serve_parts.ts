/** The parts of the main loop, made from the configuration. */
import type { Config } from "../config/config.ts";
import {
  changesBetween,
  type EndpointFiles,
  hasSameCredentials,
  readEndpointFiles,
  servedUntilMs,
} from "../config/endpoint_files.ts";
import { readPrometheusToken } from "../config/credentials.ts";
import { okdataOptions, proxySecrets } from "../config/okdata_options.ts";
import type { TaskObserver } from "../core/task_observer.ts";
import { VERSION } from "../core/version.ts";
import type { History } from "../history/history.ts";
import { NO_PAST, type Past } from "../history/past.ts";
import { explain } from "../http_client/errors.ts";
import { createRedactor } from "../http_client/redact.ts";
import { connectOkdata, type Okdata, type OkdataListeners } from "../okdata/okdata.ts";
import type { Backlog } from "../probing/backlog.ts";
import { CertificateWatch } from "../probing/certificate_watch.ts";
import type { DatasetHealth, HealthHistory } from "../probing/health.ts";
import { Heartbeat, sendHeartbeat } from "../probing/heartbeat.ts";
import type { ProbeLoops } from "../probing/probe_loops.ts";
import { logAttempt } from "../probing/log/task_log.ts";
import { Metrics } from "../prometheus/metrics.ts";
import type { Log } from "../runtime/log.ts";
import { describeProxies } from "../http_client/connection/proxy.ts";
import type { Listener, Runtime } from "../runtime/runtime.ts";
import type { Events } from "../server/events.ts";
import { createServer } from "../server/server.ts";
import { statusDocument } from "../server/status_document.ts";
import { viewOf } from "../status_page/view.ts";
import { stackOf } from "../text/error_text.ts";
import { publicLink } from "../text/links.ts";
import type { View } from "./command_line.ts";
import { objectivesOf } from "./objectives.ts";

/** After so long a query is given up: longer ones would be of no use to a page. */
const QUERY_TIMEOUT_MS = 30_000;

/** The label `host` of the certificate that the probe itself serves. */
const OWN_HOST = "self";

export function createMetrics(
  config: Config,
  { clock, usage, build }: Runtime,
  { backlog, health, startedMs }: {
    backlog: Backlog;
    health: Pick<HealthHistory, "verdicts">;
    startedMs: number;
  },
): Metrics {
  return new Metrics({
    clock,
    appId: config.appId,
    environment: config.environmentName,
    datasetIds: config.datasetIds,
    latencyObjectiveSeconds: config.sloLatencySeconds,
    build: { version: VERSION, ...build },
    startTimeSeconds: startedMs / 1e3,
    read() {
      const oldest = backlog.oldestPending;
      const ageMs = oldest ? clock.monotonic() - oldest.createdMonotonicMs : 0;
      return {
        tracked: backlog.counts,
        oldestPendingAgeSeconds: ageMs / 1e3,
        verdicts: health.verdicts(),
        ...usage(),
      };
    },
  });
}

/** The platform, whose tokens and certificates are counted and logged. */
export function connectPlatform(
  config: Config,
  runtime: Runtime,
  metrics: Metrics,
  signal: AbortSignal,
): Okdata {
  const { clock, log, readFile } = runtime;
  return connectOkdata({ ...runtime, ...okdataOptions(config, readFile) }, signal, {
    onAttempt: attemptLog(config, log),
    onToken({ token, error }) {
      metrics.tokenRequested(token ? "ok" : "failed");
      if (token) metrics.tokenExpires(clock.now() + token.lifetimeMs);
      if (error) log.warn(error.message, { reason: error.reason });
      else log.debug(`received a token for ${token.lifetimeMs / 1e3} s`);
    },
    onTokenDropped: () => metrics.tokenExpires(clock.now()),
  });
}

/** Watches the certificates of the platform and of the identity provider. */
export function createCertificateWatch(
  { apiUrl, credentials, requestTimeoutSeconds }: Config,
  { clock, log, readCertificateExpiryMs }: Runtime,
  metrics: Metrics,
  signal: AbortSignal,
): CertificateWatch {
  return new CertificateWatch({
    clock,
    urls: [apiUrl, ...credentials ? [credentials.tokenUrl] : []].map((url) => new URL(url)),
    readExpiryMs: readCertificateExpiryMs,
    timeoutMs: requestTimeoutSeconds * 1e3,
    signal,
    onExpiry: (host, expiresMs) => metrics.certificateExpires(host, expiresMs),
    onError: (host, error) =>
      log.debug(`the certificate of ${host} could not be read: ${explain(error)}`),
  });
}

/** Logs each attempt at level debug; at other levels it costs nothing. */
export function attemptLog({ logLevel }: Config, log: Log): OkdataListeners["onAttempt"] {
  return logLevel === "debug" ? (task, attempt) => logAttempt(log, task, attempt) : undefined;
}

/** Sends heartbeats when a URL is configured. */
export function createHeartbeat(
  { heartbeatUrl: url, heartbeatMethod: method, ...config }: Config,
  runtime: Runtime,
  metrics: Metrics,
  signal: AbortSignal,
): TaskObserver {
  if (!url) return {};
  const { clock, log } = runtime;
  return new Heartbeat({
    send: (sending) =>
      sendHeartbeat({ url, method }, runtime, config.requestTimeoutSeconds, sending),
    signal,
    monotonic: () => clock.monotonic(),
    intervalMs: config.taskIntervalSeconds * 1e3,
    onResult: (result) => metrics.heartbeatSent(result),
    onChange(error) {
      if (error === null) log.info("heartbeats are received again");
      else log.warn(`heartbeats fail: ${explain(error)}`);
    },
  });
}

/**
 * What was before this process, when the configuration says whom to ask. Loaded on demand: few
 * probes have a Prometheus to ask.
 */
export async function createPast(
  config: Config,
  runtime: Runtime,
  startedMs: number,
  signal: AbortSignal,
): Promise<Past & { start: () => void }> {
  const { prometheusUrl: url, prometheusAuth: auth, prometheusLocation: location = null } = config;
  if (url === undefined) return { ...NO_PAST, start() {} };
  const { createQueryRange } = await import("../prometheus/past/query_range.ts");
  const { PrometheusPast } = await import("../prometheus/past/prometheus_past.ts");
  const { clock, random, exchange, log, readFile } = runtime;
  const { redact, hide } = createRedactor();
  proxySecrets(config).forEach(hide);

  async function readToken(): Promise<string | null> {
    if (!auth) return null;
    const token = await readPrometheusToken(auth, readFile);
    hide(token);
    return token;
  }

  return new PrometheusPast({
    clock,
    random,
    queryRange: createQueryRange({
      exchange,
      clock,
      url,
      timeoutMs: QUERY_TIMEOUT_MS,
      readToken,
      redact,
    }),
    datasetIds: config.datasetIds,
    scope: { environment: config.environmentName, location },
    objectives: objectivesOf(config),
    startedMs,
    signal,
    onChange(error) {
      if (error === null) log.info("the history is read from Prometheus again");
      else log.warn(`the history could not be read from Prometheus: ${redact(explain(error))}`);
    },
  });
}

/** The table of tracked tasks on standard output. */
export type Table = {
  print: () => void;
  /** Prints it now and then every `TABLE_INTERVAL_SECONDS`; further calls do nothing. */
  startOnce: (loops: ProbeLoops) => void;
};

/** The table, when it was asked for or in a local run; null otherwise. */
export async function createTable(
  config: Config,
  view: View,
  runtime: Runtime,
  backlog: Backlog,
  health: HealthHistory,
  history: Pick<History, "withPast">,
): Promise<Table | null> {
  if (!view.table && !config.localRun) return null;
  const render = await createTableRenderer(config, view, runtime);
  const print = () => {
    const datasets = health.byUrgency().flatMap((id) => health.of(id) ?? []);
    runtime.stdout.write(render(backlog, datasets.map((each) => history.withPast(each))));
  };
  let isStarted = false;
  return {
    print,
    startOnce(loops) {
      if (!isStarted) loops.run("table", config.tableIntervalSeconds, print);
      isStarted = true;
    },
  };
}

/**
 * Renders the backlog as a table, under the states of the datasets that are given.
 * Loaded on demand: the widths of characters take longer to load than the rest of the program.
 */
export async function createTableRenderer(
  { datasetIds }: Config,
  { rows, utc }: View,
  { clock, terminal }: Runtime,
): Promise<(backlog: Backlog, datasets?: readonly DatasetHealth[]) => string> {
  const { tableOf } = await import("../terminal/table.ts");
  const { renderDatasetLines } = await import("../terminal/dataset_lines.ts");
  const { stateRowOf } = await import("../terminal/state_row.ts");
  return (backlog, datasets = []) => {
    const options = { ...terminal(), utc };
    const nowMs = clock.now();
    const states = renderDatasetLines(datasets.map(stateRowOf), {
      ...options,
      nowMs,
      maxLines: rows,
      strips: false,
    });
    return tableOf(backlog, { datasetIds, nowMs, rows, states }, options);
  };
}

/** The port as the readers find it, which takes new files. */
export type ReadersPort = Pick<Listener, "url" | "address" | "close"> & {
  /** Serves with these files from now on. Throws a `PortError`, and then nothing changes. */
  replace: (before: EndpointFiles, after: EndpointFiles) => void;
};

/** Opens the port and serves what the readers may read. Throws a `PortError`. */
export function listenForReaders(
  config: Config,
  { clock, log, listen }: Runtime,
  { files, startedMs, backlog, metrics, health, history, events, loops, isDraining }: {
    files: EndpointFiles;
    startedMs: number;
    backlog: Backlog;
    metrics: Metrics;
    health: HealthHistory;
    history: History;
    events: Events;
    loops: ProbeLoops;
    isDraining: () => boolean;
  },
): ReadersPort {
  const stalledLoops = () => loops.stalled();
  const sources = { config, clock, backlog, health, history, startedMs, isDraining, stalledLoops };
  const { appId, environmentName: environment } = config;
  const statusSources = { appId, environment, health, history, isDraining, stalledLoops };
  const serverFor = ({ credentials }: EndpointFiles) =>
    createServer({
      appId,
      environment,
      credentials,
      clock,
      renderMetrics: (format) => metrics.render(format),
      listTasks: (query) => backlog.page(query),
      readStatus: (datasetId) => statusDocument(statusSources, datasetId),
      datasetCount: config.datasetIds.length,
      trackedCounts: () => backlog.counts,
      viewStatus: (query) => viewOf(query, sources),
      openEvents: () => events.open(),
      eventFlushes: () => events.flushes,
      stalledLoops,
      isDraining,
      onError: (error) => log.error(`failed to respond: ${stackOf(error)}`),
    });
  let server = serverFor(files);
  const listener = listen(
    { host: config.host, port: config.port, tls: files.tls },
    (request) => server.fetch(request),
    (error) => {
      if (error === null) log.info("connections are accepted again");
      else log.error(`no connections are accepted, trying again: ${explain(error)}`);
    },
  );
  return {
    ...listener,
    replace(before, after) {
      const isSame = before.tls?.cert === after.tls?.cert && before.tls?.key === after.tls?.key;
      if (after.tls && !isSame) listener.replaceTls(after.tls);
      server = serverFor(after);
      // Who reads them had to present what is no longer accepted.
      if (!hasSameCredentials(before, after)) events.disconnect();
    },
  };
}

/** Tells when the probe's own certificate ends: as a metric, and in the log when it has ended. */
export function reportOwnCertificate(
  files: EndpointFiles,
  { clock, log }: Runtime,
  metrics: Metrics,
): void {
  const endsMs = servedUntilMs(files);
  if (endsMs === null) return;
  metrics.certificateExpires(OWN_HOST, endsMs);
  if (endsMs > clock.now()) return;
  const end = new Date(endsMs).toISOString();
  log.warn(`TLS_CERT_FILE: the certificate ended on ${end}; it is served all the same`);
}

/** Reads the files of the port again each time that the process is asked to, and logs what changed. */
export function reloadOnRequest(
  config: Config,
  runtime: Runtime,
  metrics: Metrics,
  port: ReadersPort,
  files: EndpointFiles,
): void {
  const { log, onReload, readFile } = runtime;
  let current = files;
  let reading = Promise.resolve();
  // One after the other: the last request to read is the one that counts.
  onReload(() => reading = reading.then(reload));

  async function reload(): Promise<void> {
    try {
      const read = await readEndpointFiles(config, readFile);
      const changes = changesBetween(current, read);
      if (changes.length > 0) port.replace(current, read);
      current = read;
      log.info(`read the endpoint's files again: ${changes.join(", ") || "nothing"} changed`);
      reportOwnCertificate(read, runtime, metrics);
    } catch (error) {
      log.error(`the endpoint's files could not be read again, nothing changed: ${explain(error)}`);
    }
  }
}

/** The first line of the log: what is probed, how often, by which proxy, and where to look. */
export function startLine(config: Config, { url, address }: Pick<Listener, "url" | "address">) {
  const { apiUrl, datasetIds, taskIntervalSeconds, environmentName } = config;
  const [only = ""] = datasetIds;
  const target = datasetIds.length === 1
    ? `${apiUrl}/${only}`
    : `${datasetIds.length} datasets at ${apiUrl}`;
  const proxies = proxiesOf(config);
  const publicUrl = publicLink(config);
  const where = environmentName === null ? "" : ` (${environmentName})`;
  return `dataplatform-probe ${VERSION} probes ${target}${where} every ${taskIntervalSeconds} s` +
    `${proxies ? ` by ${proxies}` : ""}; listening on ${address}; see ${publicUrl ?? url}`;
}

/** The proxies in use, by host and port alone; null when there are none. */
export function proxiesOf(
  { apiUrl, credentials, heartbeatUrl, prometheusUrl, proxyFor }: Config,
): string | null {
  const urls = [apiUrl, credentials?.tokenUrl, heartbeatUrl, prometheusUrl]
    .flatMap((url) => url === undefined ? [] : [new URL(url)]);
  return describeProxies(urls, proxyFor);
}
