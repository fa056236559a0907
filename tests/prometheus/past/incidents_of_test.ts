import { assertEquals } from "@std/assert";
import { incidentsOf } from "../../../src/prometheus/past/incidents_of.ts";
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

/** Start and end of the incidents of a dataset, in steps. */
function spans(since: Series[], datasetId = "a") {
  return incidentsOf(since, [], STEP_SECONDS).get(datasetId)
    ?.map(({ startMs, endMs }) => [startMs / STEP_MS, (endMs ?? NaN) / STEP_MS]);
}

Deno.test("an incident begins when the dataset began to fail, and ends with its last point", () => {
  const reasons = [lost("dns", { 9: 1, 10: 29, 11: 30, 12: 4, 13: 7 }), lost("tls", { 12: 1 })];
  const incidents = incidentsOf([failing(9.1, [10, 11, 12])], reasons, STEP_SECONDS);
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
  assertEquals([spans(series), spans(series, "b")], [[[20, 22], [1, 2]], [[40, 41]]]);
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

Deno.test("outages with less than ten minutes between them are one", () => {
  assertEquals(spans([failing(1, [2]), failing(4, [4, 5])]), [[1, 5]]);
  assertEquals(spans([failing(1, [2]), failing(4.1, [5])]), [[4.1, 5], [1, 2]]);
});

Deno.test("a time in the future begins no incident after its own end", () => {
  assertEquals(spans([failing(99, [2])]), [[2, 2]]);
});

Deno.test("incidents are bounded, the oldest go first, and unknown reasons are left out", () => {
  const many = Array.from({ length: 50 }, (_, i) => failing(10 * i, [10 * i + 1]));
  const incidents = incidentsOf(many, [lost("nosuch", { 491: 5 })], STEP_SECONDS).get("a");
  assertEquals([incidents?.length, incidents?.[0]?.startMs], [20, 490 * STEP_MS]);
  assertEquals([incidents?.[0]?.lost, incidents?.[0]?.reasons], [0, {}]);
});
