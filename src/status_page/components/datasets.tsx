import { PHASES, type SettledTask } from "../../core/task.ts";
import { STATE_DEFINITIONS } from "../../core/verdict/states.ts";
import type { DatasetHealth } from "../../probing/health.ts";
import { href } from "../links.ts";
import type { StatusQuery, StatusView } from "../view.ts";
import { durationText, ratioText } from "../words.ts";
import { Icon, Message, Reason, Scope, shortId } from "./parts.tsx";
import { Bar, Key, PhaseList } from "./phases.tsx";
import { StateDetail } from "./state_detail.tsx";
import { TONES } from "./tone.ts";

/** More datasets than this are listed without bars of phases and messages, for want of room. */
const MAX_BARS = 12;

/** One result page of datasets, or the dataset of the query; a single one with its last task. */
export function Datasets({ view }: { view: StatusView }) {
  const { datasets, datasetIds, query, pages, nowMs } = view;
  const { page, datasetId } = query;
  if (datasetId !== undefined && !datasetIds.includes(datasetId)) {
    return <Unknown datasetId={datasetId} query={query} />;
  }
  if (datasetIds.length === 1) return <LastTask last={datasets[0]?.last} view={view} />;
  const shown = datasets.filter((one) => datasetId === undefined || one.datasetId === datasetId);
  const hasBars = shown.length <= MAX_BARS;
  return (
    <>
      <section aria-labelledby="datasets">
        <h2 id="datasets">
          Datasets {datasetId !== undefined && <Scope view={view} />}
        </h2>
        <ul class="datasets">
          {shown.map((dataset) => (
            <Dataset
              dataset={dataset}
              nowMs={nowMs}
              query={query}
              hasBar={hasBars}
            />
          ))}
        </ul>
        {hasBars && datasetId === undefined && (
          <p class="keys">
            {PHASES.map((phase) => (
              <span>
                <Key phase={phase} />
              </span>
            ))}
          </p>
        )}
        {pages > 1 && datasetId === undefined && (
          <nav class="pager" aria-label="Result pages of datasets">
            {page > 1 && <a href={href(query, { page: page - 1 })} rel="prev">← Previous</a>}
            <span>Page {page} of {pages}, the most urgent datasets first</span>
            {page < pages && <a href={href(query, { page: page + 1 })} rel="next">Next →</a>}
          </nav>
        )}
      </section>
      {datasetId !== undefined && shown[0] && <LastTask last={shown[0].last} view={view} />}
    </>
  );
}

function Unknown({ datasetId, query }: { datasetId: string; query: StatusQuery }) {
  return (
    <section aria-labelledby="datasets">
      <h2 id="datasets">Datasets</h2>
      <p>
        {shortId(datasetId)} is not a dataset of this probe.{" "}
        <a href={href(query, { datasetId: undefined })}>Show all datasets</a>
      </p>
    </section>
  );
}

function Dataset(
  { dataset, nowMs, query, hasBar }: {
    dataset: DatasetHealth;
    nowMs: number;
    query: StatusQuery;
    hasBar: boolean;
  },
) {
  const { datasetId, state, last, ratios } = dataset;
  return (
    <li class={TONES[state]}>
      <h3>
        <Icon tone={TONES[state]} />{" "}
        <a href={href({ page: query.page }, { datasetId })}>{shortId(datasetId)}</a>
      </h3>
      <p>
        {STATE_DEFINITIONS[state].word}
        {state === "unsteady" || state === "slow" ? ": " : " "}
        <StateDetail dataset={dataset} nowMs={nowMs} />
      </p>
      <p>
        {ratios.map((ratio) => (
          <span>
            {ratio.window} <b>{ratioText(ratio)}</b>
          </span>
        ))}
      </p>
      {last && (
        <p>
          {last.state === "FAILED" && <Reason of={last} />}
          {durationText(last.durationSeconds)}
          {hasBar && <Bar phases={last.phases} />}
        </p>
      )}
      {hasBar && last?.state === "FAILED" && <Message of={last} isCut />}
    </li>
  );
}

function LastTask({ last, view }: { last?: SettledTask | null; view: StatusView }) {
  return (
    <section aria-labelledby="last">
      <h2 id="last">Last task</h2>
      {last
        ? (
          <>
            <p class="figure">
              {durationText(last.durationSeconds)}{" "}
              <small>
                <a href={href(view.query, { task: last.seqno })}>task {last.seqno}</a>{" "}
                {last.state === "FAILED" ? `failed: ${last.reason}` : "succeeded"}
                {last.attempts.length > 1 &&
                  ` after ${last.attempts.length} attempts; phases of the last attempt:`}
              </small>
            </p>
            {last.state === "FAILED" && <Message of={last} />}
            <PhaseList phases={last.phases} />
          </>
        )
        : <p>No task has been settled yet.</p>}
    </section>
  );
}
