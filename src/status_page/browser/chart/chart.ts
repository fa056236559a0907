import uPlot from "npm:uplot@1.6.32";
import { type ChartData, decodeChart } from "../../chart/chart_data.ts";
import { find, root } from "../dom.ts";
import { formatTime } from "../times.ts";
import { heightsOf, seriesOf } from "./heights.ts";
import { markFailures, shadeOutages, type Style } from "./marks.ts";
import { timeSplits } from "./time_axis.ts";
import { showTip } from "./tip.ts";

/** A larger ratio of the longest to the shortest duration makes the scale logarithmic. */
const MAX_LINEAR_RATIO = 40;

let chart: uPlot | undefined;
let data: ChartData | undefined;
/** The options that the chart was made with: a change makes it anew. */
let chartKey = "";

/** Draws the data that the page carries. */
export function drawChart(): void {
  const shown = data = decodeChart(find("#points").textContent ?? "");
  const heights = heightsOf(shown);
  const place = find("#chart");
  place.hidden = heights.length === 0;
  place.classList.toggle("clickable", shown.points !== null);
  const isLogarithmic = Math.max(...heights) > MAX_LINEAR_RATIO * Math.min(...heights);
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const key = [
    isLogarithmic,
    isDark,
    place.clientWidth,
    place.clientHeight,
    shown.names.length,
    shown.points === null,
  ].join();
  if (chart && key === chartKey) return chart.setData(seriesOf(shown));
  chart?.destroy();
  chart = undefined;
  if (heights.length === 0 || place.clientWidth === 0) return;
  chartKey = key;
  chart = new uPlot(optionsFor(place, shown, isLogarithmic), seriesOf(shown), place);
}

/** The `seqno` of the task under the pointer. */
export function taskAtCursor(): number | undefined {
  const index = chart?.cursor.idx;
  return typeof index === "number" ? data?.points?.[index]?.seqno : undefined;
}

function optionsFor(place: HTMLElement, shown: ChartData, isLogarithmic: boolean): uPlot.Options {
  const style = getComputedStyle(root);
  const color = (name: string) => style.getPropertyValue(`--${name}`);
  const em = parseFloat(style.fontSize);
  const marks: Style = {
    em,
    failing: color("failing"),
    lines: shown.names.map((_name, i) => color(`line-${i + 1}`)),
  };
  const grid = { stroke: color("line"), width: 1 };
  const axis = {
    stroke: color("faint"),
    font: `${Math.round(em * 0.8)}px system-ui, sans-serif`,
    grid,
    ticks: { show: false },
  };
  return {
    width: place.clientWidth,
    height: place.clientHeight,
    legend: { show: false },
    // The bars of outages stand above, half of a time to the right of the last mark.
    padding: [em * 1.2, em * 2, 0, 0],
    cursor: {
      y: false,
      // No click is the end of a drag, which uPlot would keep to itself.
      drag: { x: false, y: false, click: () => {} },
      points: { show: false },
    },
    scales: {
      x: { range: () => [(data ?? shown).fromMs / 1e3, (data ?? shown).toMs / 1e3] },
      y: isLogarithmic
        ? { distr: 3, range: (_chart, min, max) => [roundDown(min / 1.3), max * 1.3] }
        : { range: (_chart, _min, max) => [0, max * 1.1] },
    },
    axes: [
      {
        ...axis,
        size: em * 1.8,
        // One that fits any width: the marks are found below.
        incrs: [1e9],
        splits: (_chart, _axis, min, max) => timeSplits(min, max, place.clientWidth / (em * 6)),
        values: (_chart, splits) =>
          splits.map((seconds) => formatTime(new Date(seconds * 1e3), (splits[1] ?? 0) % 60 !== 0)),
      },
      {
        ...axis,
        ...(isLogarithmic ? { filter: roundSplits, grid: { ...grid, filter: roundSplits } } : {}),
        size: em * 4,
        values: (_chart, splits) =>
          splits.map((value) => value === null || value === 0 ? "" : axisText(value)),
      },
    ],
    series: [
      {},
      ...shown.names.flatMap((_name, i) => lineOf(color(`line-${i + 1}`), em, shown)),
      ...(shown.points ? [{ paths: () => null, points: { show: false } }] : []),
    ],
    bands: shown.points ? [] : shown.names.map((_name, i) => ({
      // The longest duration is above the mean.
      series: [2 * i + 2, 2 * i + 1] as [number, number],
      fill: `${color(`line-${i + 1}`)}33`,
    })),
    hooks: {
      drawClear: [(drawn) => data && shadeOutages(drawn, data, marks)],
      draw: [(drawn) => data && markFailures(drawn, data, marks)],
      setCursor: [(moved) => data && showTip(moved, data)],
    },
  };
}

/** The line of a dataset: its tasks, or the mean and the longest of its bars. */
function lineOf(stroke: string, em: number, { points: tasks }: ChartData): uPlot.Series[] {
  // Always shown, since a bar between two without successes is on no line.
  const points = { show: true, size: Math.max(4, em / 4), fill: stroke };
  if (tasks) return [{ stroke, width: 1.5, spanGaps: true, points }];
  return [
    { stroke, width: 1.5, points },
    { stroke: `${stroke}55`, width: 1, points: { show: false } },
  ];
}

/**
 * Rounds down to one significant digit: uPlot loops for ever on a logarithmic scale that begins
 * between two grid lines.
 */
function roundDown(value: number): number {
  return Number(value.toExponential(20).replace(/\.\d+/, ""));
}

/** Keeps labels and grid lines of a logarithmic scale at 1, 2, 5, 10, … */
function roundSplits(_chart: uPlot, splits: number[]): (number | null)[] {
  return splits.map((value) => /^[125]/.test(value.toExponential()) ? value : null);
}

function axisText(seconds: number): string {
  return seconds < 1
    ? `${Number((seconds * 1e3).toPrecision(3))} ms`
    : `${Number(seconds.toPrecision(3))} s`;
}
