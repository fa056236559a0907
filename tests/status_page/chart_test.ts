import { assert, assertEquals } from "@std/assert";
import { seriesOf } from "../../src/status_page/browser/chart/heights.ts";
import { timeSplits } from "../../src/status_page/browser/chart/time_axis.ts";
import { linesFailingIn, unionOf } from "../../src/status_page/browser/chart/outages.ts";
import { placeTip } from "../../src/status_page/browser/chart/place.ts";
import {
  type ChartData,
  decodeChart,
  encodeChart,
} from "../../src/status_page/chart/chart_data.ts";
import type { ChartPoint } from "../../src/status_page/chart/chart_points.ts";
import { pastBefore } from "../support/past.ts";
import { play, SCENE_START_MS, SCENES } from "../support/status.ts";

const NOTHING: ChartData = {
  fromMs: 0,
  toMs: 300_000,
  names: ["abc123"],
  outages: [],
  points: [],
  bars: null,
};

const pointsOf = (points: ChartPoint[]) =>
  decodeChart(encodeChart({ ...NOTHING, points })).points ?? [];

Deno.test("chart points are decoded as they were encoded, with durations to three digits", () => {
  const { chart } = play(SCENES.outage)({ range: "5m" });
  const given = chart.points ?? [];
  assert(given.length > 20, `${given.length} points`);
  const points = pointsOf(given);
  const whole = ({ line, seqno, createdMs, reason }: ChartPoint) => ({
    line,
    seqno,
    createdMs: Math.round(createdMs),
    reason,
  });
  assertEquals(points.map(whole), given.map(whole));
  points.forEach(({ seconds }, i) => {
    const wanted = given[i]?.seconds ?? NaN;
    assert(Math.abs(seconds - wanted) <= wanted / 100, `${seconds} is not ${wanted}`);
  });
});

Deno.test("chart points are encoded in the order of their times, and may be none", () => {
  const early = { line: 1, seqno: 2, createdMs: 1_000, seconds: 0.1, reason: "timeout" };
  const late = { line: 0, seqno: 1, createdMs: 2_000, seconds: 0.2, reason: null };
  assertEquals(pointsOf([late, early]), [early, late]);
  assertEquals(pointsOf([]), []);
});

Deno.test("chart bars are decoded as they were encoded; one without success has no duration", () => {
  const data: ChartData = {
    ...NOTHING,
    names: ["a", "b"],
    outages: [
      { line: 0, startMs: 70_000, endMs: 90_000 },
      { line: 1, startMs: 60_000, endMs: 120_000 },
      { line: 1, startMs: 10_000, endMs: 20_000 },
    ],
    points: null,
    bars: {
      startMs: 0,
      barSeconds: 60,
      bridged: 1,
      lines: [
        [{ settled: 6, failed: 0, meanSeconds: 0.0842, longestSeconds: 1.5 }],
        [{ settled: 6, failed: 6, meanSeconds: null, longestSeconds: null }],
      ],
    },
  };
  assertEquals(decodeChart(encodeChart(data)), data);
});

Deno.test("a line bridges bars without tasks where those are rarer than bars, and no longer gap", () => {
  const bar = (settled: number, failed = 0) => ({
    settled,
    failed,
    meanSeconds: settled > failed ? 0.1 : null,
    longestSeconds: settled > failed ? 0.2 : null,
  });
  const line = [bar(1), bar(0), bar(1), bar(0), bar(0), bar(1, 1), bar(1)];
  const bars = { startMs: 0, barSeconds: 5, bridged: 1, lines: [line] };
  const [times, means, longest] = seriesOf({ ...NOTHING, points: null, bars });
  assertEquals(times, [2.5, 7.5, 12.5, 17.5, 22.5, 27.5, 32.5]);
  assertEquals(means, [0.1, undefined, 0.1, null, null, null, 0.1]);
  assertEquals(longest, [0.2, undefined, 0.2, null, null, null, 0.2]);
});

Deno.test("the marks of an axis of times are round, and at most as many as fit", () => {
  const zone = new Date(0).getTimezoneOffset() * 60;
  const from = Date.UTC(2026, 10, 23, 20, 1, 5) / 1e3;
  for (const [seconds, count, step] of [[300, 10, 30], [3_600, 8, 600], [86_400, 12, 7_200]]) {
    const marks = timeSplits(from, from + (seconds ?? 0), count ?? 0);
    assert(marks.length <= (count ?? 0) + 1, `${marks}`);
    for (const mark of marks) {
      assertEquals((mark - zone) % (step ?? 1), 0);
      assert(mark >= from && mark <= from + (seconds ?? 0));
    }
  }
});

