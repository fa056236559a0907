import { raw } from "hono/html";
import { type Reason, REASON_DEFINITIONS } from "../../core/reasons.ts";
import type { SettledTask } from "../../core/task.ts";
import type { DatasetHealth } from "../../probing/health.ts";
import type { StatusView } from "../view.ts";
import { countText, spanText } from "../words.ts";
import { Message, Ratios, Time, Zone } from "./parts.tsx";
import { SHAPES, type Tone } from "./tone.ts";

/** `short` is for the title of the tab, where it names the dataset if there is only one. */
type VerdictText = { tone: Tone; short: string; headline: string };

/** The state of all datasets in one line; what the probe itself reports comes first. */
export function verdictOf({ tally, datasetIds, stalledLoops, draining }: StatusView): VerdictText {
  const { ok, failing, silent, starting } = tally;
  const all = datasetIds.length;
  const [only] = all === 1 ? datasetIds : [];
  const share = (count: number) => count === all ? `All ${all}` : `${count} of ${all}`;
  if (draining) return { tone: "warning", short: "Stopping", headline: "Stopping" };
  if (stalledLoops.length > 0) return { tone: "warning", short: "Stalled", headline: "Stalled" };
  if (failing > 0) {
    return {
      tone: "failing",
      short: `FAILING: ${only ?? share(failing)}`,
      headline: only ? "Failing" : `${share(failing)} failing`,
    };
  }
  if (silent > 0) {
    return {
      tone: "warning",
      short: `NO NEWS: ${only ?? share(silent)}`,
      headline: only ? "No news" : `No news: ${share(silent)}`,
    };
  }
  if (starting === all) return { tone: "starting", short: "Starting", headline: "Starting" };
  return {
    tone: "ok",
    short: `OK: ${only ?? share(ok)}`,
    headline: only ? "Working" : `${share(ok)} ok`,
  };
}

/** The verdict, since when it holds, and the cause of a failure. */
export function Verdict({ view }: { view: StatusView }) {
  const { tone, headline } = verdictOf(view);
  const { datasets, datasetIds } = view;
  const only = datasetIds.length === 1 ? datasets[0] : undefined;
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
          : tone === "warning"
          ? <Silence view={view} />
          : only
          ? <StateSince dataset={only} nowMs={view.nowMs} />
          : <Several view={view} />}
        {only && tone === "failing" && <Why last={only.last} />}
      </div>
      {only && <Ratios ratios={only.ratios} />}
    </section>
  );
}

/** Since when the only dataset has been in its state. */
function StateSince({ dataset, nowMs }: { dataset: DatasetHealth; nowMs: number }) {
  const { health, sinceMs, lastSuccessMs } = dataset;
  if (health === "starting") return <p>No task has been settled yet</p>;
  return (
    <p>
      <Since ms={sinceMs} nowMs={nowMs} />
      {health === "failing" && lastSuccessMs === null && ", no success since the probe started"}
    </p>
  );
}

function Since({ ms, nowMs }: { ms: number; nowMs: number }) {
  return (
    <>
      {"since "}
      <Time ms={ms} nowMs={nowMs} /> <Zone /> ({spanText(nowMs - ms)})
    </>
  );
}

/** Why the last task failed, if it did. */
function Why({ last }: { last: SettledTask | null }) {
  if (last?.state !== "FAILED") return null;
  return (
    <>
      <p class="why">
        <Meaning reason={last.reason} />
      </p>
      <Message of={last} />
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
function Several({ view: { outage, tally, datasetIds, nowMs } }: { view: StatusView }) {
  const others = [
    ...tally.failing > 0 && tally.silent > 0 ? [`no news from ${tally.silent}`] : [],
    ...tally.starting > 0 ? [`${tally.starting} starting`] : [],
  ].join(", ");
  return (
    <>
      {outage && (
        <p>
          <Since ms={outage.sinceMs} nowMs={nowMs} />, <Meaning reason={outage.reason} />
        </p>
      )}
      {others !== "" ? <p>{others}</p> : !outage && <p>{datasetIds.length} datasets are probed</p>}
    </>
  );
}

/** Since when no task was settled, and how many are pending. */
function Silence({ view: { datasets, tracked, nowMs } }: { view: StatusView }) {
  // Silent datasets come first, but only those of this result page are known here.
  const silent = datasets.filter(({ health }) => health === "silent");
  const sinceMs = Math.min(...silent.map((dataset) => dataset.sinceMs));
  return (
    <p>
      {silent.length > 0 && (
        <>
          <Since ms={sinceMs} nowMs={nowMs} />
          {", "}
        </>
      )}
      {tracked.PENDING === 1 ? "1 task pending" : `${countText(tracked.PENDING)} tasks pending`}
    </p>
  );
}
