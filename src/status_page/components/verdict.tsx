import { raw } from "hono/html";
import { type Reason, REASON_DEFINITIONS } from "../../core/reasons.ts";
import { DATASET_STATES, mostUrgent, STATE_DEFINITIONS } from "../../core/verdict/states.ts";
import type { DatasetHealth } from "../../probing/health.ts";
import type { OutageGroup } from "../../probing/outage.ts";
import { LATE_SLOT_MS } from "../../probing/schedule_history.ts";
import type { StatusView } from "../view.ts";
import { countText, durationText, spanText, windowText } from "../words.ts";
import { Shares } from "./datasets/figures.tsx";
import { Message, ReasonCounts, Time, Zone } from "./parts.tsx";
import { Since, StateDetail } from "./state_detail.tsx";
import { SHAPES, type Tone, TONES } from "./tone.ts";

/** `short` is for the title of the tab, where it names the dataset if there is only one. */
type VerdictText = { tone: Tone; short: string; headline: string };

/** Failing datasets have a line for each reason, but no more than these. */
const MAX_GROUPS = 3;

/** The state of all datasets in one line; what the probe itself reports comes first. */
export function verdictOf(view: StatusView): VerdictText {
  const { tally, datasetIds, stalledLoops, draining, quietMs } = view;
  const all = datasetIds.length;
  const [only] = all === 1 ? datasetIds : [];
  const share = (count: number) => count === all ? `All ${all}` : `${count} of ${all}`;
  if (draining) return { tone: "warning", short: "Stopping", headline: "Stopping" };
  if (stalledLoops.length > 0) return { tone: "warning", short: "Stalled", headline: "Stalled" };
  const state = mostUrgent(view.tally);
  const { word } = STATE_DEFINITIONS[state];
  // What works is not known at present; it may be nothing worse than slow.
  const tone = state === "working" && quietMs !== null ? "starting" : TONES[state];
  if (state === "starting") return { tone, short: capitalized(word), headline: capitalized(word) };
  const count = share(tally[state]);
  const isCalm = state === "working";
  return {
    tone,
    short: `${isCalm ? capitalized(word) : word.toUpperCase()}: ${only ?? count}`,
    headline: only
      ? capitalized(word)
      : state === "no_news"
      ? `${capitalized(word)}: ${count}`
      : `${count} ${word}`,
  };
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** The verdict, since when it holds, and the cause of a failure. */
export function Verdict({ view }: { view: StatusView }) {
  const { tone, headline } = verdictOf(view);
  const { datasets, datasetIds } = view;
  const only = datasetIds.length === 1 ? datasets[0] : undefined;
  const state = mostUrgent(view.tally);
  return (
    <section class={`verdict ${tone}`} aria-labelledby="verdict">
      <svg class="shape" viewBox="0 0 24 24" aria-hidden="true">{raw(SHAPES[tone])}</svg>
      <div class="summary">
        <h1 id="verdict">{headline}</h1>
        {view.draining && <p>The probe is shutting down and creates no new tasks.</p>}
        {view.stalledLoops.length > 0 && (
          <p>The probe's own schedule has stopped: {view.stalledLoops.join(", ")}.</p>
        )}
        {view.schedule.isLate && view.stalledLoops.length === 0 && (
          <p>
            The probe itself is late: more than half of its slots in the last{" "}
            {windowText(view.recent.coveredSeconds)} ran more than {LATE_SLOT_MS}{" "}
            ms after their time, or not at all. It may be short of CPU, and durations too long.
          </p>
        )}
        {view.draining || view.stalledLoops.length > 0
          ? null
          : state === "no_news"
          ? <Silence view={view} />
          : only
          ? <StateSince dataset={only} view={view} />
          : <Several view={view} />}
        {state !== "no_news" && view.quietMs !== null && (
          <p>
            last news {spanText(view.quietMs)} ago, <Pending view={view} />
          </p>
        )}
        {only && tone !== "starting" && <Why dataset={only} />}
      </div>
      {only && <Shares dataset={only} nowMs={view.nowMs} />}
    </section>
  );
}

/** Since when the only dataset has been in its state. */
function StateSince({ dataset, view }: { dataset: DatasetHealth; view: StatusView }) {
  const { state, lastSuccessMs } = dataset;
  if (state === "starting") return <p>No task has been settled yet</p>;
  return (
    <p>
      <StateDetail dataset={dataset} nowMs={view.nowMs} zone />
      {state === "failing" && lastSuccessMs === null && ", no success since the probe started"}
      {state === "slow" && (
        <>
          , <HowSlow slowness={view.slowness} />
        </>
      )}
      {state === "unsteady" && view.lastOutageEndMs !== null && (
        <>
          , <OutageEnd view={view} />
        </>
      )}
    </p>
  );
}

/** Why a task failed last, while failures decide the state. */
function Why({ dataset: { state, lastFailure } }: { dataset: DatasetHealth }) {
  if (!lastFailure || state !== "failing" && state !== "unsteady") return null;
  return (
    <>
      <p class="why">
        <Meaning reason={lastFailure.reason} />
      </p>
      <Message of={lastFailure} />
    </>
  );
}

function Meaning({ reason }: { reason: Reason }) {
  return (
    <>
      <b>{reason}</b>: {REASON_DEFINITIONS[reason].meaning}
    </>
  );
}

/** What the headline leaves out about several datasets. */
function Several({ view }: { view: StatusView }) {
  const { tally, datasetIds, quietMs } = view;
  const headline = mostUrgent(view.tally);
  const isCalm = quietMs === null && (headline === "working" || headline === "starting");
  const others = DATASET_STATES
    .filter((state) => state !== headline && state !== "working" && tally[state] > 0)
    .map((state) =>
      state === "no_news" ? `no news from ${tally[state]}` : `${tally[state]} ${state}`
    )
    .join(", ");
  return (
    <>
      {headline === "failing" && <Outage view={view} />}
      {headline === "unsteady" && <Unsteadiness view={view} />}
      {headline === "slow" && (
        <p>
          <HowSlow slowness={view.slowness} /> in the last {windowText(view.recent.coveredSeconds)}
        </p>
      )}
      {others !== "" ? <p>{others}</p> : isCalm && <p>{datasetIds.length} datasets are probed</p>}
    </>
  );
}

/** Which part of the failing datasets fails for which reason, and since when. */
function Outage({ view: { outage, nowMs } }: { view: StatusView }) {
  const others = outage.slice(MAX_GROUPS);
  return (
    <>
      {outage.slice(0, MAX_GROUPS).map((group, i) => (
        <p>
          {outage.length > 1 && `${countText(group.datasets)} `}
          <Since ms={group.sinceMs} nowMs={nowMs} zone={i === 0} />,{" "}
          <Meaning reason={group.reason} />
          <Earlier group={group} nowMs={nowMs} />
        </p>
      ))}
      {others.length > 0 && <p>{countText(sumOf(others))} for other reasons</p>}
    </>
  );
}

function Earlier({ group: { datasets, earlier }, nowMs }: { group: OutageGroup; nowMs: number }) {
  if (!earlier) return null;
  return (
    <>
      {datasets > 1 ? `; ${countText(earlier.datasets)} of them ` : "; failing "}
      <Since ms={earlier.sinceMs} nowMs={nowMs} zone={false} />, <b>{earlier.reason}</b> at first
    </>
  );
}

function sumOf(groups: readonly OutageGroup[]): number {
  return groups.reduce((sum, { datasets }) => sum + datasets, 0);
}

/** Why tasks failed lately, and when the last outage ended. */
function Unsteadiness({ view }: { view: StatusView }) {
  const { failed, settled, reasons, coveredSeconds } = view.recent;
  return (
    <>
      <p>
        {countText(failed)} failed of {countText(settled)} tasks in the last{" "}
        {windowText(coveredSeconds)}, <Causes reasons={reasons} />
      </p>
      {view.lastOutageEndMs !== null && (
        <p>
          <OutageEnd view={view} />
        </p>
      )}
    </>
  );
}

/** What the only reason means, or how often the most frequent ones were. */
function Causes({ reasons }: Pick<StatusView["recent"], "reasons">) {
  const [only, ...more] = reasons;
  if (only && more.length === 0) return <Meaning reason={only[0]} />;
  return <ReasonCounts reasons={reasons}>{(reason) => <b>{reason}</b>}</ReasonCounts>;
}

function OutageEnd({ view: { lastOutageEndMs, nowMs } }: { view: StatusView }) {
  if (lastOutageEndMs === null) return null;
  return (
    <>
      last outage ended at <Time ms={lastOutageEndMs} nowMs={nowMs} /> <Zone /> (
      {spanText(nowMs - lastOutageEndMs)} ago)
    </>
  );
}

/** How long the tasks of slow datasets take. */
function HowSlow({ slowness }: Pick<StatusView, "slowness">) {
  if (!slowness) return null;
  const { minSeconds, maxSeconds, sloSeconds } = slowness;
  const [from, to] = [durationText(minSeconds), durationText(maxSeconds)];
  return <>p50 {from === to ? from : `${from} to ${to}`} (SLO_LATENCY_SECONDS is {sloSeconds})</>;
}

/** Since when no task was settled, and how many are pending. */
function Silence({ view }: { view: StatusView }) {
  const { datasets, nowMs } = view;
  // Silent datasets come first, but only those of this result page are known here.
  const silent = datasets.filter(({ state }) => state === "no_news");
  const sinceMs = Math.min(...silent.map((dataset) => dataset.sinceMs));
  return (
    <p>
      {silent.length > 0 && (
        <>
          <Since ms={sinceMs} nowMs={nowMs} zone />
          {", "}
        </>
      )}
      <Pending view={view} />
    </p>
  );
}

function Pending({ view: { pending } }: { view: StatusView }) {
  return <>{pending === 1 ? "1 task pending" : `${countText(pending)} tasks pending`}</>;
}
