import type { IncidentGroup } from "../incidents.ts";
import { href } from "../links.ts";
import type { StatusView } from "../view.ts";
import { countText, spanText } from "../words.ts";
import { Icon, Scope, shortId, Time, Zone } from "./parts.tsx";

/** Reasons beyond these are counted together. */
const MAX_REASONS = 3;

/** The outages that are known: when, how long, why, how many tasks were lost. */
export function Incidents({ view }: { view: StatusView }) {
  const { incidents, nowMs, knownSinceMs } = view;
  return (
    <section id="incidents" aria-labelledby="incidents-heading">
      <h2 id="incidents-heading">
        Incidents <Scope view={view} />
      </h2>
      {incidents.length === 0
        ? (
          <p class="none">
            No incident
            {Number.isFinite(knownSinceMs) && (
              <>
                {" since "}
                <Time ms={knownSinceMs} nowMs={nowMs} /> <Zone />
              </>
            )}
          </p>
        )
        : (
          <ol class="incidents">
            {incidents.map((incident) => <Incident incident={incident} view={view} />)}
          </ol>
        )}
    </section>
  );
}

function Incident({ incident, view }: { incident: IncidentGroup; view: StatusView }) {
  const { startMs, endMs, lost, resolutionSeconds } = incident;
  const { nowMs } = view;
  const about = resolutionSeconds > 0 ? "about " : "";
  return (
    <li class={endMs === null ? "failing" : undefined}>
      <p>
        {endMs === null && <Icon tone="failing" />} <Time ms={startMs} nowMs={nowMs} />{" "}
        <b>{about}{spanText((endMs ?? nowMs) - startMs)}</b>
        {endMs === null && " so far"}
      </p>
      <p>
        <Who incident={incident} view={view} />
        <Reasons incident={incident} />
      </p>
      <p>
        <TasksLink incident={incident} view={view}>
          {`${about}${countText(lost)} ${lost === 1 ? "task" : "tasks"} lost`}
        </TasksLink>
      </p>
    </li>
  );
}

/** Which datasets; nothing where there is no doubt. */
function Who({ incident: { datasetIds }, view }: { incident: IncidentGroup; view: StatusView }) {
  if (view.datasetIds.length === 1 || view.query.datasetId !== undefined) return null;
  const [first = ""] = datasetIds;
  const others = datasetIds.length - 1;
  if (datasetIds.length === view.datasetIds.length) {
    return <b>{`all ${datasetIds.length} datasets `}</b>;
  }
  return (
    <>
      <b>{shortId(first)}</b>
      {others > 0 && ` and ${countText(others)} more`}
      {" "}
    </>
  );
}

function Reasons({ incident: { reasons } }: { incident: IncidentGroup }) {
  const others = reasons.slice(MAX_REASONS);
  return (
    <>
      {reasons.slice(0, MAX_REASONS).map(([reason, count], i) => (
        <>
          {i > 0 && ", "}
          <span class="reason">{reason}</span> {countText(count)}
        </>
      ))}
      {others.length > 0 && `, others ${countText(sumOf(others))}`}
    </>
  );
}

function sumOf(reasons: IncidentGroup["reasons"]): number {
  return reasons.reduce((sum, [, count]) => sum + count, 0);
}

/** A link to the tasks of the incident, where this process has seen them. */
function TasksLink({ incident, view, children }: {
  incident: IncidentGroup;
  view: StatusView;
  children: string;
}) {
  const { datasetIds: [first, ...others], endSeqno, isOwn } = incident;
  if (!isOwn) return <>{children}</>;
  const address = href({ page: 1, range: view.query.range }, {
    state: "FAILED",
    datasetId: others.length === 0 && view.datasetIds.length > 1 ? first : undefined,
    before: endSeqno ?? undefined,
  });
  return <a href={`${address}#tasks`}>{children}</a>;
}
