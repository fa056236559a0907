import { assert, assertEquals, assertMatch } from "@std/assert";
import { statusPage } from "../../src/status_page/page.tsx";
import { play, SCENES, textOf } from "../support/status.ts";

const VERDICTS: [scene: keyof typeof SCENES, title: string, words: RegExp][] = [
  ["starting", "Starting", /Starting No task has been settled yet/],
  ["one", "Working: abc123", /Working since 20:01:05 UTC \(15 s\)/],
  ["healthy", "Working: abc123", /ok in 5 min 100 % ok in 1 h 99\.4 % ok in 1 h 56 min 99\.7 %/],
  ["outage", "FAILING: abc123", /Failing since .* \(4 min\) server_error : status 5xx/],
  [
    "few",
    "FAILING: 1 of 3",
    /1 of 3 failing since 20:32:58 UTC \(1 min\), not_found : status 404/,
  ],
  [
    "many",
    "FAILING: 3 of 200",
    /3 of 200 failing since 20:06:15 .*timeout : no complete response .* Page 1 of \d+, the most urgent/,
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
  ["slow", "SLOW: abc123", /Slow 4 slow of 5 tasks in the last 60 s ok in/],
  [
    "mixed",
    "FAILING: 1 of 3",
    /1 of 3 failing since 20:09:01 .* dns : .* 1 unsteady .* unsteady 2 failed of 5 in 60 s befolkning-101/,
  ],
  ["silent", "NO NEWS: abc123", /No news since 20:09:15 UTC \(5 min\), 1 task pending/],
  ["silentFew", "NO NEWS: All 3", /No news: All 3 since 20:09:14 UTC \(5 min\), 1 task pending/],
  ["stalled", "Stalled", /The probe's own schedule has stopped: probe\./],
];

for (const [scene, title, words] of VERDICTS) {
  Deno.test(`the verdict shows the state at a glance: ${scene}`, () => {
    const html = statusPage(play(SCENES[scene])());
    assertEquals(html.match(/<title>(.*?)<\/title>/)?.[1], `${title} · dev · dataplatform-probe`);
    assertMatch(textOf(html), words);
  });
}

Deno.test("the verdict warns of silence, and shows failing datasets first", () => {
  const status = play(SCENES.silentFew)();
  const html = statusPage(status);
  assert(html.includes('<section class="verdict warning"'));
  assertMatch(textOf(html), /no news since 20:09:14 \(5 min\) boligpriser-100/);
  const icon = (html: string) => html.match(/<link rel="icon" [^>]*>/)?.[0];
  assert(icon(html) !== icon(statusPage(play(SCENES.few)())));
  const failing = statusPage({
    ...status,
    tally: { ...status.tally, no_news: 2, failing: 1 },
    outage: { sinceMs: status.nowMs - 27_000, reason: "dns" },
  });
  assertMatch(textOf(failing), /1 of 3 failing since .* \(27 s\), dns : .* no news from 2/);
  // Silent datasets may be on another result page.
  assertMatch(
    textOf(statusPage({ ...status, datasets: [], tracked: { ...status.tracked, PENDING: 12 } })),
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
