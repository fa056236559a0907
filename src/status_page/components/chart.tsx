import { raw } from "hono/html";
import { RANGE_NAMES, RANGES, type Strip } from "../../history/bars.ts";
import { encodeChart } from "../chart/chart_data.ts";
import { chartBars, type ChartLine, type ChartView } from "../chart/chart_view.ts";
import { href } from "../links.ts";
import { durationsSinceMs, partlyKnownMs, totalOf } from "../strips.ts";
import type { StatusView } from "../view.ts";
import { countText, durationText, windowText } from "../words.ts";
import { Scope, shortId, Time, Zone } from "./parts.tsx";

/** How long tasks took: a chart, which the script draws, and a legend in words for everybody. */
export function Chart({ view }: { view: StatusView }) {
  const { chart, nowMs, datasetIds, query } = view;
  const { range, lines, points, outages } = chart;
  const strips = lines.map(({ strip }) => strip);
  const json = encodeChart({
    fromMs: strips[0]?.bars[0]?.startMs ?? nowMs,
    toMs: nowMs,
    names: lines.map(({ datasetId }) => shortId(datasetId)),
    outages: outages.map((outage) => ({ ...outage, endMs: outage.endMs ?? nowMs })),
    points,
    bars: points ? null : chartBars(strips, view.taskIntervalSeconds),
  });
  return (
    <section class="durations" aria-labelledby="durations">
      <div class="heading">
        <h2 id="durations">
          Durations {query.datasetId === undefined && lines.length < datasetIds.length
            ? <small>of {lines.length} of {countText(datasetIds.length)} datasets</small>
            : <Scope view={view} />}
        </h2>
        <nav class="ranges" aria-label="Range of the durations">
          {RANGE_NAMES.map((name) => (
            <a
              href={`${href(query, { range: name })}#durations`}
              aria-current={name === range ? "true" : undefined}
            >
              {RANGES[name].words}
            </a>
          ))}
        </nav>
      </div>
      <div id="chart" aria-hidden="true"></div>
      <ul class="legend">
        {lines.map((line, i) => <LegendLine line={line} nth={i} view={view} />)}
        {outages.length > 0 && (
          <li class="drawn">
            <svg class="key" aria-hidden="true">
              <rect class="outage" />
            </svg>{" "}
            {outageText(chart)}
          </li>
        )}
      </ul>
      <script type="application/json" id="points">{raw(json)}</script>
    </section>
  );
}

/** Whose outages are shaded. */
function outageText({ lines, outages }: ChartView): string {
  if (lines.length === 1) return "outage";
  const names = lines.flatMap(({ datasetId }, i) =>
    outages.some(({ line }) => line === i) ? [shortId(datasetId)] : []
  );
  const [first] = names;
  if (names.length === 1) return `outage of ${first}`;
  const whose = names.length === 2 ? names.join(" and ") : `all ${names.length} lines`;
  return `outages of ${whose}, each with a bar in its colour at the top`;
}

/** The line of a dataset, and what a reader of the chart would see in it. */
function LegendLine(
  { line: { datasetId, strip }, nth, view }: { line: ChartLine; nth: number; view: StatusView },
) {
  const { settled, failed, meanSeconds, longestSeconds } = totalOf(strip);
  const knownMs = partlyKnownMs(strip, view.nowMs);
  const over = knownMs === null ? RANGES[view.chart.range].words : windowText(knownMs / 1e3);
  return (
    <li>
      <svg class="key" aria-hidden="true">
        <rect class={`line-${nth + 1}`} />
      </svg>{" "}
      {view.chart.lines.length > 1 && <b>{shortId(datasetId)}</b>} in {over}:{" "}
      {settled === 0 ? "no task was settled" : (
        <>
          {meanSeconds !== null && `mean of successes ${durationText(meanSeconds)}, `}
          {longestSeconds !== null && `longest ${durationText(longestSeconds)}, `}
          <span class={failed > 0 ? "reason" : undefined}>{countText(failed)} failed</span>
          {` of ${countText(settled)}`}
          <DurationsSince strip={strip} view={view} />
        </>
      )}
    </li>
  );
}

/** From when on durations are known, where counts go further back: Prometheus tells only those. */
function DurationsSince({ strip, view: { startedMs, nowMs } }: { strip: Strip; view: StatusView }) {
  const sinceMs = durationsSinceMs(strip);
  if (sinceMs === null) return null;
  if (sinceMs === Infinity) return <>, durations not known</>;
  return (
    <>
      , durations known since <Time ms={Math.max(sinceMs, startedMs)} nowMs={nowMs} /> <Zone />
    </>
  );
}
