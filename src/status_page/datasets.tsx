import type { DatasetHistory, Health } from "../probing/health.ts";
import { durationText, ratioText, spanText } from "./words.ts";
import type { StatusQuery, StatusView } from "./view.ts";
import { PHASES, type SettledTask } from "../core/task.ts";
import { Bar, href, Key, PhaseList, Reason, Scope, shortId, Time } from "./parts.tsx";

/** More datasets than this have no bars of their phases, for want of room; each alone has one. */
const MAX_BARS = 12;

/** A page of datasets; the one asked for, with its last task; or where there is but one, that task. */
export function Datasets({ status }: { status: StatusView }) {
  const { datasets, datasetIds, query, pages, nowMs } = status;
  const { page, datasetId } = query;
  if (datasetId !== undefined && !datasetIds.includes(datasetId)) {
    return <Unknown datasetId={datasetId} query={query} />;
  }
  if (datasetIds.length === 1) return <LastTask last={datasets[0]?.last} status={status} />;
  const shown = datasets.filter((one) => datasetId === undefined || one.datasetId === datasetId);
  const hasBars = shown.length <= MAX_BARS;
  return (
    <>
      <section aria-labelledby="datasets">
        <h2 id="datasets">
          Datasets {datasetId !== undefined && <Scope status={status} />}
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
          <nav class="pager" aria-label="Pages of datasets">
            {page > 1 && <a href={href(query, { page: page - 1 })} rel="prev">← Previous</a>}
            <span>page {page} of {pages}, failing ones first</span>
            {page < pages && <a href={href(query, { page: page + 1 })} rel="next">Next →</a>}
          </nav>
        )}
      </section>
      {datasetId !== undefined && shown[0] && <LastTask last={shown[0].last} status={status} />}
    </>
  );
}

function Unknown({ datasetId, query }: { datasetId: string; query: StatusQuery }) {
  return (
    <section aria-labelledby="datasets">
      <h2 id="datasets">Datasets</h2>
      <p>
        {shortId(datasetId)} is not probed here.{" "}
        <a href={href(query, { datasetId: undefined })}>Show what is</a>
      </p>
    </section>
  );
}

const HEALTH_WORDS: Record<Health, string> = {
  ok: "ok since",
  failing: "failing since",
  silent: "no news since",
  starting: "not known yet",
};

function Dataset(
  { dataset, nowMs, query, hasBar }: {
    dataset: DatasetHistory;
    nowMs: number;
    query: StatusQuery;
    hasBar: boolean;
  },
) {
  const { datasetId, health, sinceMs, last, ratios } = dataset;
  return (
    <li class={health}>
      <h3>
        <i></i> <a href={href({ page: query.page }, { datasetId })}>{shortId(datasetId)}</a>
      </h3>
      <p>
        {HEALTH_WORDS[health]} {health !== "starting" && (
          <>
            <Time ms={sinceMs} nowMs={nowMs} /> ({spanText(nowMs - sinceMs)})
          </>
        )}
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
    </li>
  );
}

function LastTask({ last, status }: { last?: SettledTask | null; status: StatusView }) {
  return (
    <section aria-labelledby="last">
      <h2 id="last">Last task</h2>
      {last
        ? (
          <>
            <p class="figure">
              {durationText(last.durationSeconds)}{" "}
              <small>
                <a href={href(status.query, { task: last.seqno })}>task {last.seqno}</a>{" "}
                {last.state === "FAILED" ? `failed: ${last.reason}` : "succeeded"}
                {last.attempts.length > 1 &&
                  ` after ${last.attempts.length} attempts; the last one's phases:`}
              </small>
            </p>
            <PhaseList phases={last.phases} />
          </>
        )
        : <p>The first one is on its way.</p>}
    </section>
  );
}
