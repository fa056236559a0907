import { assertEquals } from "@std/assert";
import type { Cause } from "../../src/core/verdict/dataset_verdict.ts";
import type { Incident, ReasonCounts } from "../../src/core/verdict/rows.ts";
import type { DatasetState } from "../../src/core/verdict/states.ts";
import { type Bar, emptyBar, type Strip } from "../../src/history/bars.ts";
import { History } from "../../src/history/history.ts";
import { type DatasetPast, type KnownIncident, NO_PAST } from "../../src/history/past.ts";

const BAR_MS = 900_000;
const DAY_MS = 96 * BAR_MS;
const TODAY_MS = Date.UTC(2026, 10, 23);
/** The first bar of the day that ends now. */
const FIRST_MS = TODAY_MS - DAY_MS / 2;
const at = (bar: number) => FIRST_MS + bar * BAR_MS;

function bar(startMs: number, settled: number, failed = 0): Bar {
  return { ...emptyBar(startMs), settled, failed };
}

/** The day of a process that began in this bar, with ten tasks in each bar since. */
function ownDay(since: number): Strip {
  const bars = Array.from({ length: 96 }, (_, i) => bar(at(i), i < since ? 0 : 10));
  return { barSeconds: 900, knownSinceMs: at(since) + 1_000, bars };
}

function incident(startMs: number, endMs: number | null, lost: number): Incident {
  return { startMs, endMs, lost, reasons: { dns: lost }, firstSeqno: 1, endSeqno: endMs && 9 };
}

function pastIncident(
  startMs: number,
  endMs: number | null,
  lost: number,
  reasons: ReasonCounts = {},
): KnownIncident {
  return {
    startMs,
    endMs,
    lost,
    reasons,
    firstSeqno: null,
    endSeqno: null,
    resolutionSeconds: 300,
  };
}

function historyOf(
  { since = 50, incidents = [], firstSuccessMs = at(since) + 2_000, past }: {
    since?: number;
    incidents?: Incident[];
    firstSuccessMs?: number | null;
    past?: Partial<DatasetPast>;
  },
) {
  const day = ownDay(since);
  const recorded = {
    memory: {
      knownSinceMs: day.knownSinceMs,
      read: (id: string) => id === "a" ? day : null,
    },
    incidentsOf: () => incidents,
    firstSuccessMsOf: () => firstSuccessMs,
  };
  const found = past && { day: [], daySinceMs: null, quarter: [], incidents: [], ...past };
  return new History(recorded, { of: () => found ?? null, source: NO_PAST.source });
}

Deno.test("a history without a past is what this process has seen", () => {
  const own = incident(at(60), at(61), 4);
  const history = historyOf({ incidents: [incident(at(51), at(52), 3), own] });
  const { day, quarter, incidents, knownSinceMs } = history.of("a")!;
  assertEquals([day, quarter, knownSinceMs], [ownDay(50), null, at(50) + 1_000]);
  assertEquals(incidents.map(({ startMs }) => startMs), [at(60), at(51)]);
  assertEquals(incidents[0], { ...own, resolutionSeconds: 0 });
  assertEquals(history.past().state, "none");
  assertEquals([history.of("b"), history.range("b", "24h")], [null, null]);
});

Deno.test("bars from before this process come from the past, later ones never do", () => {
  const past = [40, 41, 49, 51, 60].map((i) => bar(at(i), 30, i));
  const history = historyOf({ past: { day: past } });
  const { day, knownSinceMs } = history.of("a")!;
  assertEquals([40, 41, 42, 49, 50, 51, 60].map((i) => day.bars[i]), [
    bar(at(40), 30, 40),
    bar(at(41), 30, 41),
    // A gap is no claim.
    bar(at(42), 0),
    bar(at(49), 30, 49),
    bar(at(50), 10),
    bar(at(51), 10),
    bar(at(60), 10),
  ]);
  assertEquals(knownSinceMs, at(40));
  assertEquals(history.range("a", "24h"), day);
  // A shorter range has no past.
  assertEquals(history.range("a", "6h"), ownDay(50));
});

