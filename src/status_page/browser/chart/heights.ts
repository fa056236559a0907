/** The chart's data in the form that uPlot draws. */
import type { ChartData } from "../../chart/chart_data.ts";

/** The shortest duration on a logarithmic scale, which has no zero. */
const MIN_SECONDS = 1e-4;

/** Where a duration stands on the scale, seconds. */
export function heightOf(seconds: number): number {
  return Math.max(MIN_SECONDS, seconds);
}

/**
 * The times, and then for each line its successes, and last all failures; or for each line the mean
 * and the longest of its bars.
 */
export function seriesOf({ points, bars, names }: ChartData): [number[], ...(number | null)[][]] {
  if (points) {
    return [
      points.map(({ settledMs }) => settledMs / 1e3),
      ...names.map((_name, line) =>
        points.map((point) =>
          point.line === line && point.reason === null ? heightOf(point.seconds) : null
        )
      ),
      // Not a line, but the scale must have room for them.
      points.map(({ reason, seconds }) => reason === null ? null : heightOf(seconds)),
    ];
  }
  const lines = bars?.lines ?? [];
  return [
    (lines[0] ?? []).map((_bar, i) => middleOf(bars?.startMs ?? 0, bars?.barSeconds ?? 0, i)),
    ...lines.flatMap((line) => [
      line.map(({ meanSeconds }) => meanSeconds === null ? null : heightOf(meanSeconds)),
      line.map(({ longestSeconds }) => longestSeconds === null ? null : heightOf(longestSeconds)),
    ]),
  ];
}

/** All durations that the chart shows. */
export function heightsOf(data: ChartData): number[] {
  if (data.points) return data.points.map(({ seconds }) => heightOf(seconds));
  const [, ...series] = seriesOf(data);
  return series.flat().filter((height) => height !== null);
}

/** The middle of a bar, seconds since the epoch. */
function middleOf(startMs: number, barSeconds: number, nth: number): number {
  return startMs / 1e3 + (nth + 0.5) * barSeconds;
}
