/** Whether people who use the keyboard, a screen reader or strong contrast can use the page. */
import { assertEquals } from "@std/assert";
import axe from "npm:axe-core@4.14.1";
import type { Page } from "npm:playwright-core@1.65.1";
import { startLoop } from "../support/program.ts";
import { startEmulator } from "../support/targets.ts";
import { browserTest, isLive, open } from "./browser.ts";

type Found = { id: string; impact: string; nodes: { html: string; failureSummary: string }[] };

/** What axe finds that is serious or worse, and what it says of it. */
async function seriousFlaws(page: Page): Promise<string[]> {
  // Evaluated by the browser's debugger, which the page's policy does not bind.
  await page.evaluate(axe.source);
  const violations = await page.evaluate<Found[]>("axe.run().then(({ violations }) => violations)");
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`)
    );
}

for (const colorScheme of ["light", "dark"] as const) {
  for (const status of [null, 500]) {
    const state = status === null ? "all is well" : "nothing works";
    browserTest(`axe finds nothing serious, ${colorScheme}, when ${state}`, async () => {
      await using emulator = startEmulator({ faults: { status } });
      await using probe = await startLoop({
        env: {
          OKDATA_API_URL: emulator.apiUrl,
          DATASET_ID: "abc123,def456",
          TASK_INTERVAL_SECONDS: "0.3",
          RETRIES: "1",
        },
      });
      await using opened = await open(probe.url, { colorScheme });
      const { page } = opened;
      await isLive(page);
      const wanted = status === null ? "All 2 ok" : "All 2 failing";
      await page.locator("h1", { hasText: wanted }).waitFor();
      assertEquals(await seriousFlaws(page), []);

      await page.goto(`${probe.url}/?task=1&dataset_id=abc123`);
      await page.locator("#detail dl").first().waitFor();
      assertEquals(await seriousFlaws(page), []);
      await page.setViewportSize({ width: 360, height: 760 });
      assertEquals(await seriousFlaws(page), []);

      probe.kill("SIGKILL");
      await page.locator("html.lost").waitFor();
      assertEquals(await seriousFlaws(page), []);

      const runtime = "getComputedStyle(document.documentElement).backgroundColor";
      const [, red] = (await page.evaluate<string>(runtime)).match(/^rgb\((\d+),/) ?? [];
      assertEquals(Number(red) < 128, colorScheme === "dark");
    });
  }
}