Deno.test("the bar in which the process began is that of whoever has seen more", () => {
  const shown = (settled: number) =>
    historyOf({ past: { day: [bar(at(50), settled, 1)] } }).of("a")?.day.bars[50];
  assertEquals([shown(9), shown(11)], [bar(at(50), 10), bar(at(50), 11, 1)]);
});

Deno.test("bars older than a day are left out", () => {
  const { day, knownSinceMs } = historyOf({ past: { day: [bar(at(-1), 5)] } }).of("a")!;
  assertEquals([day.bars.length, day.bars[0], knownSinceMs], [96, bar(at(0), 0), at(50) + 1_000]);
});

Deno.test("the quarter has 90 days up to today, and says since when it is known", () => {
  const day = (ago: number) => TODAY_MS - ago * DAY_MS;
  const quarter = [bar(day(95), 7), bar(day(89), 800), bar(day(1), 900, 30), bar(day(0), 400)];
  const strip = historyOf({ past: { quarter } }).of("a")!.quarter!;
  assertEquals([strip.barSeconds, strip.bars.length], [86_400, 90]);
  assertEquals(strip.bars[0], bar(day(89), 800));
  assertEquals(strip.bars[1], bar(day(88), 0));
  assertEquals(strip.bars.slice(-2), [bar(day(1), 900, 30), bar(day(0), 400)]);
  assertEquals(strip.knownSinceMs, day(89));
  assertEquals(historyOf({ past: { quarter: [] } }).of("a")!.quarter, null);
});

Deno.test("a day of which nothing is recorded yet is the sum of its quarters of an hour", () => {
  const quarter = [bar(TODAY_MS - 2 * DAY_MS, 800)];
  const strip = historyOf({
    since: 40,
    past: { quarter, day: [bar(at(10), 20, 4), bar(at(39), 5, 1)] },
  }).of("a")!.quarter!;
  assertEquals(strip.bars.slice(-3), [
    bar(TODAY_MS - 2 * DAY_MS, 800),
    // Two bars of the past, and eight of the process.
    bar(TODAY_MS - DAY_MS, 105, 5),
    bar(TODAY_MS, 480),
  ]);
});

Deno.test("incidents from before this process follow its own, newest first, and are bounded", () => {
  const old = Array.from({ length: 25 }, (_, i) => pastIncident(at(30 - i), at(30 - i) + 1, 1));
  // One that began later is the process' own matter.
  const late = pastIncident(at(55), at(56), 1);
  const incidents = [incident(at(60), at(61), 2)];
  const shown = historyOf({ incidents, past: { incidents: [late, ...old] } }).of("a")!.incidents;
  assertEquals(shown.length, 20);
  assertEquals(shown.slice(0, 3).map(({ startMs }) => startMs), [at(60), at(30), at(29)]);
});

/** What lasted when the process began, in which no task has succeeded before `own`. */
function afterRestart(own: Incident[], past: KnownIncident[], firstSuccessMs: number | null) {
  return historyOf({ incidents: own, firstSuccessMs, past: { incidents: past } });
}

Deno.test("an outage that a restart has interrupted is one incident", () => {
  const before = pastIncident(at(45), null, 200, { tls: 150, dns: 50 });
  const own = incident(at(50) + 5_000, at(52), 13);
  assertEquals(historyOf({}).lastIncident("a"), null);
  const older = pastIncident(at(20), at(21), 2);
  const history = afterRestart([own], [before, older], at(52));
  const one = {
    ...own,
    startMs: at(45),
    lost: 213,
    reasons: { tls: 150, dns: 63 },
    resolutionSeconds: 300,
  };
  assertEquals(history.of("a")!.incidents, [one, older]);
  assertEquals(history.lastIncident("a"), one);
});

