/** What the chart of durations shows, as the page carries it from the server to its script. */
import {
  type ChartPoint,
  type Columns,
  columnsOf,
  differences,
  pointsOf,
  sums,
} from "./chart_points.ts";

/** Times are milliseconds since the epoch. */
export type ChartData = {
  fromMs: number;
  toMs: number;
  /** The names of the lines, in the order of their colours. */
  names: string[];
  /** When each of the lines was failing; `line` counts from 0. */
  outages: { line: number; startMs: number; endMs: number }[];
  /** Settled tasks in the order of their creation; null where the chart shows bars. */
  points: ChartPoint[] | null;
  bars: ChartBars | null;
};

/** The bars of each line, all of the same times. */
export type ChartBars = {
  startMs: number;
  barSeconds: number;
  /** So many empty bars in a row are no gap: tasks are further apart than bars. */
  bridged: number;
  lines: ChartBar[][];
};

/** Durations are those of the successes, and null without one. */
export type ChartBar = {
  settled: number;
  failed: number;
  meanSeconds: number | null;
  longestSeconds: number | null;
};

type Encoded = {
  from: number;
  to: number;
  names: string[];
  /** Of each line the starts and ends in turn, as differences that begin at `from`. */
  outages: number[][];
  points: Columns | null;
  bars: { start: number; seconds: number; bridged: number; lines: EncodedLine[] } | null;
};

/** Durations in milliseconds, 0 in a bar without success; `settled` as differences. */
type EncodedLine = { settled: number[]; failed: number[]; mean: number[]; longest: number[] };

/** The data as JSON, with durations to three digits. */
export function encodeChart({ fromMs, toMs, names, outages, points, bars }: ChartData): string {
  const encoded: Encoded = {
    from: Math.round(fromMs),
    to: Math.round(toMs),
    names,
    outages: names.map((_name, nth) => {
      const times = outages.filter(({ line }) => line === nth)
        .flatMap(({ startMs, endMs }) => [startMs, endMs]);
      return differences([fromMs, ...times].map(Math.round)).slice(1);
    }),
    points: points && columnsOf(points),
    bars: bars && {
      start: bars.startMs,
      seconds: bars.barSeconds,
      bridged: bars.bridged,
      lines: bars.lines.map((line) => ({
        settled: differences(line.map(({ settled }) => settled)),
        failed: line.map(({ failed }) => failed),
        mean: line.map(({ meanSeconds }) => toMilliseconds(meanSeconds)),
        longest: line.map(({ longestSeconds }) => toMilliseconds(longestSeconds)),
      })),
    },
  };
  return JSON.stringify(encoded);
}

/** The data that `encodeChart` wrote. */
export function decodeChart(json: string): ChartData {
  const { from, to, names, outages, points, bars }: Encoded = JSON.parse(json);
  return {
    fromMs: from,
    toMs: to,
    names,
    outages: outages.flatMap((differences, line) => {
      const times = sums([from, ...differences]);
      return differences.flatMap((_difference, i) =>
        i % 2 ? [{ line, startMs: times[i] ?? 0, endMs: times[i + 1] ?? 0 }] : []
      );
    }),
    points: points && pointsOf(points),
    bars: bars && {
      startMs: bars.start,
      barSeconds: bars.seconds,
      bridged: bars.bridged,
      lines: bars.lines.map(({ settled, failed, mean, longest }) =>
        sums(settled).map((count, i) => ({
          settled: count,
          failed: failed[i] ?? 0,
          meanSeconds: toSeconds(mean[i]),
          longestSeconds: toSeconds(longest[i]),
        }))
      ),
    },
  };
}

function toMilliseconds(seconds: number | null): number {
  return seconds === null ? 0 : Number((seconds * 1e3).toPrecision(3));
}

function toSeconds(ms = 0): number | null {
  return ms === 0 ? null : ms / 1e3;
}
