import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Past, PastSource } from "../../src/history/past.ts";
import { viewOf } from "../../src/status_page/view.ts";
import { FakeClock } from "../support/clock.ts";
import { KNOWN, pastBefore, pastIncident } from "../support/past.ts";
import {
  manyIds,
  play,
  playHealth,
  type Scene,
  SCENE_START_MS,
  SCENES,
  statusPage,
  textOf,
  withDetails,
} from "../support/status.ts";

/** The tones of the rows of datasets. */
function rowsOf(html: string): string[] {
  return [...html.matchAll(/<tr class=(failing|ok|warning|starting)>/g)].map(([, tone = ""]) =>
    tone
  );
}

/** The tasks of a dataset fail in these rounds. */
function outageOf(dataset: number, from: number, to: number) {
  return (id: string, round: number) =>
    id.endsWith(`${dataset}`) && round >= from && round < to ? "dns" as const : null;
}

Deno.test("a response body cannot move or hide the text beside it", () => {
  const body = "a\tb\r\nc\nd \u202egnp.exe\u2066 \x1b[2J \x00 \x85 \u200b \u{e0041} \rx å 😀";
  const html = statusPage(withDetails(play({ ...SCENES.outage, body })));
  const [, shown] = html.match(/<pre [^>]*>\s*(.*?)\s*<\/pre>/s) ?? [];
  assertEquals(
    shown,
    "a\tb\r\nc\nd \\u202egnp.exe\\u2066 \\u001b[2J \\u0000 \\u0085 \\u200b \\udb40\\udc41 \\u000dx å 😀",
  );
});

