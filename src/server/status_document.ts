import { settledMs, type SettledTask } from "../core/task.ts";
import { mostUrgent, STATUS_VERSION } from "../core/verdict/states.ts";
import type { History } from "../history/history.ts";
import type { KnownIncident } from "../history/past.ts";
import type { DatasetHealth, HealthHistory } from "../probing/health.ts";

export type StatusDocumentSources = {
  appId: string;
  /** Null when it is not known. */
  environment: string | null;
  health: Pick<HealthHistory, "byUrgency" | "of" | "tally" | "verdicts">;
  history: Pick<History, "lastIncident" | "withPast">;
  isDraining: () => boolean;
  stalledLoops: () => string[];
};

export type StatusDocument = ReturnType<typeof statusDocument>;

/**
 * The verdict on every dataset, or on one, as `/status` shows it; the most urgent dataset first. The
 * list is empty when that one is not probed. Times are ISO 8601 in UTC.
 */
export function statusDocument(
  { appId, environment, health, history, isDraining, stalledLoops }: StatusDocumentSources,
  datasetId?: string,
) {
  const verdicts = health.verdicts();
  const counts = health.tally(verdicts);
  const ids = datasetId === undefined ? health.byUrgency(verdicts) : [datasetId];
  const datasets = ids.flatMap((id) => health.of(id) ?? []);
  return {
    version: STATUS_VERSION,
    app_id: appId,
    environment,
    state: mostUrgent(counts),
    counts,
    draining: isDraining(),
    stalled_loops: stalledLoops(),
    datasets: datasets.map((dataset) =>
      datasetDocument(history.withPast(dataset), history.lastIncident(dataset.datasetId))
    ),
  };
}

function datasetDocument(
  { datasetId, state, sinceMs, last, lastFailure, lastSuccessMs, durations, ...health }:
    DatasetHealth,
  incident: KnownIncident | null,
) {
  return {
    dataset_id: datasetId,
    state,
    since: isoTime(sinceMs),
    last_task: last && { ...taskOf(last), state: last.state },
    last_failure: lastFailure && {
      ...taskOf(lastFailure),
      reason: lastFailure.reason,
      message: lastFailure.message,
    },
    last_success: lastSuccessMs === null ? null : isoTime(lastSuccessMs),
    outcomes: health.outcomes,
    recent: {
      window_seconds: health.recentSeconds,
      covered_seconds: toMilliseconds(health.recentCoveredSeconds),
      ...health.recent,
    },
    ratios: health.ratios.map((ratio) => ({
      window_seconds: ratio.windowSeconds,
      covered_seconds: toMilliseconds(ratio.coveredSeconds),
      settled: ratio.settled,
      succeeded: ratio.succeeded,
    })),
    durations: durations && {
      tasks: durations.tasks,
      since: isoTime(durations.sinceMs),
      last_seconds: durations.lastSeconds,
      p50_seconds: durations.p50Seconds,
      p95_seconds: durations.p95Seconds,
    },
    last_incident: incident && incidentOf(incident),
  };
}

function taskOf(task: SettledTask) {
  return {
    seqno: task.seqno,
    settled: isoTime(settledMs(task)),
    duration_seconds: task.durationSeconds,
  };
}

function incidentOf({ startMs, endMs, lost, reasons, resolutionSeconds }: KnownIncident) {
  return {
    start: isoTime(startMs),
    end: endMs === null ? null : isoTime(endMs),
    resolution_seconds: resolutionSeconds,
    lost,
    reasons,
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

function toMilliseconds(seconds: number): number {
  return Math.round(seconds * 1e3) / 1e3;
}
