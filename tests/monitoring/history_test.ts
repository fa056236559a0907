import { assert, assertEquals } from "@std/assert";
import { stringify } from "@std/yaml/stringify";
import { systemClock } from "../../src/core/clock.ts";
import { STATE_NUMBERS } from "../../src/core/verdict/states.ts";
import type { Bar } from "../../src/history/bars.ts";
import { WITHOUT_PROXY } from "../../src/http_client/connection/proxy.ts";
import { createExchange } from "../../src/http_client/exchange.ts";
import { TlsClient } from "../../src/http_client/tls/tls.ts";
import { METRICS } from "../../src/prometheus/definitions.ts";
import { PrometheusPast } from "../../src/prometheus/past/prometheus_past.ts";
import { createQueryRange } from "../../src/prometheus/past/query_range.ts";
import type { Scope } from "../../src/prometheus/past/queries.ts";
import { rules } from "../../src/prometheus/rules/rules.ts";
import { OBJECTIVES } from "../prometheus/rules/rules_of.ts";
import { eventually } from "../support/program.ts";
import { WITHOUT_PROMETHEUS } from "../support/prometheus_tools.ts";
import { startWithPast } from "./prometheus.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const SCRAPE_MS = 2 * MINUTE_MS;
const TASKS_A_MINUTE = 6;

/** When the process begins that asks for the past. */
const STARTED_MS = Math.floor(Date.now() / SCRAPE_MS) * SCRAPE_MS;
const FROM_MS = STARTED_MS - 3 * DAY_MS;

type Span = readonly [startMs: number, endMs: number];

/** What one probe has lived through, up to `STARTED_MS`. */
type Life = {
  labels: Record<string, string>;
  outages: readonly Span[];
  slow: readonly Span[];
  /** Times in which Prometheus has scraped nothing. */
  gaps: readonly Span[];
  /** When another process took the place of the first one: its counters begin at 0. */
  restarts: readonly number[];
};

const before = (hours: number, minutes = 0) => STARTED_MS - hours * HOUR_MS - minutes * MINUTE_MS;
const OLD_OUTAGE: Span = [before(30), before(29, 30)];
const OUTAGE: Span = [before(5), before(4, 40)];
const GAP: Span = [before(20), before(19)];
const SLOW: Span = [before(10), before(8)];
const RESTART_MS = before(12);

const LIVES: Life[] = [
  {
    labels: { dataset_id: "a", environment: "dev", location: "x" },
    outages: [OLD_OUTAGE, OUTAGE],
    slow: [SLOW],
    gaps: [GAP],
    restarts: [RESTART_MS],
  },
  {
    // In another location it failed longer, on one occasion.
    labels: { dataset_id: "a", environment: "dev", location: "y" },
    outages: [[OUTAGE[0] + 2 * MINUTE_MS, OUTAGE[1] + 30 * MINUTE_MS]],
    slow: [],
    gaps: [],
    restarts: [],
  },
  {
    // Fails until the process begins.
    labels: { dataset_id: "b.c", environment: "dev", location: "x" },
    outages: [[before(2), STARTED_MS]],
    slow: [],
    gaps: [],
    restarts: [],
  },
  {
    // Another environment, which must not be seen.
    labels: { dataset_id: "a", environment: "prod", location: "x" },
    outages: [[FROM_MS, STARTED_MS]],
    slow: [],
    gaps: [],
    restarts: [],
  },
];

const isIn = (spans: readonly Span[], ms: number) =>
  spans.some(([startMs, endMs]) => ms >= startMs && ms < endMs);

type Scrapes = { fromMs: number; scrapeMs: number };

/** The samples that Prometheus would have, in OpenMetrics. */
function samplesOf(
  lives: readonly Life[],
  scrapes: Scrapes = { fromMs: FROM_MS, scrapeMs: SCRAPE_MS },
): string {
  const lines = lives.flatMap((life, i) => linesOf(life, String(i), scrapes));
  return `${lines.join("\n")}\n# EOF\n`;
}

