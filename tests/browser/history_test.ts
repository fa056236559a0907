/** Strips, incidents and the search of datasets. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eventually } from "../support/program.ts";
import { manyIds, play, SCENES, statusPage } from "../support/status.ts";
import { respondWithDataset, startServer } from "../support/targets.ts";
import {
  boxOf,
  browserTest,
  open,
  startFastProbe,
  startPageServer,
  untilHeadline,
  untilLive,
} from "./browser.ts";

browserTest("a part of an ID finds datasets, with and without JavaScript", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startFastProbe(`${target.url}/metadata`, {
    DATASET_ID: manyIds(60).join(),
    TASK_INTERVAL_SECONDS: "2",
  });
  for (const javaScriptEnabled of [true, false]) {
    await using opened = await open(`${probe.url}/?range=1h`, { javaScriptEnabled });
    const { page, problems } = opened;
    if (javaScriptEnabled) await untilLive(page);
    assertEquals(await page.locator("table.datasets tbody tr").count(), 20);
    const field = page.getByLabel("Find", { exact: true });
    await field.fill("TRAFIKK-1");
    await field.press("Enter");
    await page.waitForURL(`${probe.url}/?q=TRAFIKK-1&range=1h#datasets`);
    await page.getByText("10 of 60 match").waitFor();
    const names = await page.locator("table.datasets tbody th").allInnerTexts();
    assertEquals(names.length, 10);
    for (const name of names) assertMatch(name, /^trafikk-1/);

    await page.getByRole("link", { name: names[0], exact: true }).click();
    await page.waitForURL(`${probe.url}/?dataset_id=${names[0]}&range=1h`);
    await page.locator("#datasets-heading", { hasText: names[0] }).waitFor();
    await page.getByRole("link", { name: "show all datasets" }).first().click();
    await eventually(
      "all datasets again",
      async () => await page.locator("table.datasets tbody tr").count() === 20,
    );
    assertEquals(problems, []);
  }
});

browserTest("an incident links to the tasks that it has cost", async () => {
  // So few that the list has room for all of them, however slow the browser is.
  const toRefuse = 5;
  let refused = 0;
  let isDown = false;
  const shown = Promise.withResolvers<void>();
  await using target = startServer(async (request) => {
    if (isDown && refused++ < toRefuse) return new Response("down", { status: 503 });
    if (isDown) await shown.promise;
    return await respondWithDataset(request);
  });
  await using probe = await startFastProbe(`${target.url}/metadata`);
  await using opened = await open(probe.url);
  const { page, problems } = opened;
  await untilHeadline(page, "Working");
  await page.locator("#incidents", { hasText: "No incident since" }).waitFor();
  isDown = true;
  await page.locator(".incidents li.failing", { hasText: "so far" }).waitFor();
  shown.resolve();
  await page.locator(".incidents li:not(.failing)").waitFor();
  const link = page.locator(".incidents a");
  const [, lost] = (await link.innerText()).match(/^(\d+) tasks lost$/) ?? [];
  await link.click();
  await page.waitForURL(/\?state=failed&before=\d+&after=\d+#tasks$/);
  await eventually(
    `the ${lost} tasks`,
    async () => await page.locator("#tasks tbody tr").count() === Number(lost),
  );
  assertEquals(problems, []);
});

browserTest("details that a reader has opened stay open", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startFastProbe(`${target.url}/metadata`);
  await using opened = await open(probe.url);
  const { page, requests } = opened;
  await untilLive(page);
  // It is open already where slots are late, as on a busy machine.
  const closed = page.locator("#schedule:not([open])");
  if (await closed.count() === 1) await closed.locator("summary").click();
  await page.getByText("Slots run since the start").waitFor();
  const before = requests.length;
  await eventually("the page is refreshed", () => requests.length > before + 1);
  assert(await page.getByText("Slots run since the start").isVisible());
});

browserTest("the sentence of a strip has all of its times in the reader's zone", async () => {
  const html = (rounds: number) => {
    const reasonOf = (id: string, round: number) =>
      id.includes("101") && round > 2 && round < 9 ? "dns" as const : null;
    return statusPage(play({ datasetIds: manyIds(2), rounds, reasonOf })());
  };
  const expected = [
    [12, "since 20:01:05 UTC", "since 01:31:05 +05:30"],
    [200, "from 20:01:05 to 20:15 UTC", "from 01:31:05 to 01:45 +05:30"],
  ] as const;
  for (const [rounds, sent, shown] of expected) {
    assertStringIncludes(html(rounds), sent);
    await using server = startPageServer(() => html(rounds));
    await using opened = await open(server.url, { timezoneId: "Asia/Kolkata" });
    const titles = await opened.page.locator(".strip title").allTextContents();
    assertStringIncludes(titles.join("\n"), shown);
  }
});

for (const [name, width] of [["a phone", 390], ["a wall screen", 2560]] as const) {
  browserTest(`rows and strips fit ${name}`, async () => {
    const html = statusPage(play(SCENES.many)());
    await using server = startPageServer(() => html);
    await using opened = await open(server.url, { viewport: { width, height: 1_000 } });
    const { page } = opened;
    assertEquals(await page.evaluate("document.documentElement.scrollWidth"), width);
    const strip = await boxOf(page, "table.datasets .strip");
    assert(strip.width > Math.min(250, width / 2), `a strip of ${strip.width}`);
    const row = await boxOf(page, "table.datasets tbody tr:nth-child(10)");
    assert(row.height < (width < 500 ? 110 : 60), `a row of ${row.height}`);
  });
}
