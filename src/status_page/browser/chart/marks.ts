/** What the chart marks besides durations: outages and failures. */
import type uPlot from "npm:uplot@1.6.32";
import type { ChartData } from "../../chart/chart_data.ts";
import { heightOf } from "./heights.ts";
import { linesFailingIn, unionOf } from "./outages.ts";

/** The colours of the marks, and the size of the text in pixels. */
export type Style = { em: number; failing: string; lines: readonly string[] };

/** The distance of the bars of two lines, in their heights. */
const ROW = 1.4;

/**
 * Shades from edge to edge when something was failing, with a bar above the plot for each line that
 * was: in the colour of the line where there are several.
 */
export function shadeOutages(
  chart: uPlot,
  { outages, names }: ChartData,
  { em, failing, lines }: Style,
): void {
  const { ctx, bbox } = chart;
  const cap = em * 0.25 * devicePixelRatio;
  const fill = (
    { startMs, endMs }: { startMs: number; endMs: number },
    top: number,
    height: number,
  ) => {
    const left = Math.max(bbox.left, chart.valToPos(startMs / 1e3, "x", true));
    const right = Math.min(bbox.left + bbox.width, chart.valToPos(endMs / 1e3, "x", true));
    ctx.fillRect(left, top, Math.max(cap, right - left), height);
  };
  ctx.save();
  ctx.fillStyle = failing;
  ctx.globalAlpha = 0.14;
  for (const outage of unionOf(outages)) fill(outage, bbox.top, bbox.height);
  ctx.globalAlpha = 1;
  for (const outage of outages) {
    if (names.length > 1) ctx.fillStyle = lines[outage.line] ?? failing;
    fill(outage, bbox.top - (names.length - outage.line) * cap * ROW, cap);
  }
  ctx.restore();
}

/**
 * Marks each failed task: by a cross and a full-height line, which show even a very short one, and in
 * an outage of its line by a point. Marks a bar with failures by a tick on the axis.
 */
export function markFailures(chart: uPlot, data: ChartData, { em, failing }: Style): void {
  const { ctx } = chart;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = failing;
  if (data.points) markTasks(chart, data, em);
  else tickBars(chart, data, em);
  ctx.restore();
}

function markTasks(
  { ctx, bbox, valToPos }: uPlot,
  { points, outages }: ChartData,
  em: number,
): void {
  const arm = em * 0.3 * devicePixelRatio;
  for (const { line, reason, createdMs, seconds } of points ?? []) {
    if (reason === null) continue;
    const x = valToPos(createdMs / 1e3, "x", true);
    const y = valToPos(heightOf(seconds), "y", true);
    if (linesFailingIn(outages, createdMs).includes(line)) {
      ctx.beginPath();
      ctx.arc(x, y, arm / 2, 0, 2 * Math.PI);
      ctx.fill();
      continue;
    }
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
}

function tickBars({ ctx, bbox, valToPos }: uPlot, { bars }: ChartData, em: number): void {
  if (!bars) return;
  const height = em * 0.5 * devicePixelRatio;
  const { startMs, barSeconds, lines } = bars;
  for (let i = 0; i < (lines[0]?.length ?? 0); i++) {
    if (!lines.some((line) => (line[i]?.failed ?? 0) > 0)) continue;
    const left = valToPos(startMs / 1e3 + i * barSeconds, "x", true);
    const right = valToPos(startMs / 1e3 + (i + 1) * barSeconds, "x", true);
    const width = Math.max(2 * devicePixelRatio, (right - left) * 0.75);
    ctx.fillRect(left, bbox.top + bbox.height - height, width, height);
  }
}