function linesOf(
  { labels, outages, slow, gaps, restarts }: Life,
  name: string,
  { fromMs, scrapeMs }: Scrapes,
): string[] {
  const lines: string[] = [];
  const { succeeded, failed, failures, duration, state, stateSince, lastSuccess } = METRICS;
  const tasks = TASKS_A_MINUTE * scrapeMs / MINUTE_MS;
  let lastSuccessMs: number | null = null;
  let counts = { succeeded: 0, failed: 0, fast: 0 };
  let process = 0;
  let sinceMs = fromMs;
  let wasFailing = false;
  for (let ms = fromMs; ms <= STARTED_MS; ms += scrapeMs) {
    if (restarts.includes(ms)) {
      counts = { succeeded: 0, failed: 0, fast: 0 };
      process++;
      lastSuccessMs = null;
      if (wasFailing) sinceMs = ms;
    } else if (ms > fromMs) {
      // What was settled since the last scrape.
      const fails = isIn(outages, ms - scrapeMs);
      counts[fails ? "failed" : "succeeded"] += tasks;
      if (!fails && !isIn(slow, ms - scrapeMs)) counts.fast += tasks;
      if (fails !== wasFailing) sinceMs = ms - scrapeMs;
      if (!fails) lastSuccessMs = ms;
      wasFailing = fails;
    }
    if (isIn(gaps, ms)) continue;
    const write = (metric: string, value: number, more: Record<string, string> = {}) => {
      const all = { ...labels, job: "probe", app_id: `${name}${process}`, ...more };
      const text = Object.entries(all).map(([key, value]) => `${key}="${value}"`).join(",");
      lines.push(`${metric}{${text}} ${value} ${ms / 1e3}`);
    };
    write(succeeded.name, counts.succeeded);
    write(failed.name, counts.failed);
    write(failures.name, counts.failed, { reason: "dns" });
    write(failures.name, 0, { reason: "tls" });
    write(`${duration.name}_bucket`, counts.fast, { outcome: "succeeded", le: "1" });
    write(`${duration.name}_count`, counts.succeeded, { outcome: "succeeded" });
    write(state.name, STATE_NUMBERS[wasFailing ? "failing" : "working"]);
    write(stateSince.name, sinceMs / 1e3);
    if (lastSuccessMs !== null) write(lastSuccess.name, lastSuccessMs / 1e3);
  }
  return lines;
}

/** The recording rules that the past is read from: those that read samples, and the others. */
function historyRules(): string[] {
  const groups = rules(OBJECTIVES).groups.filter(({ name }) => /-(incidents|history)$/.test(name));
  assertEquals(groups.length, 2);
  return [false, true].map((isDerived) =>
    stringify({
      groups: groups.map((group) => ({
        ...group,
        rules: group.rules.filter(({ expr }) => /dataset:/.test(expr) === isDerived),
      })),
    })
  );
}

/** The past of these datasets as the probe reads it. */
async function readPast(
  url: string,
  { datasetIds = ["a", "b.c"], ...scope }: Partial<Scope> & { datasetIds?: string[] } = {},
) {
  const stop = new AbortController();
  const exchange = await createExchange({
    clock: systemClock,
    tls: new TlsClient(systemClock),
    resolve: () => Promise.reject(new Error("no name is resolved")),
    proxyFor: WITHOUT_PROXY,
    diagnose: (error) => Promise.resolve(error),
  });
  const past = new PrometheusPast({
    clock: systemClock,
    random: { fraction: () => 0 },
    queryRange: createQueryRange({
      exchange,
      clock: systemClock,
      url,
      timeoutMs: 30_000,
      readToken: () => Promise.resolve(null),
      redact: (text) => text,
    }),
    datasetIds,
    scope: { environment: "dev", location: null, ...scope },
    objectives: OBJECTIVES,
    startedMs: STARTED_MS,
    signal: stop.signal,
    onChange: () => {},
  });
  past.start();
  try {
    await eventually("the past is known", () => past.source().state !== "loading");
    assertEquals(past.source().problem, null);
    return past;
  } finally {
    stop.abort();
  }
}

/** Prometheus extrapolates an increase to the whole window. */
function assertNear(actual: number, expected: number, share: number, what: string) {
  assert(Math.abs(actual - expected) <= share * expected, `${what}: ${actual}, not ${expected}`);
}

/** Whether a bar lies within a time, but for this margin. */
function inside({ startMs }: Bar, barMs: number, [fromMs, toMs]: Span): boolean {
  return startMs >= fromMs && startMs + barMs <= toMs;
}