Deno.test("the page shows the message of a failure where it shows the failure", () => {
  const message = `status 500: <b>broke</b> & ${"x".repeat(100)}`;
  const escaped = message.replace("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const one = statusPage(withDetails(play({ ...SCENES.outage, message })));
  assertEquals(one.match(/<p class=message>(.*?)<\/p>/s)?.[1], escaped);
  assert(one.includes(`<dt>Message</dt><dd>${escaped}</dd>`), "no message in the details");
  const several = statusPage(play({ ...SCENES.few, message })());
  const shown = [...several.matchAll(/<span class=message>(.*?)<\/span>/gs)];
  assertEquals(shown.length, 1);
  assertMatch(shown[0]?.[1] ?? "", /^status 500: &lt;b&gt;broke&lt;\/b&gt; .*…$/);
});

Deno.test("the list says that a dataset is not probed", () => {
  for (const scene of [SCENES.few, SCENES.one, SCENES.many]) {
    const html = statusPage(play(scene)({ datasetId: "nosuch\u202e" }));
    assertMatch(
      textOf(html),
      /Datasets nosuch\\u202e is not a dataset of this probe\. Show all datasets/,
    );
    assertEquals(rowsOf(html), []);
    assert(!html.includes("class=strip"), "a strip of another dataset");
  }
});

Deno.test("the list has a row for each dataset, failing ones first, and links its result pages", () => {
  const ask = play(SCENES.many);
  const first = statusPage(ask());
  assertEquals(rowsOf(first).slice(0, 4), ["failing", "failing", "failing", "ok"]);
  assertEquals(rowsOf(first).length, 20);
  assert(first.includes('<a href="?page=2#datasets" rel="next">'), "next");
  const last = statusPage(ask({ page: ask().pages }));
  assert(!last.includes('rel="next">Next'), "no next");
  assert(last.includes('rel="prev">'), "previous");
});

Deno.test("the page of a link from an alert says that the probe started later, and where its tasks begin", () => {
  const ask = play({ rounds: 50 });
  const textOfTasks = (until?: number) =>
    textOf(statusPage(ask({ until }))).match(/Tasks tracked: .*/s)?.[0].replace(/ (?=[,.])/g, "") ??
      "";
  assertMatch(
    textOfTasks(SCENE_START_MS - 1_000),
    /No tracked task matches\. The probe started at 20:01:05 UTC, after the time of this link\. It has no tasks of earlier processes\./,
  );
  const begun = "The probe started at 20:01:05 UTC. It has no tasks of earlier processes.";
  assertStringIncludes(textOfTasks(SCENE_START_MS + 60_000), begun);
  assert(!textOfTasks(SCENE_START_MS + 3_600_000).includes("The probe started"), "an older page");
  assert(!textOfTasks().includes("The probe started"), "no link");
});

Deno.test("the list says how many datasets make room for the details of a task", () => {
  const html = statusPage(play(SCENES.many)({ task: 1, page: 2 }));
  assertEquals(rowsOf(html).length, 10);
  assertMatch(textOf(html), /Page 2 of 10, .*; 10 more without the task's details/);
  assert(html.includes('href="?page=2#datasets"'), "a link");
});

Deno.test("a row says state, figures with the time that they cover, and the last error", () => {
  const text = textOf(statusPage(play(SCENES.few)()));
  assertMatch(text, /24 h ago now ok in 33 min p50 of successes in 33 min p95 Last error/);
  assertMatch(
    text,
    /failing since 20:32:58 \(1 min 31 s\) befolkning-101 33 min 25 s: 9 of 200 tasks failed, worst since 20:30 UTC 95\.5 % [\d.]+ ms [\d.]+ m?s not_found 10 s ago status 404/,
  );
  assertMatch(text, /working boligpriser-100 33 min 25 s: none of 200 tasks failed, 2 slow 100 %/);
});

Deno.test("a part of an ID finds datasets in any case, and the pager keeps it", () => {
  const ask = play(SCENES.many);
  const html = statusPage(ask({ q: "SKOLER" }));
  assertMatch(textOf(html), /Datasets 33 of 200 match/);
  const names = [...html.matchAll(/<th scope=row><a [^>]*>(.*?)<\/a>/gs)].map(([, name]) => name);
  assertEquals(names.length, 20);
  for (const name of names) assertMatch(name ?? "", /^skoler-/);
  assert(html.includes('href="?q=SKOLER&page=2#datasets"'), "the pager");
  assert(html.includes('value="SKOLER"'), "the form");
  assertMatch(
    textOf(statusPage(ask({ q: "<nothing>" }))),
    /No dataset has “&lt;nothing&gt;” in its ID/,
  );
  assert(!statusPage(play(SCENES.few)()).includes('id="search"'), "a search of three datasets");
});

Deno.test("the query for a dataset shows that one with its strip and figures", () => {
  const html = statusPage(play(SCENES.few)({ datasetId: "befolkning-101" }));
  assertEquals(rowsOf(html), []);
  assertMatch(
    textOf(html),
    /befolkning-101 failing since 20:32:58 UTC \(1 min 31 s\) show all datasets ok in 5 min .* p50 of successes in 33 min [\d.]+ ms p95 [\d.]+ m?s .* last error not_found/,
  );
});

Deno.test("a strip has one line for each run of bars that look alike, and none where nothing is known", () => {
  const dayOf = (nth: number) =>
    nth < 10 ? null : { failed: nth === 50 ? 9 : nth === 51 ? 90 : 0, slow: nth > 90 ? 60 : 0 };
  const past = pastBefore(SCENE_START_MS, { dayOf });
  const html = statusPage(play({ ...SCENES.one, past })());
  const [strip = ""] = html.match(/<svg class=strip .*?<\/svg>/s) ?? [];
  const paths = [...strip.matchAll(/<path class=(\w+) d="(.*?)"/g)].map(([, name, d]) =>
    `${name} ${d}`
  );
  assertEquals(paths, [
    "ok M10 16h40M52 16h44",
    "some M50 15h1",
    "most M51 12h1",
    "slow M91 2.5h5",
  ]);
});

Deno.test("a quarter is shown of a single dataset where it is known", () => {
  const past = pastBefore(SCENE_START_MS, {
    dayOf: () => ({}),
    quarterOf: (nth) => ({ failed: nth === 80 ? 45 : 0 }),
  });
  const one = textOf(statusPage(play({ ...SCENES.one, past })()));
  assertMatch(one, /90 days: 45 of 8,100 tasks failed, worst day 2026-11-14/);
  const few = play({ ...SCENES.few, past });
  assert(!textOf(statusPage(few())).includes("90 days"), "a quarter in a list");
  assertMatch(textOf(statusPage(few({ datasetId: "befolkning-101" }))), /90 days: 45 of/);
  assert(!textOf(statusPage(play(SCENES.one)())).includes("90 days"), "an unknown quarter");
});

Deno.test("the page says from when on it knows, and who told", () => {
  const sourceOf = (source: Partial<PastSource>) => {
    const past = pastBefore(SCENE_START_MS, {
      dayOf: () => null,
      source: { ...KNOWN, ...source },
    });
    return textOf(statusPage(play({ ...SCENES.few, past })())).match(/knows since .*?(?= Incid)/)
      ?.[0];
  };
  const since = "knows since 20:01:05 UTC ; ";
  assertEquals(
    textOf(statusPage(play(SCENES.few)())).match(/knows since .*?(?= Incid)/)?.[0],
    `${since}PROMETHEUS_URL is not set`,
  );
  assertEquals(
    sourceOf({ state: "loading", asOfMs: null }),
    `${since}asks Prometheus what was before`,
  );
  assertEquals(
    sourceOf({}),
    `${since}with all probes of dev, from Prometheus as of 20:01:00`,
  );
  assertEquals(
    sourceOf({ location: "oslo" }),
    `${since}with the probes in oslo, from Prometheus as of 20:01:00`,
  );
  assertEquals(
    sourceOf({ state: "failed", failedSinceMs: SCENE_START_MS, problem: "status 503" }),
    `${since}Prometheus cannot be read since 20:01:05 : status 503`,
  );
});

Deno.test("incidents name start, duration, reasons and lost tasks, with a link to those tasks", () => {
  const scene = { ...SCENES.few, reasonOf: outageOf(101, 50, 60) };
  const view = play(scene)();
  const html = statusPage(view).replaceAll("&amp;", "&");
  assertMatch(
    textOf(html),
    /Incidents of all datasets 20:09:28 1 min 39 s befolkning-101 dns 10 10 tasks lost/,
  );
  const [{ firstSeqno, endSeqno } = {}] = view.incidents[0]?.members ?? [];
  assertEquals([firstSeqno, endSeqno], [50 * 3 + 2, 60 * 3 + 2]);
  const address = "?state=failed&dataset_id=befolkning-101&before=182&after=151#tasks";
  assert(html.includes(`href="${address}"`), address);
});

/** The links of the first incident, each with its text and the tasks behind it. */
function lostOf(scene: Scene) {
  const ask = play(scene);
  const html = statusPage(ask({ range: "1h" }));
  const [incident = ""] = html.match(/<ol class=incidents>.*?<\/li>/s) ?? [html];
  return [...incident.matchAll(/<a href="\?([^"]*)#tasks">(.*?)<\/a>/gs)].map(
    ([, to = "", text]) => {
      const query = new URLSearchParams(to.replaceAll("&amp;", "&"));
      const number = (name: string) => query.has(name) ? Number(query.get(name)) : undefined;
      const { backlog } = playHealth(scene);
      const { tasks, next } = backlog.page({
        state: "FAILED",
        datasetId: query.get("dataset_id") ?? undefined,
        before: number("before"),
        after: number("after"),
        limit: 1_000,
      });
      assertEquals([query.get("state"), query.get("range"), next], ["failed", "1h", null]);
      return `${textOf(text ?? "")}: ${tasks.length}`;
    },
  );
}

Deno.test("the link to lost tasks leads to as many as it names, and to no others", () => {
  const datasetIds = manyIds(6);
  // Failures before and after, of these datasets and of others.
  const others = (id: string, round: number) =>
    round === 20 || round === 80 || id.endsWith("5") && round === 55;
  const failing = (ids: string) => (id: string, round: number) =>
    ids.includes(id.slice(-1)) && round >= 50 && round < 60 || others(id, round)
      ? "dns" as const
      : null;
  const scene = (ids: string) => ({ datasetIds, rounds: 100, reasonOf: failing(ids) });
  assertEquals(lostOf(scene("2")), ["10 tasks lost: 10"]);
  assertEquals(lostOf(scene("012345")), ["60 tasks lost: 60"]);
  const three = ["10 of boligpriser-100: 10", "10 of befolkning-101: 10", "10 of trafikk-102: 10"];
  assertEquals(lostOf(scene("012")), three.toReversed());
  assertEquals(lostOf(scene("01234")).length, 3);
  assertMatch(
    textOf(statusPage(play(scene("01234"))())),
    /50 tasks lost: 10 of \S+ , 10 of \S+ , 10 of \S+ and 2 more/,
  );
  assertEquals(lostOf({ ...SCENES.outage }), ["29 tasks lost: 29"]);
});

Deno.test("an incident that goes on after a restart links only what this process has seen", () => {
  const before = { ...pastIncident(SCENE_START_MS - 600_000, 10, { dns: 50 }), endMs: null };
  const past = pastBefore(SCENE_START_MS, { dayOf: () => ({}), incidents: [before] });
  const scene = { rounds: 10, past, reasonOf: () => "dns" as const };
  assertMatch(
    textOf(statusPage(play(scene)())),
    /about 60 tasks lost, those since the restart/,
  );
  assertEquals(lostOf(scene), ["those since the restart: 10"]);
});

Deno.test("an outage that goes on after a restart is said to last since it began, as its incident is", () => {
  const before = { ...pastIncident(SCENE_START_MS - 600_000, 10, { dns: 50 }), endMs: null };
  const past = pastBefore(SCENE_START_MS, { dayOf: () => ({}), incidents: [before] });
  const view = (datasetIds: string[]) =>
    play({ datasetIds, rounds: 10, past, reasonOf: () => "dns" as const })();
  for (const datasetIds of [["abc123"], ["abc123", "def456"]]) {
    const { datasets, outage, incidents } = view(datasetIds);
    assertEquals(datasets.map(({ sinceMs }) => sinceMs), datasetIds.map(() => before.startMs));
    assertEquals(outage.map(({ sinceMs }) => sinceMs), [before.startMs]);
    assertEquals(incidents.map(({ startMs }) => startMs), [before.startMs]);
  }
});

Deno.test("an incident that lasts, and one of all datasets, are said to be so", () => {
  assertMatch(
    textOf(statusPage(play(SCENES.all)())),
    /Incidents of all datasets 20:07:15 35 s so far all 200 datasets server_error 600 600 tasks lost/,
  );
});

Deno.test("incidents that only Prometheus knows are approximate and have no link", () => {
  const incidents = [pastIncident(SCENE_START_MS - 3_600_000, 12, { timeout: 70, dns: 2 })];
  const past = pastBefore(SCENE_START_MS, { dayOf: () => ({}), incidents });
  const html = statusPage(play({ ...SCENES.one, past })());
  assertMatch(
    textOf(html),
    /Incidents 19:01:05 about 12 min timeout 70, dns 2 about 72 tasks lost/,
  );
  assert(!html.includes("tasks lost</a>"), "a link");
});

Deno.test("without incidents the page says since when there was none", () => {
  assertMatch(textOf(statusPage(play(SCENES.one)())), /Incidents No incident since 20:01:05 UTC/);
});

Deno.test("the durations are in words too, and link their ranges", () => {
  const html = statusPage(play(SCENES.few)({ range: "1h", state: "FAILED" }));
  assertMatch(
    textOf(html),
    /Durations of all datasets 5 min 1 h 6 h 24 h befolkning-101 in 33 min: mean of successes [\d.]+ ms, longest [\d.]+ m?s, 9 failed of 200/,
  );
  assert(html.includes('<a href="?state=failed&range=6h#durations">6 h</a>'), "a link");
  assertMatch(html, /range=1h#durations" aria-current="true">/);
  assertMatch(textOf(statusPage(play(SCENES.many)())), /Durations of 3 of 200 datasets/);
});

Deno.test("durations that only this process knows are said to be so, where counts go further back", () => {
  const past = pastBefore(SCENE_START_MS, { dayOf: (nth) => nth < 95 ? { failed: 9 } : null });
  const untimed: Past = {
    ...past,
    of: (id) => {
      const known = past.of(id);
      return known && {
        ...known,
        day: known.day.map((bar) => ({ ...bar, meanSeconds: null, longestSeconds: null })),
      };
    },
  };
  const scene = { ...SCENES.slow, past: untimed };
  const legend =
    /in 24 h: mean of successes [\d.]+ ms, .* failed of [\d,]+, durations known since 20:01:05 UTC/;
  const text = textOf(statusPage(play(scene)({ range: "24h" })));
  assertMatch(text, legend);
  assert(!textOf(statusPage(play(scene)({ range: "1h" }))).includes("durations known"));
});

Deno.test("the legend of several datasets says whose outages are shaded", () => {
  assertMatch(textOf(statusPage(play(SCENES.few)())), / failed of 200 outage of befolkning-101 /);
  assertMatch(
    textOf(statusPage(play(SCENES.all)())),
    / outages of all 3 lines, each with a bar in its colour at the top /,
  );
  assertMatch(textOf(statusPage(play(SCENES.outage)())), / failed of [\d,]+ outage /);
});

Deno.test("the last error is as long ago as it settled", () => {
  const reasonOf = (_id: string, round: number) => round === 49 ? "timeout" as const : null;
  const html = statusPage(play({ rounds: 50, reasonOf })());
  // Created 15 s ago, and three attempts of 2 s.
  assertMatch(textOf(html), /last error timeout 8 s ago/);
});

Deno.test("the worst bar is no whole one where the process began within it", () => {
  const reasonOf = (_id: string, round: number) => round % 2 ? "dns" as const : null;
  assertMatch(
    textOf(statusPage(play({ rounds: 12, reasonOf })())),
    /2 min 5 s: 6 of 12 tasks failed, worst since 20:01:05 UTC/,
  );
  assertMatch(
    textOf(statusPage(play({ ...SCENES.few, reasonOf: outageOf(101, 50, 60) })())),
    /10 of 200 tasks failed, worst from 20:01:05 to 20:15 UTC/,
  );
});

Deno.test("ages and times since the start do not follow a wall clock that is set", () => {
  const sources = playHealth({ rounds: 12 });
  const { clock } = sources;
  assert(clock instanceof FakeClock);
  const said = () => {
    const text = textOf(statusPage(viewOf({ page: 1 }, sources)));
    return [/ pending \S+ (\S+ \S+) …/, / task per dataset every 10 s for ([^,]+),/]
      .map((pattern) => text.match(pattern)?.[1]);
  };
  assertEquals(said(), ["5 s", "2 min 5 s"]);
  clock.setWallClock(2 * 3600_000);
  assertEquals(said(), ["5 s", "2 min 5 s"]);
});

Deno.test("the schedule is folded away unless something is wrong there", () => {
  assert(statusPage(play(SCENES.one)()).includes('<details id="schedule">'));
  assert(
    statusPage(play(SCENES.stalled)()).includes('<details id="schedule" class=bad open="">'),
  );
  const view = play(SCENES.one)();
  const skipped = { ...view.schedule, skipped: { late: 1, in_flight: 0 } };
  assertMatch(
    textOf(statusPage({ ...view, schedule: skipped })),
    /slots were skipped .* Skipped since the start, probe late 1/,
  );
  assertMatch(
    textOf(statusPage({ ...view, schedule: { ...view.schedule, isLate: true } })),
    /for 15 s, most slots late Loops most slots late/,
  );
});

Deno.test("the details say that a task is not tracked", () => {
  assertMatch(
    textOf(statusPage(play(SCENES.one)({ task: 99 }))),
    /Task 99 Close This task is not tracked\./,
  );
});

Deno.test("the tracked tasks are counted of the dataset that is shown", () => {
  const ask = play(SCENES.few);
  const countsOf = (query = {}) =>
    textOf(statusPage(ask(query))).match(/tracked: .*? failed (of all datasets|of \S+)?/)?.[0];
  assertEquals(countsOf(), "tracked: 1 pending, 591 succeeded, 9 failed of all datasets");
  assertEquals(
    countsOf({ datasetId: "befolkning-101" }),
    "tracked: 0 pending, 191 succeeded, 9 failed of befolkning-101",
  );
});
