import type { Clock } from "../core/clock.ts";
import type { Reason } from "../core/reasons.ts";
import type { State, Task } from "../core/task.ts";
import { MAX_INCIDENTS as MAX_KEPT_INCIDENTS } from "../core/verdict/rows.ts";
import type { DatasetState } from "../core/verdict/states.ts";
import { VERSION } from "../core/version.ts";
import type { Range, Strip } from "../history/bars.ts";
import type { History } from "../history/history.ts";
import type { PastSource } from "../history/past.ts";
import type { Backlog } from "../probing/backlog.ts";
import type { DatasetHealth, HealthHistory, RecentFailures, Slowness } from "../probing/health.ts";
import type { ScheduleHealth } from "../probing/schedule_history.ts";
import type { OutageGroup } from "../probing/outage.ts";
import { dashboardLink, type LinkSettings } from "../text/links.ts";
import { type ChartView, chartView } from "./chart/chart_view.ts";
import { groupIncidents, type IncidentGroup } from "./incidents.ts";

/** Limits that keep the page small, whatever the probe tracks. */
const MAX_DATASETS = 20;
/** Of IDs that are longer than people choose, in characters on average, half as many are listed. */
const LONG_ID = 48;
const MAX_TASKS = 20;
const MAX_INCIDENTS = 5;

/** What the dashboard shows when no range is chosen: as much as the strips. */
const DASHBOARD_RANGE: Range = "24h";

/** The query of the status page: what to show. */
export type StatusQuery = {
  state?: State;
  datasetId?: string;
  reason?: Reason;
  /** Show only tasks with a smaller `seqno`. */
  before?: number;
  /** Show only tasks with a larger `seqno`. */
  after?: number;
  /**
   * Show only tasks that were created before this instant, milliseconds since the epoch: how a link
   * from an alert says `before`, which wins over it. Links of the page itself have `before`.
   */
  until?: number;
  /** The `seqno` of the task whose details are shown. */
  task?: number;
  /** A part of the IDs of the datasets that are listed, in any case. */
  q?: string;
  /** What the chart of durations covers. */
  range?: Range;
  /** The result page of datasets, from 1. */
  page: number;
};

/** A dataset with its last 24 hours. */
export type DatasetView = DatasetHealth & { day: Strip };

/** The data of the status page at one moment. */
export type StatusView = {
  appId: string;
  /** `dev`, `prod` or `local`; null when it is not known. */
  environment: string | null;
  version: string;
  nowMs: number;
  /** The same instant on the monotonic clock. */
  nowMonotonicMs: number;
  startedMs: number;
  taskIntervalSeconds: number;
  /** The link to a trace, with `{trace_id}`; null when there is none. */
  traceUrl: string | null;
  /** The dashboard, with the choices of the query made; null when there is none. */
  dashboardUrl: string | null;
  /** The base URL of the API that is probed. */
  apiUrl: string;
  draining: boolean;
  /** Loops that have missed their ticks; none in a healthy probe. */
  stalledLoops: string[];
  /** Number of datasets in each state. */
  tally: Record<DatasetState, number>;
  /** The datasets that are failing, by reason; empty while none is. */
  outage: readonly OutageGroup[];
  /** When the last outage that is over ended; null before one has. */
  lastOutageEndMs: number | null;
  /** What was settled lately in all datasets. */
  recent: RecentFailures;
  /** How slow the slow datasets are; null while none is. */
  slowness: Slowness | null;
  /** For how long nothing was settled, when that is longer than usual. */
  quietMs: number | null;
  /** How many tasks of all datasets are pending. */
  pending: number;
  /** Number of tracked tasks in each state, of the dataset of the query or of all. */
  tracked: Record<State, number>;
  /** One result page of datasets, the most urgent first; or the dataset of the query. */
  datasets: DatasetView[];
  /** The last 90 days of the dataset of the query or of the only one, where they are known. */
  quarter: Strip | null;
  /** How many datasets match the query, and their result pages. */
  matches: number;
  pages: number;
  /** How many datasets of the result page have to make room for the details of a task. */
  hidden: number;
  /** Every dataset that is probed. */
  datasetIds: readonly string[];
  /** The newest incidents of the dataset of the query or of all, newest first. */
  incidents: IncidentGroup[];
  /** Where what was before this process comes from. */
  past: PastSource;
  /** Since when incidents and strips of all that are shown are known. */
  knownSinceMs: number;
  /** Tracked failures by reason, most frequent first, of the dataset of the query or of all. */
  failures: [Reason, number][];
  schedule: ScheduleHealth;
  /** The durations of the dataset of the query, or of the most urgent ones that are shown. */
  chart: ChartView;
  /** One result page of the tracked tasks that match the query, newest first. */
  tasks: Task[];
  /** `before` for the next result page of tasks; null when there is none. */
  next: number | null;
  query: StatusQuery;
  /** The instant of a link from an alert, which `before` of the query stands for; null without one. */
  untilMs: number | null;
  /** The task of the query; undefined when it is not tracked. */
  task?: Task;
};

