/** The tip beside the pointer: what is under it, in words. */
import type uPlot from "npm:uplot@1.6.32";
import type { ChartBar, ChartData } from "../../chart/chart_data.ts";
import type { ChartPoint } from "../../chart/chart_points.ts";
import { durationText } from "../../words.ts";
import { formatTime } from "../times.ts";
import { heightOf } from "./heights.ts";
import { linesFailingIn } from "./outages.ts";
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
  return point ? linesOfPoint(data, point) : linesOfBars(data, idx);
}

function linesOfPoint({ names, outages }: ChartData, point: ChartPoint): string[] {
  const { seqno, createdMs, seconds, reason, line } = point;
  const parts = [`#${seqno}`, formatTime(new Date(createdMs)), durationText(seconds)];
  if (reason !== null) parts.push(`✕ ${reason}`);
  const text = parts.join(" · ");
  if (names.length === 1) return [text];
  const failing = linesFailingIn(outages, createdMs).map((line) => `outage of ${names[line]}`);
  return [names[line] ?? "", text, ...failing];
}

function linesOfBars({ names, outages, bars }: ChartData, idx: number): string[] {
  if (!bars) return [];
  const { startMs, barSeconds, lines } = bars;
  const fromMs = startMs + idx * barSeconds * 1e3;
  const toMs = fromMs + barSeconds * 1e3;
  const failing = linesFailingIn(outages, fromMs, toMs - 1);
  const texts = lines.flatMap((line, i) => {
    const parts = [...partsOf(line[idx]), ...(failing.includes(i) ? ["outage"] : [])];
    return parts.length > 0
      ? [`${names.length > 1 ? `${names[i]}: ` : ""}${parts.join(" · ")}`]
      : [];
  });
  if (texts.length === 0) return [];
  const time = (ms: number) => formatTime(new Date(ms), barSeconds < 60);
  const isTimed = lines.some((line) => (line[idx]?.meanSeconds ?? null) !== null);
  return [
    `${time(fromMs)} to ${time(toMs)}${isTimed ? " · durations of successes" : ""}`,
    ...texts,
  ];
}

function partsOf(bar: ChartBar | undefined): string[] {
  if (!bar || bar.settled === 0) return [];
  const { settled, failed, meanSeconds, longestSeconds } = bar;
  return [
    ...(meanSeconds === null ? [] : [`mean ${durationText(meanSeconds)}`]),
    ...(longestSeconds === null ? [] : [`longest ${durationText(longestSeconds)}`]),
    failed > 0 ? `✕ ${failed} of ${settled} failed` : `${settled} ok`,
  ];
}
