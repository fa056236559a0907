/** The incidents of several datasets as a reader counts them: what begins and ends together is one. */
import type { Reason } from "../core/reasons.ts";
import { byFrequency, sumOfReasons } from "../core/verdict/rows.ts";
import type { KnownIncident } from "../history/past.ts";

/** An incident of one dataset or of several. Times are milliseconds since the epoch. */
export type IncidentGroup = {
  /** Those with the most lost tasks first. */
  members: readonly IncidentMember[];
  startMs: number;
  /** Null while it lasts. */
  endMs: number | null;
  lost: number;
  /** The most frequent first. */
  reasons: readonly (readonly [Reason, number])[];
  /** Whether this process has seen the incident, so that it may still have the tasks. */
  isOwn: boolean;
  /** The length of the steps in which its times were found; 0 when they are exact. */
  resolutionSeconds: number;
};

/** The part of one dataset. The lost tasks have the numbers from `firstSeqno` to `endSeqno`. */
export type IncidentMember =
  & { datasetId: string }
  & Pick<KnownIncident, "lost" | "firstSeqno" | "endSeqno">;

/** The incidents of a dataset, in any order. */
export type DatasetIncidents = { datasetId: string; incidents: readonly KnownIncident[] };

type Member = KnownIncident & { datasetId: string };

/** How exactly Prometheus knows the end of an incident: rules are evaluated once a minute, or oftener. */
const PAST_END_TOLERANCE_MS = 60_000;

/**
 * The newest `limit` incidents, newest first. Incidents of several datasets are one when they begin
 * and end within `toleranceMs` of each other: a platform that is down fails all of them. Ends that
 * Prometheus knows are less exact.
 */
export function groupIncidents(
  datasets: readonly DatasetIncidents[],
  toleranceMs: number,
  limit: number,
): IncidentGroup[] {
  const newest = datasets
    .flatMap(({ datasetId, incidents }) => incidents.map((one): Member => ({ ...one, datasetId })))
    .sort((a, b) => b.startMs - a.startMs);
  const groups: Member[][] = [];
  for (const incident of newest) {
    const group = groups.findLast((group) => belongs(incident, group, toleranceMs));
    if (group) group.push(incident);
    else if (groups.length < limit) groups.push([incident]);
  }
  return groups.map(groupOf);
}

function belongs(incident: Member, [newest]: Member[], toleranceMs: number): boolean {
  if (!newest || newest.startMs - incident.startMs > toleranceMs) return false;
  if (newest.endMs === null || incident.endMs === null) return newest.endMs === incident.endMs;
  const isPast = newest.resolutionSeconds > 0 || incident.resolutionSeconds > 0;
  const endToleranceMs = isPast ? Math.max(toleranceMs, PAST_END_TOLERANCE_MS) : toleranceMs;
  return Math.abs(newest.endMs - incident.endMs) <= endToleranceMs;
}

function groupOf(members: Member[]): IncidentGroup {
  const byLost = members.toSorted((a, b) => b.lost - a.lost);
  const ends = members.map(({ endMs }) => endMs);
  return {
    members: byLost.map(({ datasetId, lost, firstSeqno, endSeqno }) => (
      { datasetId, lost, firstSeqno, endSeqno }
    )),
    startMs: Math.min(...members.map(({ startMs }) => startMs)),
    endMs: ends.some((ms) => ms === null) ? null : Math.max(...ends.map((ms) => ms ?? 0)),
    lost: members.reduce((sum, { lost }) => sum + lost, 0),
    reasons: byFrequency(sumOfReasons(members.map(({ reasons }) => reasons))),
    isOwn: members.every(({ firstSeqno }) => firstSeqno !== null),
    resolutionSeconds: Math.max(...members.map(({ resolutionSeconds }) => resolutionSeconds)),
  };
}