/** The parts of the probe that the view is read from. */
export type StatusSources = {
  config: {
    appId: string;
    environmentName: string | null;
    apiUrl: string;
    taskIntervalSeconds: number;
    traceUrl?: string;
    datasetIds: readonly string[];
  } & LinkSettings;
  clock: Clock;
  backlog: Backlog;
  health: HealthHistory;
  history: History;
  startedMs: number;
  isDraining: () => boolean;
  stalledLoops: () => string[];
};

/** The data of the page at this moment; a `page` after the last one gives the last one. */
export function viewOf(
  { until, ...asked }: StatusQuery,
  sources: StatusSources,
): StatusView {
  const { config, clock, backlog, health, history } = sources;
  const { datasetIds, taskIntervalSeconds } = config;
  const nowMs = clock.now();
  const nowMonotonicMs = clock.monotonic();
  const before = asked.before ?? seqnoAt(until);
  const query = before === undefined ? asked : { ...asked, before };
  const { state, datasetId, reason, after } = query;

  const verdicts = health.verdicts(nowMonotonicMs);
  const matching = datasetId === undefined ? idsOf(query, health.byUrgency(verdicts)) : [datasetId];
  const isLong = datasetIds.join("").length > LONG_ID * datasetIds.length;
  const limit = isLong ? MAX_DATASETS / 2 : MAX_DATASETS;
  const pages = Math.max(1, Math.ceil(matching.length / limit));
  const page = Math.min(query.page, pages);
  const onPage = matching.slice((page - 1) * limit, page * limit);
  // The details of a task need the room of half of them.
  const shown = query.task === undefined ? onPage : onPage.slice(0, limit / 2);
  const datasets = shown.flatMap((id) => datasetOf(id, sources, nowMonotonicMs));
  const only = datasetIds.length === 1 ? datasetIds[0] : datasetId;
  return {
    appId: config.appId,
    environment: config.environmentName,
    version: VERSION,
    nowMs,
    nowMonotonicMs,
    startedMs: sources.startedMs,
    taskIntervalSeconds,
    traceUrl: config.traceUrl ?? null,
    dashboardUrl: dashboardLink(config, {
      datasetId: only,
      from: `now-${query.range ?? DASHBOARD_RANGE}`,
    }),
    apiUrl: config.apiUrl,
    draining: sources.isDraining(),
    stalledLoops: sources.stalledLoops(),
    tally: health.tally(verdicts),
    outage: health.outage((id, cause) => history.cause(id, cause)),
    lastOutageEndMs: health.lastOutageEndMs(),
    recent: health.recentFailures(nowMonotonicMs, verdicts),
    slowness: health.slowness(verdicts),
    quietMs: health.quietMs(nowMonotonicMs),
    pending: backlog.counts.PENDING,
    tracked: datasetId === undefined ? backlog.counts : backlog.countsOf(datasetId),
    datasets,
    quarter: only === undefined ? null : history.of(only)?.quarter ?? null,
    matches: matching.length,
    pages,
    hidden: onPage.length - shown.length,
    datasetIds,
    incidents: groupIncidents(
      (only === undefined ? datasetIds : [only]).map((id) => ({
        datasetId: id,
        incidents: history.incidents(id),
      })),
      taskIntervalSeconds * 1e3,
      only === undefined ? MAX_INCIDENTS : MAX_KEPT_INCIDENTS,
    ),
    past: history.past(),
    knownSinceMs: Math.round(
      Math.max(...datasets.map(({ day }) => day.knownSinceMs), -Infinity),
    ),
    failures: [...backlog.failures(datasetId)].sort(([, a], [, b]) => b - a),
    schedule: health.schedule(nowMonotonicMs),
    chart: chartView(query, datasets, sources),
    ...backlog.page({ state, datasetId, reason, before, after, limit: MAX_TASKS }),
    query: { ...query, page },
    untilMs: until ?? null,
    task: query.task === undefined ? undefined : backlog.find(query.task),
  };

  function seqnoAt(ms: number | undefined): number | undefined {
    return ms === undefined ? undefined : backlog.firstCreatedFrom(nowMonotonicMs - (nowMs - ms));
  }
}

/** Those of the IDs that the query asks for. */
function idsOf({ q }: StatusQuery, ids: string[]): string[] {
  if (q === undefined) return ids;
  const wanted = q.toLowerCase();
  return ids.filter((id) => id.toLowerCase().includes(wanted));
}

function datasetOf(
  datasetId: string,
  { health, history }: StatusSources,
  nowMonotonicMs: number,
): DatasetView[] {
  const dataset = health.of(datasetId, nowMonotonicMs);
  const day = history.range(datasetId, "24h");
  return dataset && day ? [{ ...history.withPast(dataset), day }] : [];
}
