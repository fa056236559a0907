import type { Backlog } from "../probing/backlog.ts";
import type { Clock } from "../core/clock.ts";
import type {
  DatasetHistory,
  Health,
  HealthHistory,
  Outage,
  ScheduleHistory,
} from "../probing/health.ts";
import { settledMs, type State, type Task } from "../core/task.ts";
import { type Reason } from "../core/reasons.ts";
import { VERSION } from "../core/version.ts";

/** How much of each a page shows: it must stay small, whatever the probe holds. */
const DATASETS = 20;
const TASKS = 20;
const DURATIONS = 240;

/** What a reader of the status page asks for. */
export type StatusQuery = {
  state?: State;
  datasetId?: string;
  reason?: Reason;
  /** Only tasks with a smaller `seqno`. */
  before?: number;
  /** The `seqno` of the task whose detail is shown. */
  task?: number;
  /** Which page of datasets, from 1. */
  page: number;
};

/** All that the status page shows, at one moment. */
export type StatusView = {
  appId: string;
  version: string;
  nowMs: number;
  startedMs: number;
  taskIntervalSeconds: number;
  /** What is probed: the API's base. */
  apiUrl: string;
  draining: boolean;
  /** Loops that have stopped ticking; none in a healthy probe. */
  stalledLoops: string[];
  tally: Record<Health, number>;
  /** What is the matter, when any dataset fails. */
  worst: Outage | null;
  /** Tracked tasks by state. */
  tracked: Record<State, number>;
  /** One page of datasets, failing ones first. */
  datasets: DatasetHistory[];
  pages: number;
  datasetIds: readonly string[];
  /** Tracked failures by reason, most frequent first, of the dataset asked for or of all. */
  failures: [Reason, number][];
  schedule: ScheduleHistory;
  /** The newest settled tasks of the dataset asked for or of all, oldest first: for the chart. */
  durations: { seqno: number; settledMs: number; seconds: number; reason: Reason | null }[];
  /** The tracked tasks that fit the query, newest first. */
  tasks: Task[];
  /** What the next page of tasks gives as `before`; null when there is none. */
  next: number | null;
  query: StatusQuery;
  /** The task whose detail is asked for; undefined when it is not tracked any more. */
  task?: Task;
};

/** What the status is read from. */
export type StatusSources = {
  config: {
    appId: string;
    apiUrl: string;
    taskIntervalSeconds: number;
    datasetIds: readonly string[];
  };
  clock: Clock;
  backlog: Backlog;
  history: HealthHistory;
  startedMs: number;
  isDraining: () => boolean;
  stalledLoops: () => string[];
};

/** The status at this moment, as far as the query asks for it. */
export function viewOf(query: StatusQuery, sources: StatusSources): StatusView {
  const { config, clock, backlog, history } = sources;
  const nowMonotonicMs = clock.monotonic();
  const pages = Math.ceil(config.datasetIds.length / DATASETS);
  const page = Math.min(query.page, pages);
  const shown = history.byUrgency(nowMonotonicMs).slice((page - 1) * DATASETS, page * DATASETS);
  const { state, datasetId, reason, before } = query;
  // A dataset that is asked for may stand on another page.
  const chosen = datasetId === undefined ? null : history.of(datasetId, nowMonotonicMs);
  const failures = [...backlog.failures(datasetId)].sort(([, a], [, b]) => b - a);
  return {
    appId: config.appId,
    version: VERSION,
    nowMs: clock.now(),
    startedMs: sources.startedMs,
    taskIntervalSeconds: config.taskIntervalSeconds,
    apiUrl: config.apiUrl,
    draining: sources.isDraining(),
    stalledLoops: sources.stalledLoops(),
    tally: history.tally(nowMonotonicMs),
    worst: history.outage,
    tracked: backlog.counts,
    datasets: chosen ? [chosen] : shown.flatMap((id) => history.of(id, nowMonotonicMs) ?? []),
    pages: chosen ? 1 : pages,
    datasetIds: config.datasetIds,
    failures,
    schedule: history.schedule(nowMonotonicMs),
    durations: durationsOf(backlog, datasetId),
    ...backlog.page({ state, datasetId, reason, before, limit: TASKS }),
    query: { ...query, page },
    task: query.task === undefined ? undefined : backlog.find(query.task),
  };
}

function durationsOf(backlog: Backlog, datasetId: string | undefined): StatusView["durations"] {
  // Tasks that are pending must not push out those that there is something to show of.
  const { tasks } = backlog.page({ datasetId, settled: true, limit: DURATIONS });
  return tasks.reverse().flatMap((task) =>
    task.state === "PENDING" ? [] : [{
      seqno: task.seqno,
      settledMs: settledMs(task) ?? 0,
      seconds: task.durationSeconds,
      reason: task.state === "FAILED" ? task.reason : null,
    }]
  );
}
