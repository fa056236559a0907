/** The outages of the chart's lines. */
import type { ChartData } from "../../chart/chart_data.ts";

type Outages = ChartData["outages"];

/** The times in which at least one of the lines was failing, oldest first, apart from each other. */
export function unionOf(outages: Outages): { startMs: number; endMs: number }[] {
  const union: { startMs: number; endMs: number }[] = [];
  for (const { startMs, endMs } of outages.toSorted((a, b) => a.startMs - b.startMs)) {
    const last = union.at(-1);
    if (last && last.endMs >= startMs) last.endMs = Math.max(last.endMs, endMs);
    else union.push({ startMs, endMs });
  }
  return union;
}

/** The lines that were failing at some time from `startMs` to `endMs`, in their order. */
export function linesFailingIn(outages: Outages, startMs: number, endMs = startMs): number[] {
  const failing = outages.filter((outage) => outage.startMs <= endMs && outage.endMs >= startMs);
  return [...new Set(failing.map(({ line }) => line))].sort((a, b) => a - b);
}
