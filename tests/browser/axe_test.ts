/** Accessibility of the page: keyboard, screen reader, contrast. */
import { assert, assertEquals } from "@std/assert";
import axe from "npm:axe-core@4.14.1";
import type { Page } from "npm:playwright-core@1.65.1";
import { startLoop } from "../support/program.ts";
import { startEmulator } from "../support/targets.ts";
import { pastBefore, pastIncident } from "../support/past.ts";
import { play, SCENE_START_MS, SCENES, statusPage } from "../support/status.ts";
import { browserTest, open, startPageServer, untilLive } from "./browser.ts";

type Found = { id: string; impact: string; nodes: { html: string; failureSummary: string }[] };

/** Of what has passed, one example for each rule is enough, which takes less time. */
const ALL_RULES = "{ resultTypes: ['violations'] }";
/** The rules that depend on the colour scheme. */
const COLOURS =
  "{ resultTypes: ['violations'], runOnly: ['color-contrast', 'link-in-text-block'] }";

/** The findings of axe that are serious or critical, with its explanations, in both colour schemes. */
async function seriousFlaws(page: Page): Promise<string[]> {
  // The debugger evaluates this, so that the page's Content-Security-Policy does not apply.
  await page.evaluate(axe.source);
  const found: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const background = "getComputedStyle(document.documentElement).backgroundColor";
    const [, red] = (await page.evaluate<string>(background)).match(/^rgb\((\d+),/) ?? [];
    assertEquals(Number(red) < 128, colorScheme === "dark");
    const options = colorScheme === "light" ? ALL_RULES : COLOURS;
    const { violations, passes } = await page.evaluate<{ violations: Found[]; passes: unknown[] }>(
      `axe.run(document, ${options}).then(({ violations, passes }) => ({ violations, passes }))`,
    );
    assert(passes.length > 0, "axe has checked nothing");
    found.push(
      ...violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .flatMap(({ id, nodes }) =>
          nodes.map(({ html, failureSummary }) =>
            `${colorScheme}: ${id}: ${html}: ${failureSummary}`
          )
        ),
    );
  }
  return found;
}

for (const status of [null, 500]) {
  const state = status === null ? "all tasks succeed" : "all tasks fail";
  browserTest(
    `the page has no serious accessibility flaw, light or dark, when ${state}`,
    async () => {
      await using emulator = startEmulator({ faults: { status } });
      await using probe = await startLoop({
        env: {
          OKDATA_API_URL: emulator.apiUrl,
          DATASET_ID: "abc123,def456",
          TASK_INTERVAL_SECONDS: "2",
          RETRIES: "1",
        },
      });
      await using opened = await open(probe.url);
      const { page } = opened;
      await untilLive(page);
      const headline = status === null ? "All 2 working" : "All 2 failing";
      await page.locator("h1", { hasText: headline }).waitFor();
      assertEquals(await seriousFlaws(page), []);

      await page.goto(`${probe.url}/?task=1&dataset_id=abc123`);
      await page.locator("#detail dl").first().waitFor();
      assertEquals(await seriousFlaws(page), []);
      await page.setViewportSize({ width: 360, height: 760 });
      assertEquals(await seriousFlaws(page), []);

      probe.kill("SIGKILL");
      await page.locator("html.lost").waitFor();
      assertEquals(await seriousFlaws(page), []);
    },
  );
}

for (const scene of Object.keys(SCENES) as (keyof typeof SCENES)[]) {
  browserTest(`the page has no serious accessibility flaw in the state ${scene}`, async () => {
    const dayOf = (nth: number) => nth < 9 ? null : { failed: nth % 7, slow: nth % 5 * 20 };
    const incidents = [pastIncident(SCENE_START_MS - 7_200_000, 40, { timeout: 90 })];
    const past = pastBefore(SCENE_START_MS, { dayOf, incidents });
    const html = statusPage(play({ ...SCENES[scene], past })());
    await using server = startPageServer(() => html);
    await using opened = await open(server.url);
    assertEquals(await seriousFlaws(opened.page), []);
    assertEquals(opened.problems, []);
  });
}
