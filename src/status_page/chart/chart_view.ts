import type { Clock } from "../../core/clock.ts";
import { type Range, RANGE_NAMES, RANGES, type Strip } from "../../history/bars.ts";
import type { History } from "../../history/history.ts";
import type { Backlog } from "../../probing/backlog.ts";
import { halved } from "../strips.ts";
import type { ChartBars } from "./chart_data.ts";
import type { ChartPoint } from "./chart_points.ts";

/** More lines could not be told apart. */
const MAX_LINES = 3;
const MAX_POINTS = 240;
/** How long a probe must run before the chart shows more than the shortest range by itself. */
const YOUNG_MS = 10 * 60_000;
/** How many intervals a range must hold to be shown by itself. */
const MIN_INTERVALS = 30;

/** The durations of a few datasets in a range. */
export type ChartView = {
  range: Range;
  lines: ChartLine[];
  /** The newest settled tasks, oldest first, in a range so short that each is a point. */
  points: ChartPoint[] | null;
  /** When each of the lines was failing; `endMs` is null while it lasts. */
  outages: ChartOutage[];
};

/** `line` counts from 0. */
export type ChartOutage = { line: number; startMs: number; endMs: number | null };

export type ChartLine = { datasetId: string; strip: Strip };

type Shown = { datasetId: string };
type ChartQuery = { datasetId?: string; range?: Range };
type ChartSources = {
  config: { taskIntervalSeconds: number; datasetIds: readonly string[] };
  clock: Pick<Clock, "now">;
  backlog: Backlog;
  history: History;
};

/** The chart of the datasets that are shown, of the first ones when they are many. */
export function chartView(
  query: ChartQuery,
  shown: readonly Shown[],
  sources: ChartSources,
): ChartView {
  const { history, config } = sources;
  const range = query.range ?? rangeFor(shown, sources);
  const lines = shown.slice(0, MAX_LINES).flatMap(({ datasetId }) => {
    const strip = history.range(datasetId, range);
    return strip ? [{ datasetId, strip }] : [];
  });
  const fromMs = lines[0]?.strip.bars[0]?.startMs ?? 0;
  // Among those of many datasets, the newest tasks would cover no more than a moment.
  const hasPoints = range === "5m" &&
    (query.datasetId !== undefined || config.datasetIds.length <= MAX_LINES);
  return {
    range,
    lines,
    points: hasPoints ? pointsOf(lines, fromMs, query.datasetId, sources) : null,
    outages: lines.flatMap(({ datasetId }, line) =>
      history.incidents(datasetId)
        .filter(({ endMs }) => endMs === null || endMs > fromMs)
        .map(({ startMs, endMs }) => ({ line, startMs: Math.max(startMs, fromMs), endMs }))
    ),
  };
}

/** The range that suits how long the probe has run, and how often tasks are created. */
function rangeFor(
  [first]: readonly Shown[],
  { clock, history, config: { taskIntervalSeconds } }: ChartSources,
): Range {
  // Only of the last 24 hours more may be known.
  const sinceMs = first && history.range(first.datasetId, "5m")?.knownSinceMs;
  const isYoung = clock.now() - (sinceMs ?? 0) < YOUNG_MS;
  const long = RANGE_NAMES.find((name) => {
    const { barSeconds, bars } = RANGES[name];
    return barSeconds * bars >= MIN_INTERVALS * taskIntervalSeconds && (name !== "5m" || isYoung);
  });
  return long ?? "24h";
}

function pointsOf(
  lines: readonly ChartLine[],
  fromMs: number,
  datasetId: string | undefined,
  { backlog }: ChartSources,
): ChartPoint[] {
  const lineOf = new Map(lines.map((line, i) => [line.datasetId, i]));
  // Only settled tasks count, so that pending ones do not push them out.
  const { tasks } = backlog.page({ datasetId, settled: true, limit: MAX_POINTS });
  return tasks.reverse().flatMap((task) => {
    const line = lineOf.get(task.datasetId);
    if (task.state === "PENDING" || line === undefined || task.createdMs < fromMs) return [];
    return [{
      line,
      seqno: task.seqno,
      createdMs: task.createdMs,
      seconds: task.durationSeconds,
      reason: task.state === "FAILED" ? task.reason : null,
    }];
  });
}

/** More bars of several lines become half as many: they would be too close, and the page too large. */
const MAX_BARS_OF_SEVERAL = 60;

/** The bars of several strips of the same range; null without any. */
export function chartBars(
  strips: readonly Strip[],
  taskIntervalSeconds: number,
): ChartBars | null {
  const [first] = strips;
  const startMs = first?.bars[0]?.startMs;
  if (!first || startMs === undefined) return null;
  const isHalved = strips.length > 1 && first.bars.length > MAX_BARS_OF_SEVERAL;
  const lines = strips.map(({ bars }) =>
    (isHalved ? halved(bars) : bars).map(({ settled, failed, meanSeconds, longestSeconds }) => (
      { settled, failed, meanSeconds, longestSeconds }
    ))
  );
  const barSeconds = first.barSeconds * (isHalved ? 2 : 1);
  return { startMs, barSeconds, bridged: Math.ceil(taskIntervalSeconds / barSeconds), lines };
}
