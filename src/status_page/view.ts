import type { Backlog } from "../probing/backlog.ts";
import type { Clock } from "../core/clock.ts";
import type { History } from "../history/history.ts";
import type { DatasetHealth, HealthHistory, Outage, ScheduleHealth } from "../probing/health.ts";
import { settledMs, type State, type Task } from "../core/task.ts";
import type { Reason } from "../core/reasons.ts";
import type { DatasetState } from "../core/verdict/states.ts";
import { VERSION } from "../core/version.ts";

/** Limits that keep the page small, whatever the probe tracks. */
const MAX_DATASETS = 20;
const MAX_TASKS = 20;
const MAX_DURATIONS = 240;

/** The query of the status page: what to show. */
export type StatusQuery = {
  state?: State;
  datasetId?: string;
  reason?: Reason;
  /** Show only tasks with a smaller `seqno`. */
  before?: number;
  /** The `seqno` of the task whose details are shown. */
  task?: number;
  /** The result page of datasets, from 1. */
  page: number;
};

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
  /** The base URL of the API that is probed. */
  apiUrl: string;
  draining: boolean;
  /** Loops that have missed their ticks; none in a healthy probe. */
  stalledLoops: string[];
  /** Number of datasets in each state. */
  tally: Record<DatasetState, number>;
  /** The present outage; null while no dataset fails. */
  outage: Outage | null;
  /** Number of tracked tasks in each state. */
  tracked: Record<State, number>;
  /** One result page of datasets, the most urgent first; or the dataset of the query. */
  datasets: DatasetHealth[];
  /** Number of result pages of datasets. */
  pages: number;
  /** Every dataset that is probed. */
  datasetIds: readonly string[];
  /** Tracked failures by reason, most frequent first, of the dataset of the query or of all. */
  failures: [Reason, number][];
  schedule: ScheduleHealth;
  /** The newest settled tasks of the dataset of the query or of all, oldest first: the chart. */
  durations: { seqno: number; settledMs: number; seconds: number; reason: Reason | null }[];
  /** One result page of the tracked tasks that match the query, newest first. */
  tasks: Task[];
  /** `before` for the next result page of tasks; null when there is none. */
  next: number | null;
  query: StatusQuery;
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
  };
  clock: Clock;
  backlog: Backlog;
  health: HealthHistory;
  history: History;
  startedMs: number;
  isDraining: () => boolean;
  stalledLoops: () => string[];
};

/** The data of the page at this moment; a `page` after the last one gives the last one. */
export function viewOf(query: StatusQuery, sources: StatusSources): StatusView {
  const { config, clock, backlog, health } = sources;
  const nowMonotonicMs = clock.monotonic();
  const pages = Math.ceil(config.datasetIds.length / MAX_DATASETS);
  const page = Math.min(query.page, pages);
  const shown = health.byUrgency(nowMonotonicMs).slice(
    (page - 1) * MAX_DATASETS,
    page * MAX_DATASETS,
  );
  const { state, datasetId, reason, before } = query;
  // The dataset of the query may be on another result page.
  const chosen = datasetId === undefined ? null : health.of(datasetId, nowMonotonicMs);
  const failures = [...backlog.failures(datasetId)].sort(([, a], [, b]) => b - a);
  return {
    appId: config.appId,
    environment: config.environmentName,
    version: VERSION,
    nowMs: clock.now(),
    nowMonotonicMs,
    startedMs: sources.startedMs,
    taskIntervalSeconds: config.taskIntervalSeconds,
    traceUrl: config.traceUrl ?? null,
    apiUrl: config.apiUrl,
    draining: sources.isDraining(),
    stalledLoops: sources.stalledLoops(),
    tally: health.tally(nowMonotonicMs),
    outage: health.outage(nowMonotonicMs),
    tracked: backlog.counts,
    datasets: chosen ? [chosen] : shown.flatMap((id) => health.of(id, nowMonotonicMs) ?? []),
    pages: chosen ? 1 : pages,
    datasetIds: config.datasetIds,
    failures,
    schedule: health.schedule(nowMonotonicMs),
    durations: durationsOf(backlog, datasetId),
    ...backlog.page({ state, datasetId, reason, before, limit: MAX_TASKS }),
    query: { ...query, page },
    task: query.task === undefined ? undefined : backlog.find(query.task),
  };
}

function durationsOf(backlog: Backlog, datasetId: string | undefined): StatusView["durations"] {
  // Only settled tasks count, so that pending ones do not push them out.
  const { tasks } = backlog.page({ datasetId, settled: true, limit: MAX_DURATIONS });
  return tasks.reverse().flatMap((task) =>
    task.state === "PENDING" ? [] : [{
      seqno: task.seqno,
      settledMs: settledMs(task) ?? 0,
      seconds: task.durationSeconds,
      reason: task.state === "FAILED" ? task.reason : null,
    }]
  );
}