Deno.test("an outage ended with the first success of the process, unless none has come yet", () => {
  const before = pastIncident(at(45), null, 200);
  const later = incident(at(50) + 9_000, null, 3);
  const ended = { ...before, endMs: at(50) + 5_000 };
  assertEquals(afterRestart([later], [before], at(50) + 5_000).incidents("a"), [
    { ...later, resolutionSeconds: 0 },
    ended,
  ]);
  assertEquals(afterRestart([], [before], at(50) + 5_000).incidents("a"), [ended]);
  assertEquals(afterRestart([], [before], null).incidents("a"), [before]);
});

Deno.test("an outage that was over when the process began is another one", () => {
  const before = pastIncident(at(45), at(50) - 60_000, 200);
  const own = incident(at(50) + 5_000, null, 13);
  assertEquals(afterRestart([own], [before], null).incidents("a"), [
    { ...own, resolutionSeconds: 0 },
    before,
  ]);
});

Deno.test("a dataset has been failing since its outage began, also before a restart", () => {
  const before = pastIncident(at(45), null, 200);
  const own = incident(at(50) + 5_000, null, 13);
  const history = afterRestart([own], [before], null);
  const since = (state: DatasetState, sinceMs: number) =>
    history.sinceMs({ datasetId: "a", state, sinceMs });
  assertEquals(since("failing", own.startMs), at(45));
  assertEquals(since("no_news", own.startMs), own.startMs);
  const over = historyOf({ incidents: [own], past: { incidents: [{ ...before, endMs: at(46) }] } });
  const failing = { datasetId: "a", state: "failing", sinceMs: own.startMs } as const;
  assertEquals(over.sinceMs(failing), own.startMs);
  assertEquals(historyOf({ incidents: [own] }).sinceMs(failing), own.startMs);
});

Deno.test("a dataset has been failing for its first reason since its outage began", () => {
  const own = incident(at(50) + 5_000, null, 13);
  const causeOf = (reasons: ReasonCounts, cause: Cause) =>
    afterRestart([own], [pastIncident(at(45), null, 200, reasons)], null).cause("a", cause);
  const first = { reason: "dns", sinceMs: own.startMs } as const;
  const dns: Cause = { reason: "dns", sinceMs: own.startMs, first };
  const began = { reason: "dns", sinceMs: at(45) } as const;
  assertEquals(causeOf({ dns: 1, tls: 2 }, dns), { ...began, first: began });
  assertEquals(causeOf({}, dns), { ...began, first: began });
  assertEquals(causeOf({ reset: 1, tls: 2 }, dns), {
    ...dns,
    first: { reason: "tls", sinceMs: at(45) },
  });
  const tls: Cause = { reason: "tls", sinceMs: at(51), first };
  assertEquals(causeOf({ dns: 1 }, tls), { ...tls, first: began });
  assertEquals(historyOf({ incidents: [own] }).cause("a", dns), dns);
});

Deno.test("the bar in which the process began keeps the durations that it has seen", () => {
  const day = ownDay(50);
  const own = { ...bar(at(50), 10), meanSeconds: 0.2, longestSeconds: 0.5 };
  const history = new History({
    memory: {
      knownSinceMs: day.knownSinceMs,
      read: () => ({ ...day, bars: day.bars.with(50, own) }),
    },
    incidentsOf: () => [],
    firstSuccessMsOf: () => null,
  }, {
    of: () => ({ day: [bar(at(50), 40, 3)], daySinceMs: null, quarter: [], incidents: [] }),
    source: NO_PAST.source,
  });
  const shown = history.range("a", "24h")?.bars[50];
  assertEquals(shown, { ...own, settled: 40, failed: 3 });
});

Deno.test("the day is known since the first sample, and since a bar where that is not known", () => {
  const known = (daySinceMs: number | null) =>
    historyOf({ past: { day: [bar(at(40), 5)], daySinceMs } }).of("a")?.knownSinceMs;
  assertEquals([known(null), known(at(40) + 425_000)], [at(40), at(40) + 425_000]);
  // The bar of the first sample may have become too old.
  assertEquals(known(at(38)), at(40));
});
