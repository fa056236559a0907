import { raw } from "hono/html";
import { type Reason, REASON_DEFINITIONS } from "../../core/reasons.ts";
import { DATASET_STATES, type DatasetState, STATE_DEFINITIONS } from "../../core/verdict/states.ts";
import type { DatasetHealth } from "../../probing/health.ts";
import type { StatusView } from "../view.ts";
import { countText } from "../words.ts";
import { Shares } from "./datasets/figures.tsx";
import { Message } from "./parts.tsx";
import { Since, StateDetail } from "./state_detail.tsx";
import { SHAPES, type Tone, TONES } from "./tone.ts";

/** `short` is for the title of the tab, where it names the dataset if there is only one. */
type VerdictText = { tone: Tone; short: string; headline: string };

/** The state of all datasets in one line; what the probe itself reports comes first. */
export function verdictOf(view: StatusView): VerdictText {
  const { tally, datasetIds, stalledLoops, draining } = view;
  const all = datasetIds.length;
  const [only] = all === 1 ? datasetIds : [];
  const share = (count: number) => count === all ? `All ${all}` : `${count} of ${all}`;
  if (draining) return { tone: "warning", short: "Stopping", headline: "Stopping" };
  if (stalledLoops.length > 0) return { tone: "warning", short: "Stalled", headline: "Stalled" };
  const state = worstOf(view);
  const { word } = STATE_DEFINITIONS[state];
  const tone = TONES[state];
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

/** The most urgent state of a dataset; `starting` is the last of them. */
function worstOf({ tally }: StatusView): DatasetState {
  return DATASET_STATES.find((state) => tally[state] > 0) ?? "starting";
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** The verdict, since when it holds, and the cause of a failure. */
export function Verdict({ view }: { view: StatusView }) {
  const { tone, headline } = verdictOf(view);
  const { datasets, datasetIds } = view;
  const only = datasetIds.length === 1 ? datasets[0] : undefined;
  const state = worstOf(view);
  return (
    <section class={`verdict ${tone}`} aria-labelledby="verdict">
      <svg class="shape" viewBox="0 0 24 24" aria-hidden="true">{raw(SHAPES[tone])}</svg>
      <div class="summary">
        <h1 id="verdict">{headline}</h1>
        {view.draining && <p>The probe is shutting down and creates no new tasks.</p>}
        {view.stalledLoops.length > 0 && (
          <p>The probe's own schedule has stopped: {view.stalledLoops.join(", ")}.</p>
        )}
        {view.draining || view.stalledLoops.length > 0
          ? null
          : state === "no_news"
          ? <Silence view={view} />
          : only
          ? <StateSince dataset={only} view={view} />
          : <Several view={view} />}
        {only && state !== "working" && tone !== "starting" && <Why dataset={only} />}
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
      <StateDetail dataset={dataset} view={view} zone />
      {state === "failing" && lastSuccessMs === null && ", no success since the probe started"}
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
  const { outage, tally, datasetIds, nowMs } = view;
  const headline = worstOf(view);
  const others = DATASET_STATES
    .filter((state) => state !== headline && state !== "working" && tally[state] > 0)
    .map((state) =>
      state === "no_news" ? `no news from ${tally[state]}` : `${tally[state]} ${state}`
    )
    .join(", ");
  return (
    <>
      {outage && (
        <p>
          <Since ms={outage.sinceMs} nowMs={nowMs} zone />, <Meaning reason={outage.reason} />
        </p>
      )}
      {others !== "" ? <p>{others}</p> : !outage && <p>{datasetIds.length} datasets are probed</p>}
    </>
  );
}

/** Since when no task was settled, and how many are pending. */
function Silence({ view: { datasets, tracked, nowMs } }: { view: StatusView }) {
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
      {tracked.PENDING === 1 ? "1 task pending" : `${countText(tracked.PENDING)} tasks pending`}
    </p>
  );
}
