/** How the page follows its probe: what it requests, and what a refresh changes. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../support/program.ts";
import { startEmulator } from "../support/targets.ts";
import {
  browserTest,
  countSettled,
  focusedText,
  newestSeqno,
  open,
  setHidden,
  startFastProbe,
  untilHeadline,
  untilLive,
} from "./browser.ts";

browserTest(
  "the first paint takes one request of less than 100 kB and contacts no other host",
  async () => {
    await using emulator = startEmulator();
    await using probe = await startFastProbe(emulator.apiUrl);
    const response = await fetch(probe.url, { headers: { accept: "text/html" } });
    const html = await response.bytes();
    assert(html.length < 100_000, `${html.length} bytes`);

    await using opened = await open(probe.url);
    const { page, requests, problems } = opened;
    await untilLive(page);
    await eventually("the page is refreshed after an event", () => requests.length >= 4);
    const [first, second] = requests.map((url) => new URL(url).pathname);
    assertEquals([first, second], ["/", "/events"]);
    for (const url of requests) assert(url.startsWith(probe.url), url);
    assertEquals(problems, []);
  },
);

browserTest(
  "the page follows the probe without a reload and shows when it fails and recovers",
  async () => {
    await using emulator = startEmulator();
    await using probe = await startFastProbe(emulator.apiUrl);
    await using opened = await open(probe.url);
    const { page, problems } = opened;
    await untilLive(page);
    await untilHeadline(page, "Working");
    assertMatch(await page.title(), /^Working: abc123 · /);
    await page.evaluate("document.documentElement.dataset.mark = 'kept'");
    const before = await newestSeqno(page);
    await eventually(
      "the page shows newer tasks",
      async () => await newestSeqno(page) > before + 1,
    );

    emulator.setFaults({ status: 500 });
    await untilHeadline(page, "Failing");
    assertMatch(await page.title(), /^FAILING: abc123 · /);
    assertMatch(await page.locator(".verdict").innerText(), /server_error: status 5xx/);
    assertMatch(await page.locator("#announcement").textContent() ?? "", /^Failing since /);
    const failingIcon = await page.locator("link[rel=icon]").getAttribute("href");
    await page.locator(".failures a", { hasText: "server_error" }).waitFor();

    emulator.setFaults({});
    await untilHeadline(page, "Unsteady");
    assertMatch(
      await page.locator("#announcement").textContent() ?? "",
      /^Unsteady \d+ failed of /,
    );
    assert(await page.locator("link[rel=icon]").getAttribute("href") !== failingIcon);
    assertEquals(await page.evaluate("document.documentElement.dataset.mark"), "kept");
    assertEquals(problems, []);
  },
);

browserTest(
  "a burst of tasks causes one refresh a second, and hardly any in a hidden tab",
  async () => {
    await using emulator = startEmulator();
    await using probe = await startFastProbe(emulator.apiUrl, { TASK_INTERVAL_SECONDS: "0.02" });
    await using opened = await open(probe.url);
    const { page, requests } = opened;
    await untilLive(page);
    const settled = async (count: number, and: () => boolean = () => true) => {
      const before = await countSettled(probe.url);
      await eventually(
        `${count} tasks more`,
        async () => await countSettled(probe.url) > before + count && and(),
      );
    };
    const [before, sinceMs] = [requests.length, performance.now()];
    // How soon a busy browser sends the first one is not the page's doing.
    await settled(100, () => requests.length > before);
    const [made, seconds] = [requests.length - before, (performance.now() - sinceMs) / 1e3];
    // One more may fall on either end of the span.
    assert(made <= seconds + 2, `${made} requests in ${seconds} s`);

    await setHidden(page, true);
    const whenHidden = requests.length;
    await settled(150);
    // 150 tasks take three seconds; one earlier request may still have been in flight.
    assert(
      requests.length <= whenHidden + 1,
      `${requests.length - whenHidden} requests while hidden`,
    );
    const beforeShown = requests.length;
    await setHidden(page, false);
    await eventually("the page is refreshed", () => requests.length > beforeShown);
  },
);

browserTest("a hidden tab shows in its title and icon that the probe fails", async () => {
  await using emulator = startEmulator();
  await using probe = await startFastProbe(emulator.apiUrl);
  await using opened = await open("about:blank");
  const { page, requests } = opened;
  await page.clock.install();
  await page.goto(probe.url);
  await untilLive(page);
  await untilHeadline(page, "Working");
  const okIcon = await page.locator("link[rel=icon]").getAttribute("href");
  await setHidden(page, true);
  // Requests from before the tab was hidden must have ended.
  const settled = await countSettled(probe.url);
  await eventually("some tasks more", async () => {
    await page.clock.runFor(500);
    return await countSettled(probe.url) > settled + 3;
  });
  emulator.setFaults({ status: 500 });
  const [before, sinceMs] = [requests.length, await page.evaluate<number>("performance.now()")];
  let counted = await countSettled(probe.url);
  await eventually("the title shows it", async () => {
    const count = await countSettled(probe.url);
    // Time without a task would be a silence of the probe.
    if (count > counted) await page.clock.runFor(5_000);
    counted = count;
    return /^FAILING: abc123/.test(await page.title());
  }, 20_000);
  assert(await page.locator("link[rel=icon]").getAttribute("href") !== okIcon);
  const seconds = (await page.evaluate<number>("performance.now()") - sinceMs) / 1e3;
  const made = requests.length - before;
  assert(made <= seconds / 15 + 2, `${made} requests in ${seconds} s`);
});

browserTest("a refresh keeps focus and selected text", async () => {
  await using emulator = startEmulator();
  await using probe = await startFastProbe(emulator.apiUrl);
  await using opened = await open(probe.url);
  const { page } = opened;
  await untilLive(page);
  const seqno = await newestSeqno(page);
  const row = page.locator(`#t${seqno} a`);
  await row.focus();
  await page.evaluate(
    `getSelection().selectAllChildren(document.querySelector("#t${seqno} time"))`,
  );
  const selected = await page.evaluate<string>("String(getSelection())");
  assertMatch(selected, /^\d\d:\d\d:\d\d$/);
  await eventually("the page shows newer tasks", async () => await newestSeqno(page) > seqno + 2);
  assertEquals(await focusedText(page), String(seqno));
  assertEquals(await page.evaluate("String(getSelection())"), selected);
});