Deno.test({
  name: "the past comes from a real Prometheus: bars, days and incidents, with gaps and restarts",
  ignore: WITHOUT_PROMETHEUS,
  async fn(t) {
    await using prometheus = await startWithPast(samplesOf(LIVES), historyRules(), {
      startSeconds: FROM_MS / 1e3,
      endSeconds: STARTED_MS / 1e3,
    });

    await t.step("of one location", async () => {
      const past = (await readPast(prometheus.url, { location: "x" })).of("a")!;
      const barMs = 15 * MINUTE_MS;
      for (const bar of past.day) {
        const time = new Date(bar.startMs).toISOString();
        const { settled, failed, slow } = bar;
        // Not those at the edge of something.
        const isWhole = inside(bar, barMs, [0, STARTED_MS]) &&
          ![GAP, OUTAGE, SLOW].some(([fromMs, toMs]) =>
            [fromMs, toMs].some((ms) => ms > bar.startMs - barMs && ms < bar.startMs + 2 * barMs)
          );
        if (!isWhole) continue;
        // A restart takes the tasks between the last scrape before it and the first one after it.
        const isRestarted = RESTART_MS >= bar.startMs && RESTART_MS < bar.startMs + barMs;
        assertNear(settled, 15 * TASKS_A_MINUTE, isRestarted ? 0.3 : 0.15, time);
        assertEquals(failed, 0, time);
        assertEquals(slow > 0, inside(bar, barMs, SLOW), time);
      }
      const during = (span: Span) => past.day.filter((bar) => inside(bar, barMs, span));
      assertEquals(during(GAP), []);
      const outage = past.day.filter(({ failed }) => failed > 0);
      const lost = outage.reduce((sum, { failed }) => sum + failed, 0);
      assertNear(lost, 20 * TASKS_A_MINUTE, 0.15, "failures of the outage");
      assert(outage.length >= 2 && outage.length <= 3, `${outage.length} bars with failures`);
      for (const { settled, slow } of during(SLOW)) assertEquals(slow, settled);

      assertEquals(past.incidents.map(({ startMs }) => startMs), [OUTAGE[0], OLD_OUTAGE[0]]);
      for (const [i, [startMs, endMs]] of [OUTAGE, OLD_OUTAGE].entries()) {
        const incident = past.incidents[i]!;
        const lateMs = (incident.endMs ?? 0) - endMs;
        assert(lateMs > -5 * MINUTE_MS && lateMs <= 5 * MINUTE_MS, `ends ${lateMs} ms late`);
        const expected = (endMs - startMs) / MINUTE_MS * TASKS_A_MINUTE;
        assertNear(incident.lost, expected, 0.1, "lost");
        assertEquals(incident.reasons, { dns: incident.lost });
      }

      // Two or three whole days, by the time of day at which the test runs.
      const wholeDays = past.quarter.filter(({ startMs }) => startMs >= FROM_MS);
      assertEquals(wholeDays.length, 2);
      for (const day of wholeDays) {
        const minutes = (spans: readonly Span[]) =>
          spans.reduce((sum, [fromMs, toMs]) => {
            const endMs = Math.min(toMs, day.startMs + DAY_MS);
            return sum + Math.max(0, endMs - Math.max(fromMs, day.startMs)) / MINUTE_MS;
          }, 0);
        const time = new Date(day.startMs).toISOString();
        const expected = (1_440 - minutes([GAP])) * TASKS_A_MINUTE;
        assertNear(day.settled, expected, 0.05, time);
        const failed = minutes([OLD_OUTAGE, OUTAGE]) * TASKS_A_MINUTE;
        assert(Math.abs(day.failed - failed) <= 15, `${time}: ${day.failed}, not ${failed}`);
      }
    });

    await t.step("of all locations", async () => {
      const past = await readPast(prometheus.url);
      const { day, incidents } = past.of("a")!;
      const quiet = day.filter((bar) => inside(bar, 15 * MINUTE_MS, [before(17), before(13)]));
      assert(quiet.length >= 15);
      for (const { settled } of quiet) assertNear(settled, 180, 0.15, "of two probes");
      // From the first failure of any to the last of any.
      assertEquals(incidents.map(({ startMs }) => startMs), [OUTAGE[0], OLD_OUTAGE[0]]);
      const lateMs = (incidents[0]?.endMs ?? 0) - (OUTAGE[1] + 30 * MINUTE_MS);
      assert(Math.abs(lateMs) <= 5 * MINUTE_MS, `ends ${lateMs} ms late`);
      // An ID with a dot, which fails until the process begins.
      const [last] = past.of("b.c")!.incidents;
      assertEquals([last?.startMs, last?.endMs], [before(2), null]);
    });

    await t.step("of an environment or a dataset that is not there", async () => {
      const nothing = { day: [], daySinceMs: null, quarter: [], incidents: [] };
      assertEquals((await readPast(prometheus.url, { environment: null })).of("a"), nothing);
      assertEquals((await readPast(prometheus.url, { datasetIds: ["d"] })).of("d"), nothing);
    });
  },
});

