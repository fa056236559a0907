import { assertEquals } from "@std/assert";
import { incidentsOf, type OutageSeries } from "../../../src/prometheus/past/incidents_of.ts";
import type { Series } from "../../../src/prometheus/past/query_range.ts";

const STEP_SECONDS = 300;
const STEP_MS = STEP_SECONDS * 1e3;

/** A dataset that was failing since `since`, in steps, at these steps. */
function failing(since: number, steps: number[], labels: Record<string, string> = {}): Series {
  return {
    labels: { dataset_id: "a", ...labels },
    points: steps.map((step) => ({ atMs: step * STEP_MS, value: since * STEP_SECONDS })),
  };
}

function lost(reason: string, counts: Record<number, number>): Series {
  const points = Object.entries(counts)
    .map(([step, value]) => ({ atMs: Number(step) * STEP_MS, value }));
  return { labels: { dataset_id: "a", reason }, points };
}

/** The last success that was known at these steps. */
function success(at: number, steps: number[], labels: Record<string, string> = {}): Series {
  return failing(at, steps, labels);
}

const END = 10_000;

function read(since: Series[], more: Partial<OutageSeries> = {}, until = END) {
  return incidentsOf({ since, seen: [], successes: [], lastSuccesses: [], lost: [], ...more }, {
    stepSeconds: STEP_SECONDS,
    untilMs: until * STEP_MS,
  });
}

/** Start and end of the incidents of a dataset, in steps; null without an end. */
function spans(since: Series[], more: Partial<OutageSeries> = {}, until = END, datasetId = "a") {
  return read(since, more, until).get(datasetId)
    ?.map(({ startMs, endMs }) => [startMs / STEP_MS, endMs === null ? null : endMs / STEP_MS]);
}

Deno.test("an incident begins when the dataset began to fail, and ends with its last point", () => {
  const reasons = [lost("dns", { 9: 1, 10: 29, 11: 30, 12: 4, 13: 7 }), lost("tls", { 12: 1 })];
  const incidents = read([failing(9.1, [10, 11, 12])], { lost: reasons });
  assertEquals([...incidents], [["a", [{
    startMs: 9.1 * STEP_MS,
    endMs: 12 * STEP_MS,
    lost: 64,
    reasons: { dns: 63, tls: 1 },
    firstSeqno: null,
    endSeqno: null,
    resolutionSeconds: 300,
  }]]]);
});

Deno.test("incidents are newest first, and those of datasets apart", () => {
  const series = [
    failing(1, [2]),
    failing(20, [21, 22]),
    failing(40, [41], { dataset_id: "b" }),
  ];
  assertEquals(spans(series), [[20, 22], [1, 2]]);
  assertEquals(spans(series, {}, END, "b"), [[40, 41]]);
});

Deno.test("a gap of Prometheus does not end an incident that lasts through it", () => {
  assertEquals(spans([failing(1, [2, 3, 30, 31])]), [[1, 31]]);
});

Deno.test("an incident of several probes is one from the first failure to the last", () => {
  const series = [
    failing(1, [2, 3], { location: "x" }),
    failing(2.5, [3, 4, 5], { location: "y" }),
  ];
  assertEquals(spans(series), [[1, 5]]);
});

Deno.test("outages with a success between them are apart, however short it was", () => {
  const series = [failing(1, [2]), failing(2.2, [3, 4])];
  // Known while it failed the second time, in the step that the first one ends in too.
  assertEquals(spans(series, { successes: [success(0.9, [2]), success(2.1, [3, 4])] }), [
    [2.2, 4],
    [1, 2],
  ]);
  const inOneStep = [failing(1.1, [2]), failing(1.6, [2])];
  assertEquals(spans(inOneStep, { successes: [success(1.5, [2])] }), [[1.6, 2], [1.1, 1.6]]);
  // Of another location it says nothing.
  const elsewhere = [success(2.1, [3, 4], { location: "y" })];
  assertEquals(spans(series, { successes: elsewhere }), [[1, 4]]);
});

Deno.test("an outage goes on after a restart without a success, within ten minutes", () => {
  assertEquals(spans([failing(1, [2]), failing(4, [4, 5])]), [[1, 5]]);
  assertEquals(spans([failing(1, [2]), failing(4.1, [5])]), [[4.1, 5], [1, 2]]);
  // A success that was under way when the outage began ends nothing.
  const straggler = [success(1.2, [2, 3, 4])];
  assertEquals(spans([failing(1, [2, 3]), failing(3.1, [4])], { successes: straggler }), [[1, 4]]);
});

Deno.test("an outage lasts until the end when no success is known after it", () => {
  const series = [failing(1, [2, 3])];
  const until = (at: number, lastSuccesses: Series[] = []) => spans(series, { lastSuccesses }, at);
  assertEquals([until(3), until(5), until(5.1)], [[[1, null]], [[1, null]], [[1, 3]]]);
  assertEquals(until(4, [success(0.9, [4])]), [[1, null]]);
  assertEquals(until(4, [success(3.5, [4])]), [[1, 3]]);
});

Deno.test("an outage that began at the end or later is none of the past", () => {
  assertEquals(spans([failing(3, [3])], {}, 3), []);
});

Deno.test("an incident ends when the dataset was seen failing last, and before the next", () => {
  const series = [failing(1, [2, 3]), failing(3.2, [4])];
  const more = {
    seen: [success(2, [2]), success(2.4, [3]), success(3.7, [4])],
    successes: [success(0.9, [2, 3]), success(3.1, [4])],
  };
  assertEquals(spans(series, more), [[3.2, 3.7], [1, 2.4]]);
  const inOneStep = [failing(1.1, [2]), failing(1.6, [2])];
  const both = { seen: [success(1.8, [2])], successes: [success(1.5, [2])] };
  assertEquals(spans(inOneStep, both), [[1.6, 1.8], [1.1, 1.6]]);
});

Deno.test("outages in the same step divide what was lost in it by their time", () => {
  const series = [failing(1.5, [2, 3]), failing(3.5, [4])];
  const incidents = read(series, {
    successes: [success(3.2, [4])],
    lost: [lost("dns", { 2: 30, 3: 20, 4: 9 })],
  }).get("a");
  assertEquals(incidents?.map(({ lost }) => lost), [9, 50]);
  const inOneStep = [failing(1.2, [2]), failing(1.6, [2])];
  const both = read(inOneStep, {
    successes: [success(1.5, [2])],
    lost: [lost("dns", { 2: 24 }), lost("tls", { 3: 5 })],
  }).get("a");
  assertEquals(both?.map(({ reasons }) => reasons), [{ dns: 12 }, { dns: 12 }]);
});

Deno.test("a time in the future begins no incident after its own end", () => {
  assertEquals(spans([failing(99, [2])]), [[2, 2]]);
});

Deno.test("incidents are bounded, the oldest go first, and unknown reasons are left out", () => {
  const many = Array.from({ length: 50 }, (_, i) => failing(10 * i, [10 * i + 1]));
  const incidents = read(many, { lost: [lost("nosuch", { 491: 5 })] }).get("a");
  assertEquals([incidents?.length, incidents?.[0]?.startMs], [20, 490 * STEP_MS]);
  assertEquals([incidents?.[0]?.lost, incidents?.[0]?.reasons], [0, {}]);
});
