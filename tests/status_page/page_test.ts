import { assert, assertEquals, assertMatch } from "@std/assert";
import { durationText, ratioText, spanText } from "../../src/status_page/words.ts";
import type { StatusQuery, StatusView } from "../../src/status_page/view.ts";
import { pagePolicy, statusPage } from "../../src/status_page/page.tsx";
import { PHASES } from "../../src/core/task.ts";
import { REASONS } from "../../src/core/reasons.ts";
import { NOTHING_YET } from "../support/server.ts";
import { manyIds, play, SCENES } from "../support/status.ts";

type Ask = ReturnType<typeof play>;

/** The page with the newest failed task's detail open. */
function withDetail(ask: Ask, query: StatusQuery): StatusView {
  const failed = ask({ ...query, state: "FAILED" }).tasks[0];
  return ask({ ...query, state: "FAILED", task: failed?.seqno });
}

/** What a reader sees of the page, without its script, style and timings. */
function textOf(html: string): string {
  return html
    .replaceAll(/<(script|style).*?<\/\1>/gs, "")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll("&#39;", "'")
    .replaceAll(/[\s\u00a0]+/g, " ");
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`;
}

const longIds = manyIds(200).map((id) => id.padEnd(128, "x"));

Deno.test("the page is smaller than 100 kB, whatever it shows", () => {
  const scenes = {
    ...SCENES,
    longest: { ...SCENES.all, datasetIds: longIds, body: '"'.repeat(512) },
  };
  for (const [name, scene] of Object.entries(scenes)) {
    const ask = play(scene);
    const { datasetIds } = ask();
    const [datasetId] = datasetIds;
    const asked = [
      ask(),
      withDetail(ask, { page: 1 }),
      withDetail(ask, { page: 1, datasetId, reason: "server_error" }),
    ];
    for (const status of asked) {
      const { length } = new TextEncoder().encode(statusPage(status));
      assert(length < 100_000, `${name}: ${length} bytes`);
    }
  }
});

Deno.test("the policy allows the page's own script and style, and these alone", async () => {
  const policy = pagePolicy();
  const html = statusPage(NOTHING_YET);
  const [, style] = html.match(/<style>(.*?)<\/style>/s) ?? [];
  const [, script] = html.match(/<script>(.*?)<\/script>/s) ?? [];
  assert(policy.startsWith("default-src 'none'; "), policy);
  assert(policy.includes(`; script-src ${await hashOf(script)}; `), policy);
  assert(policy.includes(`; style-src ${await hashOf(style)}; `), policy);
  assert(!policy.includes("unsafe"), policy);
});

Deno.test("a browser that has script and style is spared them, and nothing else", () => {
  const status = play(SCENES.outage)();
  const minimal = statusPage(status, { minimal: true });
  assert(!minimal.includes("<style"), minimal);
  assertEquals(
    minimal,
    statusPage(status).replaceAll(/<(script|style)>.*?<\/\1>/gs, ""),
  );
});

Deno.test("the page has no inline style, no handler, and asks nobody else for anything", () => {
  for (const scene of Object.values(SCENES)) {
    const html = statusPage(withDetail(play(scene), { page: 1 }))
      .replaceAll(/<(script|style)>.*?<\/\1>/gs, "");
    assertEquals(html.match(/<[^>]* (style|on\w+)=[^>]*>/g), null);
    // No address begins with a host or a path: a proxy may have put one before it.
    const known = /^(\?.*|#.*|metrics|tasks|data:image.*)$/;
    const addresses = [...html.matchAll(/ (?:src|href|action)="([^"]*)"/g)].map(([, to]) => to);
    assertEquals(addresses.filter((address) => !known.test(address)), []);
  }
});

Deno.test("what comes from the platform is text", () => {
  const html = statusPage(withDetail(play(SCENES.outage), { page: 1 }));
  assert(html.includes("&lt;script&gt;alert(&quot;no&quot;)&lt;/script&gt;&lt;img src=x"), html);
  assert(!html.includes("<img"), html);
  const typed = statusPage(play(SCENES.many)({ datasetId: '"><img src=x>' }));
  assert(typed.includes('value="&quot;&gt;&lt;img src=x&gt;"'), typed);
  assert(!typed.includes("<img"), typed);
});

const SAID: [scene: keyof typeof SCENES, title: string, words: RegExp][] = [
  ["starting", "Starting", /Starting No task has been settled yet/],
  ["one", "OK: abc123", /Working since 20:01:05 UTC \(14 s\)/],
  ["healthy", "OK: abc123", /ok in 5 m 100 % ok in 1 h 99\.4 % ok in 24 h 99\.7 %/],
  ["outage", "FAILING: abc123", /Failing since .* \(4 min\) server_error : the answer was a 5xx/],
  [
    "few",
    "FAILING: 1 of 3",
    /1 of 3 failing since 20:32:58 UTC \(1 min\), not_found : the answer was 404/,
  ],
  [
    "many",
    "FAILING: 3 of 200",
    /3 of 200 failing since 20:06:17 .*timeout : no full .* page 1 of \d+/,
  ],
  ["all", "FAILING: All 200", /All 200 failing since 20:07:15 UTC \(34 s\), server_error : the/],
  ["silent", "NO NEWS: abc123", /No news since 20:09:15 UTC \(5 min\), 1 task waits/],
  ["silentFew", "NO NEWS: All 3", /No news: All 3 since 20:09:15 UTC \(5 min\), 1 task waits/],
  ["stalled", "Stalled", /The probe's own schedule has stopped: probe\./],
];

for (const [scene, title, words] of SAID) {
  Deno.test(`the page says at once how it stands: ${scene}`, () => {
    const html = statusPage(play(SCENES[scene])());
    assert(html.includes(`<title>${title} · dataplatform-probe</title>`), html.slice(0, 300));
    assertMatch(textOf(html), words);
  });
}

Deno.test("silence is a warning, and what fails besides comes first", () => {
  const status = play(SCENES.silentFew)();
  const html = statusPage(status);
  assert(html.includes('<section class="verdict warning"'), html);
  assertMatch(textOf(html), /boligpriser-100 no news since 20:09:15 \(5 min\)/);
  const icon = (html: string) => html.match(/<link rel="icon" [^>]*>/)?.[0];
  assert(icon(html) !== icon(statusPage(play(SCENES.few)())));
  const failing = statusPage({
    ...status,
    tally: { starting: 0, ok: 0, silent: 2, failing: 1 },
    worst: { sinceMs: status.nowMs - 27_000, reason: "dns" },
  });
  assertMatch(textOf(failing), /1 of 3 failing since .* \(27 s\), dns : .* no news of 2/);
  // Silent ones may stand on another page than this.
  assertMatch(
    textOf(statusPage({ ...status, datasets: [], tracked: { ...status.tracked, PENDING: 12 } })),
    /No news: All 3 12 tasks wait/,
  );
});

Deno.test("nothing in a body moves or hides what stands beside it", () => {
  const body = "a\tb\r\nc\nd \u202egnp.exe\u2066 \x1b[2J \x00 \x85 \u200b \u{e0041} \rx å 😀";
  const html = statusPage(withDetail(play({ ...SCENES.outage, body }), { page: 1 }));
  const [, shown] = html.match(/<pre [^>]*>\s*(.*?)\s*<\/pre>/s) ?? [];
  assertEquals(
    shown,
    "a\tb\r\nc\nd \\u202egnp.exe\\u2066 \\u001b[2J \\u0000 \\u0085 \\u200b \\ue0041 \\u000dx å 😀",
  );
});

Deno.test("a dataset that is not probed is said to be so", () => {
  for (const scene of [SCENES.few, SCENES.one, SCENES.many]) {
    const html = statusPage(play(scene)({ datasetId: "nosuch\u202e" }));
    assertMatch(textOf(html), /Datasets nosuch\\u202e is not probed here\. Show what is/);
    assert(!html.includes("<li class="), "no other dataset");
    assertEquals(textOf(html).includes("Last task"), false);
  }
});

Deno.test("bars of several datasets have one key, and where there are none there is none", () => {
  const keys = (html: string) => html.match(/<p class="keys">.*?<\/p>/gs) ?? [];
  const [key = "", ...others] = keys(statusPage(play(SCENES.few)()));
  assertEquals(others, []);
  assertEquals(textOf(key).trim(), PHASES.join(" "));
  assertEquals(keys(statusPage(play(SCENES.many)())), []);
  assertEquals(keys(statusPage(play(SCENES.few)({ datasetId: "befolkning-101" }))), []);
});

Deno.test("a probe that stops says so, and one whose first task is not settled shows nothing false", () => {
  assertMatch(textOf(statusPage(play({ rounds: 3, draining: true })())), /Stopping/);
  const starting = textOf(statusPage(play(SCENES.starting)()));
  assertMatch(starting, /ok in 5 m – ok in 1 h – ok in 24 h –/);
  assertMatch(starting, /No tracked task has failed\./);
  assert(!starting.includes("NaN") && !starting.includes("undefined"), starting);
});

Deno.test("a dataset's words are its own, failing ones come first, and pages lead on", () => {
  const ask = play(SCENES.many);
  const first = statusPage(ask());
  const cards = [...first.matchAll(/<li class="(failing|ok|silent|starting)">/g)].map(([, tone]) =>
    tone
  );
  assertEquals(cards.slice(0, 4), ["failing", "failing", "failing", "ok"]);
  assert(first.includes('<a href="?page=2" rel="next">'), "next");
  const last = statusPage(ask({ page: ask().pages }));
  assert(!last.includes('rel="next">Next'), "no next");
  assert(last.includes('rel="prev">'), "previous");
});

Deno.test("links keep what is asked for, and change what they are for", () => {
  const query = { state: "FAILED", datasetId: "abc123", reason: "server_error" } as const;
  const status = play(SCENES.outage)(query);
  const html = statusPage(status).replaceAll("&amp;", "&");
  const kept = "state=failed&dataset_id=abc123&reason=server_error";
  const [{ seqno }] = status.tasks;
  assert(html.includes(`href="?${kept}&task=${seqno}#detail"`), "a task");
  assert(html.includes(`href="?${kept}&before=${status.next}#tasks" rel="next"`), "older");
  assert(html.includes('<option selected="">failed</option>'), "the state");
  assert(html.includes('<option selected="">server_error</option>'), "the reason");
});

Deno.test("who asks for one dataset sees that one, and what its last task spent its time on", () => {
  const html = statusPage(play(SCENES.few)({ datasetId: "befolkning-101" }));
  assertEquals(html.match(/<li class="(failing|ok|silent|starting)">/g)?.length, 1);
  assertMatch(
    textOf(html),
    /Datasets of befolkning-101 show all datasets .* Last task .* processing/,
  );
});

Deno.test("a task that is not tracked any more is said to be so", () => {
  assertMatch(
    textOf(statusPage(play(SCENES.one)({ task: 99 }))),
    /Task 99 Close This task is not tracked\./,
  );
});

Deno.test("the chart's points are the durations", () => {
  const { durations, ...status } = play(SCENES.outage)();
  const html = statusPage({ ...status, durations });
  const [, json] = html.match(/id="points">(.*?)<\/script>/) ?? [];
  const points: Record<string, number[]> = JSON.parse(json);
  const sums = (values: number[]) => {
    let sum = 0;
    return values.map((value) => sum += value);
  };
  assertEquals(sums(points.seqno), durations.map(({ seqno }) => seqno));
  assertEquals(
    sums(points.settledMs),
    durations.map(({ settledMs }) => Math.round(settledMs)),
  );
  assertEquals(
    points.failed.map((number) => REASONS[number - 1] ?? null),
    durations.map(({ reason }) => reason),
  );
  points.ms.forEach((ms, i) => {
    const exact = durations[i].seconds * 1e3;
    assert(Math.abs(ms - exact) <= exact / 100, `${ms} is not ${exact}`);
  });
});

Deno.test("figures are written with what matters of them", () => {
  const plain = (text: string) => text.replaceAll("\u00a0", " ");
  const durations = [0, 0.0004, 0.00123, 0.00999, 0.0421, 0.9994, 0.9996, 9.994, 9.996, 59.96, 123];
  assertEquals(durations.map((seconds) => plain(durationText(seconds))), [
    ...["0 ms", "0.4 ms", "1.2 ms", "10 ms", "42 ms", "999 ms"],
    ...["1.00 s", "9.99 s", "10.0 s", "60.0 s", "123 s"],
  ]);
  const spans = [-5, 59_999, 60_000, 3_599_999, 3_600_000, 7_500_000, 86_400_000, 273_600_000];
  assertEquals(spans.map((ms) => plain(spanText(ms))), [
    ...["0 s", "59 s", "1 min", "59 min", "1 h", "2 h 5 min", "1 d", "3 d 4 h"],
  ]);
  const ratios = [[0, 0], [0, 3], [2, 3], [949, 950], [999_999, 1_000_000], [7, 7]];
  assertEquals(
    ratios.map(([succeeded, settled]) => plain(ratioText({ window: "", succeeded, settled }))),
    ["–", "0 %", "66 %", "99.8 %", "99.99 %", "100 %"],
  );
});
