import { assert, assertEquals } from "@std/assert";
import { RequestError } from "../../../src/http_client/errors.ts";
import { BodyTooLarge } from "../../../src/http_client/response.ts";
import { PrometheusPast } from "../../../src/prometheus/past/prometheus_past.ts";
import type { RangeQuery, Series } from "../../../src/prometheus/past/query_range.ts";
import type { Scope } from "../../../src/prometheus/past/queries.ts";
import { FakeClock } from "../../support/clock.ts";
import { OBJECTIVES } from "../rules/rules_of.ts";

const MINUTE_MS = 60_000;
const BAR_MS = 15 * MINUTE_MS;
const DAY_MS = 96 * BAR_MS;
/** 12:07 of a day. */
const STARTED_MS = Date.UTC(2026, 10, 23, 12, 7);

type Answer = Series[] | Error | Promise<Series[]>;

/** What a Prometheus has: one value for each kind of query at each time, for dataset `a`. */
function known(query: RangeQuery): Series[] {
  const one = (value: (atMs: number) => number | null, labels: Record<string, string> = {}) => {
    const points: Series["points"] = [];
    for (let atMs = query.startMs; atMs <= query.endMs; atMs += query.stepSeconds * 1e3) {
      const found = value(atMs);
      if (found !== null) points.push({ atMs, value: found });
    }
    return points.length > 0 ? [{ labels: { dataset_id: "a", ...labels }, points }] : [];
  };
  switch (kindOf(query)) {
    case "failed":
      return one(() => 1);
    case "slow":
      return one(() => 2);
    case "failing": {
      // Failing from 10:00 to 10:20 of the day before.
      const startMs = STARTED_MS - DAY_MS - 127 * MINUTE_MS;
      const endMs = startMs + 20 * MINUTE_MS;
      return one((atMs) => atMs > startMs && atMs <= endMs ? startMs / 1e3 : null);
    }
    case "seen":
    case "success":
      return [];
    case "lost":
      return one(() => 30, { reason: "dns" });
    default:
      return one(() => 90);
  }
}

