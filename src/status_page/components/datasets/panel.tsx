import { STATE_DEFINITIONS } from "../../../core/verdict/states.ts";
import type { Strip } from "../../../history/bars.ts";
import type { DatasetView, StatusView } from "../../view.ts";
import { durationText, windowText } from "../../words.ts";
import { href } from "../../links.ts";
import { Icon, shortId } from "../parts.tsx";
import { StateDetail } from "../state_detail.tsx";
import { TONES } from "../tone.ts";
import { LastError, lookBackSeconds, Shares } from "./figures.tsx";
import { Source } from "./source.tsx";
import { DAY, QUARTER, StripBars, StripSentence, type StripWords } from "./strip.tsx";
import { StripKeys } from "./table.tsx";

/** A single dataset: its strips, and how long tasks take. */
export function DatasetPanel({ dataset, view }: { dataset: DatasetView; view: StatusView }) {
  const { datasetIds, quarter, nowMs } = view;
  const isOneOfMany = datasetIds.length > 1;
  return (
    <section id="datasets" class="panel" aria-labelledby="datasets-heading">
      {isOneOfMany
        ? <Heading dataset={dataset} view={view} />
        : <h2 id="datasets-heading" class="unseen">History</h2>}
      <div class="strips">
        <Labelled strip={dataset.day} words={DAY} nowMs={nowMs} />
        {quarter && <Labelled strip={quarter} words={QUARTER} nowMs={nowMs} />}
      </div>
      <div class="under">
        <Figures dataset={dataset} view={view} />
        <StripKeys />
        <Source view={view} />
      </div>
    </section>
  );
}

function Heading({ dataset, view }: { dataset: DatasetView; view: StatusView }) {
  const { state, datasetId } = dataset;
  return (
    <div class={`heading ${TONES[state]}`}>
      <h2 id="datasets-heading">
        <Icon tone={TONES[state]} /> {shortId(datasetId)} {STATE_DEFINITIONS[state].word}{" "}
        <small>
          <StateDetail dataset={dataset} nowMs={view.nowMs} zone />{" "}
          <a href={`${href(view.query, { datasetId: undefined })}#datasets`}>show all datasets</a>
        </small>
      </h2>
      <Shares dataset={dataset} nowMs={view.nowMs} />
    </div>
  );
}

function Labelled({ strip, words, nowMs }: { strip: Strip; words: StripWords; nowMs: number }) {
  return (
    <figure>
      <figcaption>
        <StripSentence strip={strip} words={words} nowMs={nowMs} />
      </figcaption>
      <StripBars strip={strip} words={words} nowMs={nowMs} isDescribed />
      <p class="axis" aria-hidden="true">
        <span>{words.window} ago</span>
        <span>now</span>
      </p>
    </figure>
  );
}

function Figures({ dataset, view }: { dataset: DatasetView; view: StatusView }) {
  const { durations, last, lastFailure } = dataset;
  const { nowMs } = view;
  return (
    <dl class="durations-of">
      {durations && (
        <>
          <div>
            <dt>p50 of successes in {windowText(lookBackSeconds(durations, nowMs))}</dt>
            <dd>{durationText(durations.p50Seconds)}</dd>
          </div>
          <div>
            <dt>p95</dt>
            <dd>{durationText(durations.p95Seconds)}</dd>
          </div>
        </>
      )}
      {last && (
        <div>
          <dt>last task</dt>
          <dd>
            <a href={`${href(view.query, { task: last.seqno })}#detail`}>
              {durationText(last.durationSeconds)}
            </a>
          </dd>
        </div>
      )}
      {lastFailure && (
        <div>
          <dt>last error</dt>
          <dd>
            <LastError dataset={dataset} view={view} isWhole />
          </dd>
        </div>
      )}
    </dl>
  );
}
