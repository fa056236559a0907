import { STATE_DEFINITIONS } from "../../../core/verdict/states.ts";
import { href } from "../../links.ts";
import type { DatasetView, StatusView } from "../../view.ts";
import { durationText, ratioText, windowText } from "../../words.ts";
import type { Html } from "../../parts.ts";
import { Icon, shortId } from "../parts.tsx";
import { StateDetail } from "../state_detail.tsx";
import { TONES } from "../tone.ts";
import { LastError, lookBackSeconds, okInDay } from "./figures.tsx";
import { DAY, StripBars } from "./strip.tsx";

/** What the headings say that figures cover; a row says where it differs. */
export type Headings = { ok: string; lookBackSeconds: number | null };

/** Rows differ by an interval at least: only a larger ratio is worth saying. */
const MAX_RATIO = 1.25;

/** One dense row a dataset; `rows` are the `datasetRows`. */
export function DatasetTable({ headings, rows }: { headings: Headings; rows: readonly Html[] }) {
  return (
    <table class="datasets">
      <caption class="unseen">
        Datasets, the most urgent first; each name links to the dataset
      </caption>
      <thead>
        <tr>
          <th scope="col">State</th>
          <th scope="col">Dataset</th>
          <th scope="col">
            <span class="axis">
              <span>24 h ago</span>
              <span>now</span>
            </span>
          </th>
          <th scope="col">ok in {headings.ok}</th>
          <th scope="col">
            p50 of successes
            {headings.lookBackSeconds !== null && ` in ${windowText(headings.lookBackSeconds)}`}
          </th>
          <th scope="col">p95</th>
          <th scope="col">Last error</th>
        </tr>
      </thead>
      <tbody>
        {rows}
      </tbody>
    </table>
  );
}

/** The rows of the table. */
export function datasetRows(view: StatusView, headings: Headings) {
  return view.datasets.map((dataset) => <Row dataset={dataset} view={view} headings={headings} />);
}

/** The headings of the table, on which its rows depend. */
export function headingsOf({ datasets, nowMs }: StatusView): Headings {
  const durations = datasets.flatMap((dataset) => dataset.durations ?? []);
  return {
    ok: mostFrequent(datasets.map((dataset) => okInDay(dataset, nowMs).over)),
    lookBackSeconds: medianOf(durations.map((each) => lookBackSeconds(each, nowMs))),
  };
}

function Row({ dataset, view, headings }: {
  dataset: DatasetView;
  view: StatusView;
  headings: Headings;
}) {
  const { datasetId, state, durations, day } = dataset;
  const { query, nowMs } = view;
  const ok = okInDay(dataset, nowMs);
  return (
    <tr class={TONES[state]}>
      <td>
        <Icon tone={TONES[state]} /> <b>{STATE_DEFINITIONS[state].word}</b>
        {state !== "working" && (
          <small>
            {" "}
            <StateDetail dataset={dataset} nowMs={nowMs} isShort />
          </small>
        )}
      </td>
      <th scope="row">
        <a href={href({ page: 1, range: query.range }, { datasetId })}>{shortId(datasetId)}</a>
      </th>
      <td>
        <StripBars strip={day} words={DAY} nowMs={nowMs} />
      </td>
      <td>
        {ratioText(ok)} {ok.over !== headings.ok && <small>in {ok.over}</small>}
      </td>
      <td>{durations ? durationText(durations.p50Seconds) : "–"}</td>
      <td>
        {durations ? durationText(durations.p95Seconds) : "–"}{" "}
        {durations && (
          <LookBack seconds={lookBackSeconds(durations, nowMs)} usual={headings.lookBackSeconds} />
        )}
      </td>
      <td>
        <LastError dataset={dataset} view={view} />
      </td>
    </tr>
  );
}

/** For how long the quantiles of a row look back, where that is not what the heading says. */
function LookBack({ seconds, usual }: { seconds: number; usual: number | null }) {
  const [longer, shorter] = [Math.max(seconds, usual ?? 0), Math.min(seconds, usual ?? seconds)];
  return longer <= MAX_RATIO * shorter ? null : <small>in {windowText(seconds)}</small>;
}

function medianOf(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;
}

function mostFrequent(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return most?.[0] ?? "";
}

/** What the bars of a strip mean. */
export function StripKeys() {
  return (
    <p class="keys">
      <StripKey name="ok" y={16}>all succeeded</StripKey>
      <StripKey name="some" y={15}>some failed</StripKey>
      <StripKey name="most" y={12}>half or more failed</StripKey>
      <StripKey name="slow" y={2.5}>most were slow</StripKey>
    </p>
  );
}

function StripKey({ name, y, children }: { name: string; y: number; children: string }) {
  return (
    <span>
      <svg class="strip key" viewBox="0 0 2 24" preserveAspectRatio="none" aria-hidden="true">
        <path class={name} d={`M0 ${y}h2`} />
      </svg>{" "}
      {children}
    </span>
  );
}
