/** What the chart marks besides durations: outages and failures. */
import type uPlot from "npm:uplot@1.6.32";
import type { ChartData } from "../../chart/chart_data.ts";
import { heightOf } from "./heights.ts";

/** Shades the outages from edge to edge. */
export function shadeOutages(
  chart: uPlot,
  { outages }: ChartData,
  color: string,
  em: number,
): void {
  const { ctx, bbox } = chart;
  const cap = em * 0.25 * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = color;
  for (const { startMs, endMs } of outages) {
    const left = Math.max(bbox.left, chart.valToPos(startMs / 1e3, "x", true));
    const right = Math.min(bbox.left + bbox.width, chart.valToPos(endMs / 1e3, "x", true));
    const width = Math.max(cap, right - left);
    ctx.globalAlpha = 0.14;
    ctx.fillRect(left, bbox.top, width, bbox.height);
    ctx.globalAlpha = 1;
    ctx.fillRect(left, bbox.top, width, cap);
  }
  ctx.restore();
}

/**
 * Marks each failure outside an outage: a task by a cross and a full-height line, which show even a
 * very short one; a bar with failures by a tick on the axis.
 */
export function markFailures(chart: uPlot, data: ChartData, color: string, em: number): void {
  const { ctx } = chart;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = color;
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
  for (const { reason, settledMs, seconds } of points ?? []) {
    if (reason === null) continue;
    const x = valToPos(settledMs / 1e3, "x", true);
    const y = valToPos(heightOf(seconds), "y", true);
    if (outages.some(({ startMs, endMs }) => settledMs >= startMs && settledMs <= endMs)) {
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
