import type { IncidentGroup, IncidentMember } from "../incidents.ts";
import { href } from "../links.ts";
import type { StatusView } from "../view.ts";
import { countText, spanText } from "../words.ts";
import { Icon, ReasonCounts, Scope, shortId, Time, Zone } from "./parts.tsx";

/** So many datasets of an incident have a link to their lost tasks. */
const MAX_LINKS = 3;

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
  const { startMs, endMs, resolutionSeconds } = incident;
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
        <ReasonCounts reasons={incident.reasons}>
          {(reason) => <span class="reason">{reason}</span>}
        </ReasonCounts>
      </p>
      <p>
        <Lost incident={incident} view={view} />
      </p>
    </li>
  );
}

/** Which datasets; nothing where there is no doubt. */
function Who({ incident: { members }, view }: { incident: IncidentGroup; view: StatusView }) {
  if (view.datasetIds.length === 1 || view.query.datasetId !== undefined) return null;
  const [first] = members;
  const others = members.length - 1;
  if (members.length === view.datasetIds.length) {
    return <b>{`all ${members.length} datasets `}</b>;
  }
  return (
    <>
      <b>{shortId(first?.datasetId ?? "")}</b>
      {others > 0 && ` and ${countText(others)} more`}
      {" "}
    </>
  );
}

/** How many tasks were lost, with links to exactly those, where this process has seen them. */
function Lost({ incident, view }: { incident: IncidentGroup; view: StatusView }) {
  const { lost, members, isOwn, resolutionSeconds } = incident;
  const text = `${resolutionSeconds > 0 ? "about " : ""}${countText(lost)} ${
    lost === 1 ? "task" : "tasks"
  } lost`;
  if (!isOwn) return <>{text}</>;
  const isOfAll = members.length === view.datasetIds.length;
  // Of all datasets, or of one, the tasks are one range of the list.
  const address = isOfAll || members.length === 1
    ? addressOf(members, view, isOfAll ? undefined : members[0]?.datasetId)
    : undefined;
  // What was lost before the process started is counted, but is not in its list.
  if (address && resolutionSeconds > 0) {
    return (
      <>
        {text}, <a href={address}>those since the restart</a>
      </>
    );
  }
  if (address) return <a href={address}>{text}</a>;
  const others = members.length - MAX_LINKS;
  return (
    <>
      {text}
      {members.slice(0, MAX_LINKS).map((member, i) => (
        <>
          {i === 0 ? ": " : ", "}
          <a href={addressOf([member], view, member.datasetId)}>
            {countText(member.lost)} of {shortId(member.datasetId)}
          </a>
        </>
      ))}
      {others > 0 && ` and ${countText(others)} more`}
    </>
  );
}

/** The address of the failed tasks of these datasets in their incident. */
function addressOf(
  members: readonly IncidentMember[],
  view: StatusView,
  datasetId: string | undefined,
): string {
  const firsts = members.flatMap(({ firstSeqno }) => firstSeqno ?? []);
  const ends = members.flatMap(({ endSeqno }) => endSeqno ?? []);
  const address = href({ page: 1, range: view.query.range }, {
    state: "FAILED",
    datasetId,
    after: Math.min(...firsts) - 1,
    before: ends.length === members.length ? Math.max(...ends) : undefined,
  });
  return `${address}#tasks`;
}