Deno.test("a chart of 5 minutes has the newest settled tasks, a longer one has bars", () => {
  const ask = play(SCENES.outage);
  const short = ask({ range: "5m" }).chart;
  assert(short.points?.every(({ createdMs }) => createdMs >= ask().nowMs - 305_000));
  assertEquals(ask({ range: "1h" }).chart.points, null);
  assertEquals(ask({ range: "6h" }).chart.lines[0]?.strip.barSeconds, 300);
});

Deno.test("a chart shows what suits the time that is known, unless a range is asked for", () => {
  assertEquals(play(SCENES.one)().chart.range, "5m");
  assertEquals(play(SCENES.outage)().chart.range, "1h");
  const past = pastBefore(SCENE_START_MS, { dayOf: () => ({}) });
  assertEquals(play({ ...SCENES.one, past })().chart.range, "5m");
  assertEquals(play({ rounds: 3, intervalSeconds: 600 })().chart.range, "6h");
  assertEquals(play(SCENES.one)({ range: "24h" }).chart.range, "24h");
});

Deno.test("a chart of many datasets has lines of the three most urgent that are shown", () => {
  const ask = play(SCENES.many);
  const { datasets, chart } = ask({ range: "5m" });
  assertEquals(
    chart.lines.map(({ datasetId }) => datasetId),
    datasets.slice(0, 3).map(({ datasetId }) => datasetId),
  );
  assertEquals(chart.points, null);
  const [, second = ""] = ask().datasetIds;
  const one = ask({ range: "5m", datasetId: second }).chart;
  assertEquals([one.lines.length, one.points === null], [1, false]);
});

Deno.test("a chart shades the outages of its datasets that reach into its range", () => {
  const { chart, datasets, nowMs } = play(SCENES.outage)({ range: "1h" });
  assertEquals(chart.outages, [{ line: 0, startMs: datasets[0]?.sinceMs ?? 0, endMs: null }]);
  const long = play({ ...SCENES.outage, silentSeconds: 7_200 })({ range: "5m" });
  assertEquals(long.chart.outages[0]?.startMs, long.chart.lines[0]?.strip.bars[0]?.startMs);
  assert(nowMs > 0);
});

Deno.test("a task that times out after the end of its outage is drawn within the outage", () => {
  const reasonOf = (_id: string, round: number) => round >= 40 && round < 50 ? "timeout" : null;
  const view = play({ rounds: 60, intervalSeconds: 1, reasonOf })({ range: "5m" });
  const [outage] = view.chart.outages;
  const failed = view.chart.points?.filter(({ reason }) => reason !== null) ?? [];
  assertEquals(failed.length, 10);
  const late = failed.filter(({ createdMs, seconds }) =>
    createdMs + seconds * 1e3 > (outage?.endMs ?? Infinity)
  );
  assert(late.length > 0, "none settles after the outage");
  for (const { createdMs } of failed) {
    assert(createdMs >= (outage?.startMs ?? Infinity) && createdMs < (outage?.endMs ?? 0));
  }
});

Deno.test("a chart of several datasets says whose its outages are", () => {
  const { chart } = play(SCENES.few)({ range: "1h" });
  const [{ line, endMs } = { line: NaN, endMs: NaN }, ...others] = chart.outages;
  assertEquals([chart.lines[line]?.datasetId, endMs, others], ["befolkning-101", null, []]);
});

Deno.test("outages of several lines are shaded as one where they touch, and have their lines", () => {
  const outages = [
    { line: 2, startMs: 70, endMs: 80 },
    { line: 0, startMs: 10, endMs: 40 },
    { line: 1, startMs: 20, endMs: 30 },
    { line: 1, startMs: 40, endMs: 50 },
  ];
  assertEquals(unionOf(outages), [{ startMs: 10, endMs: 50 }, { startMs: 70, endMs: 80 }]);
  assertEquals(linesFailingIn(outages, 25), [0, 1]);
  assertEquals(linesFailingIn(outages, 31, 39), [0]);
  assertEquals(linesFailingIn(outages, 51, 69), []);
  assertEquals(linesFailingIn(outages, 0, 100), [0, 1, 2]);
});

Deno.test("a tip stands beside its point within the plot, wherever the point is", () => {
  const tip = { width: 120, height: 40 };
  for (const plot of [{ width: 800, height: 200 }, { width: 200, height: 200 }]) {
    for (let x = 0; x <= plot.width; x += 10) {
      for (let y = 0; y <= plot.height; y += 10) {
        const { left, top } = placeTip({ x, y }, tip, plot);
        const what = `point ${x},${y} and tip ${left},${top} in ${plot.width}`;
        assert(left >= 0 && left + tip.width <= plot.width, what);
        assert(top >= 0 && top + tip.height <= plot.height, what);
        const covers = x > left && x < left + tip.width && y > top && y < top + tip.height;
        assert(!covers, what);
      }
    }
  }
});
