/** The tip beside the pointer: what is under it, in words. */
import type uPlot from "npm:uplot@1.6.32";
import type { ChartData } from "../../chart/chart_data.ts";
import { durationText } from "../../words.ts";
import { formatTime } from "../times.ts";
import { heightOf } from "./heights.ts";
import { type Box, placeTip } from "./place.ts";

const tip = document.createElement("div");
tip.className = "tip";

/** Describes what is under the pointer, beside it; or hides the tip. */
export function showTip(chart: uPlot, data: ChartData): void {
  const { cursor, over } = chart;
  const { idx } = cursor;
  const lines = typeof idx === "number" && (cursor.left ?? -1) >= 0 ? linesAt(data, idx) : [];
  if (lines.length === 0 || typeof idx !== "number") return tip.remove();
  tip.replaceChildren(...lines.map((line) => {
    const element = document.createElement("p");
    element.textContent = line;
    return element;
  }));
  over.append(tip);
  const plot = { width: over.clientWidth, height: over.clientHeight };
  const { left, top } = placeTip(placeOf(chart, data, idx), tipSize(), plot);
  tip.style.left = `${left}px`;
  tip.style.top = `${top}px`;
}

function tipSize(): Box {
  return { width: tip.offsetWidth, height: tip.offsetHeight };
}

/** Where the point under the pointer is; of bars the middle, at the height of the pointer. */
function placeOf(chart: uPlot, { points }: ChartData, idx: number): { x: number; y: number } {
  const x = chart.valToPos(chart.data[0][idx] ?? 0, "x");
  const point = points?.[idx];
  return { x, y: point ? chart.valToPos(heightOf(point.seconds), "y") : chart.cursor.top ?? 0 };
}

function linesAt(data: ChartData, idx: number): string[] {
  const point = data.points?.[idx];
  const hasNames = data.names.length > 1;
  if (point) {
    const { seqno, settledMs, seconds, reason, line } = point;
    const parts = [`#${seqno}`, formatTime(new Date(settledMs)), durationText(seconds)];
    if (reason !== null) parts.push(`✕ ${reason}`);
    return hasNames ? [data.names[line] ?? "", parts.join(" · ")] : [parts.join(" · ")];
  }
  if (!data.bars) return [];
  const { startMs, barSeconds, lines } = data.bars;
  const fromMs = startMs + idx * barSeconds * 1e3;
  const time = (ms: number) => formatTime(new Date(ms), barSeconds < 60);
  const texts = lines.flatMap((line, i) => {
    const bar = line[idx];
    if (!bar || bar.settled === 0) return [];
    const { settled, failed, meanSeconds, longestSeconds } = bar;
    const parts = [
      ...(meanSeconds === null ? [] : [`mean ${durationText(meanSeconds)}`]),
      ...(longestSeconds === null ? [] : [`longest ${durationText(longestSeconds)}`]),
      failed > 0 ? `✕ ${failed} of ${settled} failed` : `${settled} ok`,
    ];
    return [`${hasNames ? `${data.names[i]}: ` : ""}${parts.join(" · ")}`];
  });
  return texts.length === 0
    ? []
    : [`${time(fromMs)} to ${time(fromMs + barSeconds * 1e3)}`, ...texts];
}
