/** Time zones and narrow screens. */
import { assert, assertEquals } from "@std/assert";
import { startEmulator, startServer } from "../support/targets.ts";
import { browserTest, open, startFastProbe, untilHeadline, untilLive } from "./browser.ts";

browserTest("times are in the reader's zone, with the offset", async () => {
  await using emulator = startEmulator();
  await using probe = await startFastProbe(emulator.apiUrl);
  await using opened = await open(probe.url, { timezoneId: "Asia/Kolkata" });
  const { page } = opened;
  await untilLive(page);
  const time = page.locator("#tasks tbody time").first();
  await time.waitFor();
  const [utc, text, title] = await time.evaluate((element) => [
    element.getAttribute("datetime") ?? "",
    element.textContent ?? "",
    element.getAttribute("title") ?? "",
  ]);
  const local = new Date(Date.parse(utc) + 5.5 * 3600_000).toISOString();
  assertEquals(title, `${local.slice(0, 10)} ${local.slice(11, 19)} +05:30`);
  assert(title.includes(text), `${text} in ${title}`);
  assertEquals(await page.locator("#tasks th .zone").innerText(), "+05:30");
});

browserTest("the page fits the width of a phone, whatever it shows", async () => {
  const ids = ["a".repeat(128), "b".repeat(128)];
  await using target = startServer(() => new Response("x".repeat(600), { status: 500 }));
  await using probe = await startFastProbe(`${target.url}/metadata`, { DATASET_ID: ids.join() });
  await using opened = await open(probe.url, {
    viewport: { width: 360, height: 760 },
    isMobile: true,
  });
  const { page } = opened;
  await untilLive(page);
  await untilHeadline(page, "All 2 failing");
  await page.goto(`${probe.url}/?task=1`);
  await page.locator("#detail pre").waitFor();
  // A wider content widens the document itself.
  assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 360);
});
