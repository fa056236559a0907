import { assert, assertEquals, assertMatch } from "@std/assert";
import { PHASES } from "../../src/core/task.ts";
import { statusPage } from "../../src/status_page/page.tsx";
import { play, SCENES, textOf, withDetails } from "../support/status.ts";

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
  const messagesOf = (html: string) =>
    [...html.matchAll(/<p class="message">(.*?)<\/p>/gs)].map(([, shown]) => shown);
  const escaped = message.replace("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const one = statusPage(withDetails(play({ ...SCENES.outage, message })));
  // In the verdict and with the last task.
  assertEquals(messagesOf(one), [escaped, escaped]);
  assert(one.includes(`<dt>Message</dt><dd>${escaped}</dd>`), "no message in the details");
  const several = messagesOf(statusPage(play({ ...SCENES.few, message })()));
  assert(several.length > 0, "no message in the list of datasets");
  for (const shown of several) assertMatch(shown ?? "", /^status 500: &lt;b&gt;.*x…$/);
  assertEquals(messagesOf(statusPage(play({ ...SCENES.many, message })())), []);
});

Deno.test("the list says that a dataset is not probed", () => {
  for (const scene of [SCENES.few, SCENES.one, SCENES.many]) {
    const html = statusPage(play(scene)({ datasetId: "nosuch\u202e" }));
    assertMatch(
      textOf(html),
      /Datasets nosuch\\u202e is not a dataset of this probe\. Show all datasets/,
    );
    assert(!html.includes("<li class="), "no other dataset");
    assertEquals(textOf(html).includes("Last task"), false);
  }
});

Deno.test("the bars of several datasets share one key, which is absent without bars", () => {
  const keys = (html: string) => html.match(/<p class="keys">.*?<\/p>/gs) ?? [];
  const [key = "", ...others] = keys(statusPage(play(SCENES.few)()));
  assertEquals(others, []);
  assertEquals(textOf(key).trim(), PHASES.join(" "));
  assertEquals(keys(statusPage(play(SCENES.many)())), []);
  assertEquals(keys(statusPage(play(SCENES.few)({ datasetId: "befolkning-101" }))), []);
});

Deno.test("the list shows failing datasets first, and links its result pages", () => {
  const ask = play(SCENES.many);
  const first = statusPage(ask());
  const cards = [...first.matchAll(/<li class="(failing|ok|warning|starting)">/g)].map(([, tone]) =>
    tone
  );
  assertEquals(cards.slice(0, 4), ["failing", "failing", "failing", "ok"]);
  assert(first.includes('<a href="?page=2" rel="next">'), "next");
  const last = statusPage(ask({ page: ask().pages }));
  assert(!last.includes('rel="next">Next'), "no next");
  assert(last.includes('rel="prev">'), "previous");
});

Deno.test("the query for a dataset shows that one and the phases of its last task", () => {
  const html = statusPage(play(SCENES.few)({ datasetId: "befolkning-101" }));
  assertEquals(html.match(/<li class="(failing|ok|warning|starting)">/g)?.length, 1);
  assertMatch(
    textOf(html),
    /Datasets of befolkning-101 show all datasets .* Last task .* processing/,
  );
});

Deno.test("the details say that a task is not tracked", () => {
  assertMatch(
    textOf(statusPage(play(SCENES.one)({ task: 99 }))),
    /Task 99 Close This task is not tracked\./,
  );
});