Deno.test({
  name: "without recorded series a real Prometheus has bars and the incidents of a day",
  ignore: WITHOUT_PROMETHEUS,
  async fn() {
    await using prometheus = await startWithPast(samplesOf(LIVES.slice(0, 1)), [], {
      startSeconds: FROM_MS / 1e3,
      endSeconds: STARTED_MS / 1e3,
    });
    const past = (await readPast(prometheus.url)).of("a")!;
    assert(past.day.length > 80, `${past.day.length} bars`);
    assertEquals(past.quarter, []);
    assertEquals(past.incidents.map(({ startMs }) => startMs), [OUTAGE[0]]);
    assertNear(past.incidents[0]!.lost, 120, 0.1, "lost");
  },
});

/** Outages across the steps in which they are looked for, an hour apart, newest first. */
function shortOutages(beforeMs: number): Span[] {
  return [[90, 40], [240, 100], [720, 170]].map(([seconds = 0, early = 0], i): Span => {
    const startMs = STARTED_MS - beforeMs - i * HOUR_MS - early * 1e3;
    return [startMs, startMs + seconds * 1e3];
  });
}

Deno.test({
  name: "a real Prometheus has short outages, and tells how many tasks were lost in them",
  ignore: WITHOUT_PROMETHEUS,
  async fn() {
    const justBefore: Span = [STARTED_MS - 150_000, STARTED_MS - 60_000];
    // Two within a step, with successes between them.
    const pairMs = STARTED_MS - HOUR_MS + 20_000;
    const pair: Span[] = [[pairMs, pairMs + 60_000], [pairMs + 120_000, pairMs + 180_000]];
    // The probe restarts in the midst of it, and none succeeds before it goes on.
    const interrupted: Span = [STARTED_MS - 6 * HOUR_MS, STARTED_MS - 6 * HOUR_MS + 8 * MINUTE_MS];
    const outages = [
      justBefore,
      ...pair.toReversed(),
      ...shortOutages(2 * HOUR_MS),
      interrupted,
      ...shortOutages(26 * HOUR_MS),
    ];
    const life: Life = {
      labels: { dataset_id: "a", environment: "dev" },
      outages,
      slow: [],
      gaps: [],
      restarts: [interrupted[0] + 3 * MINUTE_MS],
    };
    const fromMs = before(29, 30);
    const samples = samplesOf([life], { fromMs, scrapeMs: 10_000 });
    await using prometheus = await startWithPast(samples, historyRules(), {
      startSeconds: fromMs / 1e3,
      endSeconds: STARTED_MS / 1e3,
    });
    const { incidents, daySinceMs } = (await readPast(prometheus.url)).of("a")!;
    assertEquals(daySinceMs, null);
    assertEquals(incidents.map(({ startMs }) => startMs), outages.map(([startMs]) => startMs));
    const tasksIn = ([startMs, endMs]: Span) => (endMs - startMs) / MINUTE_MS * TASKS_A_MINUTE;
    for (const [i, outage] of outages.entries()) {
      // Outages within a step share what was lost in it.
      const share = pair.includes(outage) ? 0.5 : 0.1;
      assertNear(incidents[i]?.lost ?? 0, tasksIn(outage), share, `outage ${i}`);
      const lateMs = (incidents[i]?.endMs ?? 0) - outage[1];
      assert(Math.abs(lateMs) <= MINUTE_MS, `outage ${i} ends ${lateMs} ms late`);
    }
    const lost = incidents.reduce((sum, incident) => sum + incident.lost, 0);
    assertNear(lost, outages.reduce((sum, each) => sum + tasksIn(each), 0), 0.05, "all outages");
  },
});

Deno.test({
  name: "a real Prometheus tells since when it has scraped a probe",
  ignore: WITHOUT_PROMETHEUS,
  async fn() {
    const fromMs = before(3) + 7 * MINUTE_MS + 10_000;
    const life: Life = {
      labels: { dataset_id: "a", environment: "dev" },
      outages: [],
      slow: [],
      gaps: [],
      restarts: [],
    };
    const samples = samplesOf([life], { fromMs, scrapeMs: 10_000 });
    await using prometheus = await startWithPast(samples, [], {
      startSeconds: fromMs / 1e3,
      endSeconds: STARTED_MS / 1e3,
    });
    assertEquals((await readPast(prometheus.url)).of("a")?.daySinceMs, fromMs);
  },
});
