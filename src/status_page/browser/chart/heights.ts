/** The chart's data in the form that uPlot draws. */
import type { ChartBar, ChartData } from "../../chart/chart_data.ts";

/** The shortest duration on a logarithmic scale, which has no zero. */
const MIN_SECONDS = 1e-4;

/** Null is a gap in a line; a line goes on over what is undefined. */
type Series = (number | null | undefined)[];

/** Where a duration stands on the scale, seconds. */
export function heightOf(seconds: number): number {
  return Math.max(MIN_SECONDS, seconds);
}

/**
 * The times, and then for each line its successes, and last all failures; or for each line the mean
 * and the longest of its bars.
 */
export function seriesOf({ points, bars, names }: ChartData): [number[], ...Series[]] {
  if (points) {
    return [
      points.map(({ createdMs }) => createdMs / 1e3),
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
      heightsIn(line, ({ meanSeconds }) => meanSeconds, bars?.bridged ?? 0),
      heightsIn(line, ({ longestSeconds }) => longestSeconds, bars?.bridged ?? 0),
    ]),
  ];
}

function heightsIn(
  line: readonly ChartBar[],
  secondsOf: (bar: ChartBar) => number | null,
  bridged: number,
): Series {
  const heights: Series = line.map((bar) => {
    const seconds = secondsOf(bar);
    return bar.settled === 0 ? undefined : seconds === null ? null : heightOf(seconds);
  });
  // A longer row of empty bars is a gap after all.
  let empty = 0;
  for (let i = line.length - 1; i >= 0; i--) {
    empty = line[i]?.settled === 0 ? empty + 1 : 0;
    if (empty > bridged) heights.fill(null, i, i + empty);
  }
  return heights;
}

/** All durations that the chart shows. */
export function heightsOf(data: ChartData): number[] {
  if (data.points) return data.points.map(({ seconds }) => heightOf(seconds));
  const [, ...series] = seriesOf(data);
  return series.flat().filter((height) => typeof height === "number");
}

/** The middle of a bar, seconds since the epoch. */
function middleOf(startMs: number, barSeconds: number, nth: number): number {
  return startMs / 1e3 + (nth + 0.5) * barSeconds;
}
