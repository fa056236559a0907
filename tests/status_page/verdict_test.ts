import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Reason } from "../../src/core/reasons.ts";
import { manyIds, play, type Scene, SCENES, statusPage, textOf } from "../support/status.ts";

const VERDICTS: [scene: keyof typeof SCENES, title: string, words: RegExp][] = [
  ["starting", "Starting", /Starting No task has been settled yet/],
  ["one", "Working: abc123", /Working since 20:01:05 UTC \(15 s\)/],
  ["healthy", "Working: abc123", /ok in 5 min 100 % ok in 1 h 99\.4 % ok in 1 h 56 min 99\.7 %/],
  ["outage", "FAILING: abc123", /Failing since .* \(4 min 55 s\) server_error : status 5xx/],
  [
    "few",
    "FAILING: 1 of 3",
    /1 of 3 failing since 20:32:58 UTC \(1 min 31 s\), not_found : status 404/,
  ],
  [
    "many",
    "FAILING: 3 of 200",
    /3 of 200 failing 2 since 20:06:15 UTC \(1 min 34 s\), timeout : no complete response in time 1 since 20:06:17 \(1 min 32 s\), not_found : status 404 .* Page 1 of \d+, the most urgent/,
  ],
  [
    "all",
    "FAILING: All 200",
    /All 200 failing since 20:07:15 UTC \(35 s\), server_error : status 5xx/,
  ],
  [
    "unsteady",
    "UNSTEADY: abc123",
    /Unsteady 2 failed of 5 tasks in the last 60 s reset : the connection ended/,
  ],
  [
    "slow",
    "SLOW: abc123",
    /Slow 4 slow of 5 tasks in the last 60 s, p50 2\.0\d s \(SLO_LATENCY_SECONDS is 1\) ok in/,
  ],
  [
    "mixed",
    "FAILING: 1 of 3",
    /1 of 3 failing since 20:09:01 .* dns : .* 1 unsteady .* unsteady 2 failed of 5 in 60 s befolkning-101/,
  ],
  ["silent", "NO NEWS: abc123", /No news since 20:09:15 UTC \(5 min 15 s\), 1 task pending/],
  [
    "silentFew",
    "NO NEWS: All 3",
    /No news: All 3 since 20:09:14 UTC \(5 min 14 s\), 1 task pending/,
  ],
  ["stalled", "Stalled", /The probe's own schedule has stopped: probe\./],
];

for (const [scene, title, words] of VERDICTS) {
  Deno.test(`the verdict shows the state at a glance: ${scene}`, () => {
    const html = statusPage(play(SCENES[scene])());
    assertEquals(html.match(/<title>(.*?)<\/title>/)?.[1], `${title} · dev · dataplatform-probe`);
    assertMatch(textOf(html), words);
  });
}

Deno.test("the verdict says when the probe itself is late, until its schedule has stopped", () => {
  const late =
    /The probe itself is late: more than half of its slots in the last 60 s ran more than 20 ms/;
  const view = play(SCENES.slow)();
  const schedule = { ...view.schedule, isLate: true };
  assert(!late.test(textOf(statusPage(view))));
  assertMatch(textOf(statusPage({ ...view, schedule })), late);
  const stalled = play(SCENES.stalled)();
  assert(!late.test(textOf(statusPage({ ...stalled, schedule }))));
});

Deno.test("the verdict warns of silence, and shows failing datasets first", () => {
  const status = play(SCENES.silentFew)();
  const html = statusPage(status);
  assert(html.includes('<section class="verdict warning"'));
  assertMatch(textOf(html), /no news since 20:09:14 \(5 min 14 s\) boligpriser-100/);
  const icon = (html: string) => html.match(/<link rel="icon" [^>]*>/)?.[0];
  assert(icon(html) !== icon(statusPage(play(SCENES.few)())));
  const failing = statusPage({
    ...status,
    tally: { ...status.tally, no_news: 2, failing: 1 },
    outage: [{ reason: "dns", datasets: 1, sinceMs: status.nowMs - 27_000, earlier: null }],
  });
  assertMatch(textOf(failing), /1 of 3 failing since .* \(27 s\), dns : .* no news from 2/);
  // Silent datasets may be on another result page.
  assertMatch(
    textOf(statusPage({ ...status, datasets: [], pending: 12 })),
    /No news: All 3 12 tasks pending/,
  );
});

Deno.test("the verdict names no longer window than the probe has run for", () => {
  const young = play({ rounds: 3, reasonOf: (_id, round) => round === 1 ? "dns" : null });
  assertMatch(textOf(statusPage(young())), /Unsteady 1 failed of 3 tasks in the last 35 s/);
});

Deno.test("the verdict of a probe that stops or starts is neutral", () => {
  assertMatch(textOf(statusPage(play({ rounds: 3, draining: true })())), /Stopping/);
  const starting = textOf(statusPage(play(SCENES.starting)()));
  assert(!starting.includes("ok in"), "a share of nothing");
  assertMatch(starting, /No incident since 20:01:05 UTC/);
  assert(!starting.includes("NaN") && !starting.includes("undefined"));
});

/** The verdict's own text. */
function summaryOf(scene: Scene): string {
  const html = statusPage(play(scene)());
  return textOf(html.match(/<section class="verdict .*?<\/section>/s)?.[0] ?? "").trim();
}

Deno.test("the verdict on several datasets gives each reason its own beginning", () => {
  const datasetIds = manyIds(4);
  const scene = (laterOfFirst: Reason) => ({
    datasetIds,
    rounds: 40,
    reasonOf: (id: string, round: number) =>
      id.endsWith("0") && round >= 30
        ? round >= 37 ? laterOfFirst : "not_found" as const
        : round >= 37
        ? "server_error" as const
        : null,
  });
  assertEquals(
    summaryOf(scene("not_found")),
    "All 4 failing 3 since 20:07:17 UTC (32 s), server_error : status 5xx " +
      "1 since 20:06:05 (1 min 45 s), not_found : status 404",
  );
  assertEquals(
    summaryOf(scene("server_error")),
    "All 4 failing since 20:07:15 UTC (35 s), server_error : status 5xx; " +
      "1 of them since 20:06:05 (1 min 45 s), not_found at first",
  );
});

Deno.test("the verdict lists three reasons of an outage, and counts the others", () => {
  const reasons: Reason[] = ["dns", "dns", "tls", "tls", "reset", "timeout", "http"];
  const datasetIds = manyIds(7);
  assertMatch(
    summaryOf({ datasetIds, rounds: 3, reasonOf: (id) => reasons[datasetIds.indexOf(id)] ?? null }),
    /^All 7 failing 2 since .*, dns : .* 2 since .*, tls : .* 1 since .*, reset : .* 2 for other reasons$/,
  );
});

Deno.test("the verdict after an outage says why tasks failed, and when it ended", () => {
  const reasonOf = (id: string, round: number) =>
    round < 34 || round >= 38 ? null : id.endsWith("0") && round < 36 ? "dns" : "server_error";
  assertEquals(
    summaryOf({ datasetIds: manyIds(2), rounds: 40, reasonOf }),
    "All 2 unsteady 7 failed of 11 tasks in the last 60 s, server_error 6, dns 1 " +
      "last outage ended at 20:07:30 UTC (20 s ago)",
  );
  assertMatch(
    summaryOf({ rounds: 40, reasonOf }),
    /^Unsteady 3 failed of 5 tasks in the last 60 s, last outage ended at 20:07:25 UTC \(25 s ago\)/,
  );
});

Deno.test("the verdict on slow datasets says how slow they are", () => {
  assertMatch(
    summaryOf({
      datasetIds: manyIds(2),
      rounds: 50,
      secondsOf: (round) => round > 40 ? 2 : null,
    }),
    /^All 2 slow p50 2\.0\d s( to 2\.0\d s)? \(SLO_LATENCY_SECONDS is 1\) in the last 60 s$/,
  );
});

Deno.test("the verdict that all works is not green while nothing is heard", () => {
  const scene = (silentSeconds: number) => ({ datasetIds: manyIds(3), rounds: 50, silentSeconds });
  const toneOf = (seconds: number) =>
    statusPage(play(scene(seconds))()).match(/<section class="verdict (\w+)"/)?.[1];
  assertEquals([0, 15].map(toneOf), ["ok", "starting"]);
  assertEquals(summaryOf(scene(0)), "All 3 working 3 datasets are probed");
  assertEquals(
    summaryOf(scene(15)),
    "All 3 working last news 23 s ago, 1 task pending",
  );
  // A red or yellow verdict stays what it is.
  const failing = { ...scene(15), reasonOf: () => "dns" as const };
  assertMatch(summaryOf(failing), /^All 3 failing .* last news 23 s ago, 1 task pending$/);
});
