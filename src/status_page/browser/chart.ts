import uPlot from "npm:uplot@1.6.32";
import { type ChartPoint, decodePoints } from "../chart_points.ts";
import { durationText } from "../words.ts";
import { find, root } from "./dom.ts";
import { formatTime } from "./times.ts";

/** A larger ratio of the longest to the shortest duration makes the scale logarithmic. */
const MAX_LINEAR_RATIO = 40;
/** The shortest span of time that the chart shows: a single point has none of its own. */
const MIN_SPAN_SECONDS = 10;
/** The shortest duration on a logarithmic scale, which has no zero. */
const MIN_SECONDS = 1e-4;

let chart: uPlot | undefined;
let points: ChartPoint[] = [];
/** The options that the chart was made with: a change makes it anew. */
let chartKey = "";

/** Draws the points that the page carries. */
export function drawChart(): void {
  points = decodePoints(find("#points").textContent ?? "");
  const heights = points.map(heightOf);
  const data: uPlot.AlignedData = [
    points.map(({ settledMs }) => settledMs / 1e3),
    points.map((point) => point.reason === null ? heightOf(point) : null),
    points.map((point) => point.reason === null ? null : heightOf(point)),
  ];
  const place = find("#chart");
  place.hidden = points.length === 0;
  const isLogarithmic = Math.max(...heights) > MAX_LINEAR_RATIO * Math.min(...heights);
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const key = `${isLogarithmic} ${isDark} ${place.clientWidth} ${place.clientHeight}`;
  if (chart && key === chartKey) return chart.setData(data);
  chart?.destroy();
  chart = undefined;
  if (points.length === 0 || place.clientWidth === 0) return;
  chartKey = key;
  chart = new uPlot(optionsFor(place, isLogarithmic), data, place);
}

/** Where a point stands on the scale of durations, seconds. */
function heightOf({ seconds }: ChartPoint): number {
  return Math.max(MIN_SECONDS, seconds);
}

/** The `seqno` of the task under the pointer. */
export function taskAtCursor(): number | undefined {
  return pointAt(chart?.cursor.idx)?.seqno;
}

function pointAt(index: number | null | undefined): ChartPoint | undefined {
  return typeof index === "number" ? points[index] : undefined;
}

function optionsFor(place: HTMLElement, isLogarithmic: boolean): uPlot.Options {
  const style = getComputedStyle(root);
  const color = (name: string) => style.getPropertyValue(`--${name}`);
  const em = parseFloat(style.fontSize);
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
    cursor: { y: false, drag: { x: false, y: false } },
    scales: {
      x: { range: (_chart, min, max) => [Math.min(min, max - MIN_SPAN_SECONDS), max] },
      y: isLogarithmic
        ? { distr: 3, range: (_chart, min, max) => [roundDown(min / 1.3), max * 1.3] }
        : { range: (_chart, _min, max) => [0, max * 1.1] },
    },
    axes: [
      {
        ...axis,
        space: em * 6,
        size: em * 1.8,
        values: (_chart, splits, _axis, _space, step) =>
          splits.map((seconds) => formatTime(new Date(seconds * 1e3), step < 60)),
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
      {
        stroke: color("processing"),
        width: 1.5,
        points: { show: true, size: Math.max(4, em / 4), fill: color("processing") },
      },
      { paths: () => null, points: { show: false } },
    ],
    hooks: {
      draw: [(drawn) => markFailures(drawn, color("failing"), em)],
      setCursor: [showTip],
    },
  };
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

/** Marks each failure by a cross and a full-height line, which show even a very short one. */
function markFailures({ ctx, bbox, valToPos }: uPlot, color: string, em: number): void {
  const arm = em * 0.3 * devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = color;
  for (const point of points) {
    if (point.reason === null) continue;
    const x = valToPos(point.settledMs / 1e3, "x", true);
    const y = valToPos(heightOf(point), "y", true);
    ctx.beginPath();
    ctx.globalAlpha = 0.25;
    ctx.lineWidth = devicePixelRatio;
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.globalAlpha = 1;
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.moveTo(x - arm, y - arm);
    ctx.lineTo(x + arm, y + arm);
    ctx.moveTo(x + arm, y - arm);
    ctx.lineTo(x - arm, y + arm);
    ctx.stroke();
  }
  ctx.restore();
}

const tip = document.createElement("div");
tip.className = "tip";

/** Describes the task under the pointer, or hides the tip. */
function showTip({ cursor, over, valToPos }: uPlot): void {
  const point = pointAt(cursor.idx);
  if (!point || (cursor.left ?? -1) < 0) return tip.remove();
  const { seqno, settledMs, seconds, reason } = point;
  const parts = [`#${seqno}`, formatTime(new Date(settledMs)), durationText(seconds)];
  if (reason !== null) parts.push(`✕ ${reason}`);
  tip.textContent = parts.join(" · ");
  over.append(tip);
  const x = valToPos(settledMs / 1e3, "x");
  tip.style.left = `${Math.max(0, Math.min(x + 8, over.clientWidth - tip.offsetWidth))}px`;
  tip.style.top = "4px";
}