function kindOf({ expression }: RangeQuery): string {
  if (/^min by \(dataset_id\) \(min_over_time\(timestamp/.test(expression)) return "beginning";
  if (/last_success/.test(expression)) return "success";
  if (/^max_over_time\(timestamp/.test(expression)) return "seen";
  if (/:since|_since/.test(expression)) return "failing";
  if (/:lost|failures/.test(expression)) return "lost";
  if (/history_slow|_bucket/.test(expression)) return "slow";
  return /history_failed|^round\(sum by \(dataset_id\) \(increase\(\w+_failed_total\{[^}]*\}\[15m\]\)\)\)$/
      .test(expression)
    ? "failed"
    : "settled";
}

function start({ answer = known as (query: RangeQuery) => Answer, datasetIds = ["a"] } = {}) {
  const clock = new FakeClock({ wallMs: STARTED_MS });
  const stop = new AbortController();
  const queries: (RangeQuery & { atMs: number })[] = [];
  const changes: (string | null)[] = [];
  const world = { answer };
  let [running, most] = [0, 0];
  const scope: Scope = { environment: "dev", location: null };
  const past = new PrometheusPast({
    clock,
    random: { fraction: () => 0.5 },
    async queryRange(query) {
      queries.push({ ...query, atMs: clock.now() - STARTED_MS });
      most = Math.max(most, ++running);
      try {
        const answered = await world.answer(query);
        if (answered instanceof Error) throw answered;
        return answered;
      } finally {
        running--;
      }
    },
    datasetIds,
    scope,
    objectives: OBJECTIVES,
    startedMs: STARTED_MS,
    signal: stop.signal,
    onChange: (error) => changes.push(error instanceof Error ? error.message : null),
  });
  past.start();
  /** The queries of the given time, and of each reading its instant. */
  const run = async (ms: number) => {
    const from = queries.length;
    await clock.run(ms);
    return queries.slice(from);
  };
  return { clock, past, queries, changes, stop, world, run, most: () => most };
}

Deno.test("the past has bars, days and incidents, each from a query of its own", async () => {
  const { past, run, most, clock } = start();
  assertEquals([past.of("a"), past.source().state], [null, "loading"]);
  const queries = await run(MINUTE_MS);
  assertEquals(queries.map(kindOf), [
    ...["settled", "failed", "slow"],
    ...["settled", "failed", "slow"],
    // What is recorded, and the last day.
    ...["failing", "failing"],
    ...["seen", "seen"],
    ...["success", "success", "success"],
    ...["lost", "lost"],
  ]);
  assertEquals([most(), new Set(queries.map(({ atMs }) => atMs))], [1, new Set([1_000])]);
  const { day = [], quarter = [], incidents = [] } = past.of("a") ?? {};
  const counts = { settled: 90, failed: 1, slow: 2, meanSeconds: null, longestSeconds: null };
  // 12:00, in which the process began, is the last one.
  assertEquals(day.length, 96);
  assertEquals(day.at(-1), { startMs: STARTED_MS - 7 * MINUTE_MS, ...counts });
  assertEquals(day[0]?.startMs, STARTED_MS - 7 * MINUTE_MS - 95 * BAR_MS);
  const yesterdayMs = Date.UTC(2026, 10, 22);
  assertEquals([quarter.length, quarter.at(-1)], [90, { startMs: yesterdayMs, ...counts }]);
  assertEquals(incidents, [{
    startMs: Date.UTC(2026, 10, 22, 10),
    // Steps end where the process began.
    endMs: Date.UTC(2026, 10, 22, 10, 17),
    lost: 120,
    reasons: { dns: 120 },
    firstSeqno: null,
    endSeqno: null,
    resolutionSeconds: 300,
  }]);
  assertEquals(past.source(), {
    state: "known",
    asOfMs: STARTED_MS + 1_000,
    failedSinceMs: null,
    problem: null,
    location: null,
  });
  assertEquals(clock.waiting, 1);
});

Deno.test("the past is read every five minutes; what cannot change any more is not", async () => {
  const { run } = start();
  await run(2_000);
  const second = await run(5 * MINUTE_MS);
  assertEquals([second.length, new Set(second.map(({ atMs }) => atMs))], [15, new Set([301_000])]);
  await run(5 * MINUTE_MS);
  const later = await run(DAY_MS);
  assertEquals(
    new Set(later.map(({ expression }) => /history_/.test(expression))),
    new Set([true]),
  );
  assertEquals(later.length, 3 * DAY_MS / (5 * MINUTE_MS));
});

Deno.test("what was known stays while readings fail, and each turn is told once", async () => {
  const { past, run, world, changes } = start();
  await run(MINUTE_MS);
  const before = past.of("a");
  world.answer = () => new RequestError("http", "status 500");
  // After 20 s, 40 s, 80 s and so on.
  const failed = await run(10 * MINUTE_MS);
  assertEquals(failed.map(({ atMs }) => (atMs - 301_000) / 1e3), [0, 20, 60, 140, 300]);
  assertEquals(past.of("a"), before);
  assertEquals(past.source(), {
    state: "failed",
    asOfMs: STARTED_MS + 1_000,
    failedSinceMs: STARTED_MS + 301_000,
    problem: "status 500",
    location: null,
  });
  world.answer = () => new RequestError("connect", "connect ECONNREFUSED");
  await run(30 * MINUTE_MS);
  assertEquals([past.source().problem, changes], ["connect ECONNREFUSED", ["status 500"]]);
  world.answer = known;
  await run(5 * MINUTE_MS);
  assertEquals([past.source().state, past.source().failedSinceMs], ["known", null]);
  assertEquals(changes, ["status 500", null]);
});

Deno.test("a part that was read is shown, whatever becomes of the next one", async () => {
  const isDay = ({ stepSeconds }: RangeQuery) => stepSeconds === 86_400;
  const { past, run } = start({
    answer: (query) => isDay(query) ? new RequestError("timeout", "late") : known(query),
  });
  await run(MINUTE_MS);
  assertEquals([past.of("a")?.day.length, past.of("a")?.quarter], [96, []]);
  assertEquals([past.source().state, past.source().asOfMs], ["failed", null]);
});

Deno.test("a Prometheus that never responds leaves one query waiting, and the past unknown", async () => {
  const { past, run, stop, clock } = start({ answer: () => new Promise<Series[]>(() => {}) });
  assertEquals((await run(DAY_MS)).length, 1);
  assertEquals([past.of("a"), past.source().state], [null, "loading"]);
  stop.abort();
  assertEquals(clock.waiting, 0);
});

Deno.test("no reading follows the end of the probe", async () => {
  const { run, stop } = start();
  await run(MINUTE_MS);
  stop.abort();
  assertEquals(await run(DAY_MS), []);
});

Deno.test("without recorded series there are no days, and the incidents of one day", async () => {
  const { past, run } = start({
    answer: (query) => /dataset:/.test(query.expression) ? [] : known(query),
  });
  const queries = await run(MINUTE_MS);
  const last = queries.at(-1)!;
  assertEquals([kindOf(last), last.stepSeconds], ["failing", 300]);
  assertEquals([last.endMs, last.startMs], [STARTED_MS, STARTED_MS - DAY_MS + 5 * MINUTE_MS]);
  assertEquals([past.of("a")?.day.length, past.of("a")?.quarter], [96, []]);
});

Deno.test("a Prometheus that knows nothing is no failure", async () => {
  const { past, run } = start({ answer: () => [] });
  await run(MINUTE_MS);
  assertEquals(past.of("a"), { day: [], daySinceMs: null, quarter: [], incidents: [] });
  assertEquals([past.source().state, past.source().problem], ["known", null]);
});

Deno.test("of 200 datasets a bounded number is asked for at once", async () => {
  const datasetIds = Array.from({ length: 200 }, (_, i) => `dataset.${i}`);
  const { run } = start({ datasetIds });
  const queries = await run(MINUTE_MS);
  const idsIn = ({ expression }: RangeQuery) => expression.match(/dataset\\\\\.\d+/g) ?? [];
  for (const query of queries) {
    const points = 1 + (query.endMs - query.startMs) / (query.stepSeconds * 1e3);
    // Most of those that look for incidents have no points.
    if (query.stepSeconds === 300) assert([29 * 288 + 1, 288].includes(points), `${points}`);
    else assert(new Set(idsIn(query)).size * points <= 2_500, kindOf(query));
  }
  const asked = queries.filter((query) => kindOf(query) === "slow" && query.stepSeconds === 900)
    .flatMap(idsIn);
  assertEquals(new Set(asked).size, 200);
});

Deno.test("a response that is too large is asked for in halves", async () => {
  const datasetIds = ["a", "b", "c"];
  const idsIn = ({ expression }: RangeQuery) =>
    expression.match(/dataset_id=~"([^"]*)"/)?.[1]?.split("|") ?? [];
  const { past, run } = start({
    datasetIds,
    answer(query) {
      if (kindOf(query) !== "failing") return known(query);
      const ids = idsIn(query);
      return ids.length > 1 ? new BodyTooLarge() : ids[0] === "a" ? known(query) : [];
    },
  });
  const queries = await run(MINUTE_MS);
  const asked = queries.filter((query) => kindOf(query) === "failing").map(idsIn);
  const halves = [["a", "b", "c"], ["a", "b"], ["a"], ["b"], ["c"]];
  assertEquals(asked, [...halves, ...halves]);
  assertEquals([past.of("a")?.incidents.length, past.source().state], [1, "known"]);
});

Deno.test("one dataset whose response is too large is a problem", async () => {
  const { past, run } = start({ answer: () => new BodyTooLarge() });
  assertEquals((await run(5_000)).length, 1);
  assertEquals(past.source().problem, "the body is larger than 1048576 bytes");
});

Deno.test("the first sample tells since when bars are known, asked of whom they begin within the day", async () => {
  const firstMs = STARTED_MS - 3 * 60 * MINUTE_MS - 7 * MINUTE_MS;
  const { past, run } = start({
    datasetIds: ["a", "b"],
    answer(query) {
      if (kindOf(query) === "beginning") {
        const { startMs: atMs } = query;
        return [{ labels: { dataset_id: "a" }, points: [{ atMs, value: firstMs / 1e3 + 0.25 }] }];
      }
      // `b` is known for longer than a day.
      return known(query).flatMap((series) => [
        { ...series, points: series.points.filter(({ atMs }) => atMs > firstMs) },
        { ...series, labels: { ...series.labels, dataset_id: "b" } },
      ]);
    },
  });
  const queries = await run(MINUTE_MS);
  const [asked, ...more] = queries.filter((query) => kindOf(query) === "beginning");
  assertEquals([asked?.expression.includes('"a"'), more], [true, []]);
  assertEquals([past.of("a")?.daySinceMs, past.of("b")?.daySinceMs], [firstMs + 250, null]);
});

Deno.test("an outage that lasts until the process begins is known with the first reading", async () => {
  const sinceMs = STARTED_MS - 100_000;
  const { past, run } = start({
    answer(query) {
      if (kindOf(query) === "lost") {
        return [{ labels: { dataset_id: "a", reason: "dns" }, points: [point(query.endMs, 9)] }];
      }
      const isNew = kindOf(query) === "failing" && query.endMs > sinceMs;
      const points = [point(query.endMs, sinceMs / 1e3)];
      return isNew ? [{ labels: { dataset_id: "a" }, points }] : [];
    },
  });
  await run(MINUTE_MS);
  const incident = past.of("a")?.incidents[0];
  assertEquals([incident?.startMs, incident?.endMs, incident?.lost], [sinceMs, null, 9]);
});

function point(atMs: number, value: number) {
  return { atMs, value };
}
