/** The waterfall of a task: what is drawn adds up to the duration above it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { startLoop } from "../support/program.ts";
import { respondWithDataset, startServer } from "../support/targets.ts";
import { browserTest, countSettled, open } from "./browser.ts";
import { eventually } from "../support/program.ts";

/** A bar is placed to a tenth of a percent of the widest scale. */
const TOLERANCE_PX = 1.5;

type Box = { x: number; width: number };

/** A task of one 503 with `Retry-After`, another 503, and the dataset. */
async function startProbe() {
  const target = startServer((seen, count) => {
    if (count === 1) return new Response("busy", { status: 503, headers: { "retry-after": "1" } });
    return count === 2 ? new Response("busy", { status: 503 }) : respondWithDataset(seen);
  });
  const probe = await startLoop({
    env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "3600" },
  });
  await eventually("the settled task", async () => await countSettled(probe.url) === 1);
  return {
    url: `${probe.url}/?task=1`,
    async [Symbol.asyncDispose]() {
      await probe[Symbol.asyncDispose]();
      await target[Symbol.asyncDispose]();
    },
  };
}

/** Where the bars are drawn in their rows, without the stroke around them. */
function barsOf(page: Page): Promise<Box[]> {
  return page.evaluate<Box[]>(
    `[...document.querySelectorAll("#detail .bar > :is(.attempt, .wait, .token, .probe)")]
      .map((bar) => bar.getBBox()).map(({ x, width }) => ({ x, width }))`,
  );
}

for (
  const [what, options] of [
    ["a wide screen", {}],
    ["a phone", { viewport: { width: 390, height: 844 } }],
    ["a browser without JavaScript", { javaScriptEnabled: false }],
  ] as const
) {
  browserTest(
    `the bars of a task follow each other from 0 to its duration on ${what}`,
    async () => {
      await using probe = await startProbe();
      await using opened = await open(probe.url, options);
      const { page, problems } = opened;
      const detail = page.locator("#detail");
      await detail.waitFor();

      const duration = await detail.locator(".outcome b").innerText();
      assertEquals(await detail.locator(".scale .end").textContent(), duration);
      const scale = await detail.locator(".scale").boundingBox();
      const bars = await barsOf(page);
      assertEquals(bars.length, 5, "three attempts and two waits");
      let at = 0;
      for (const { x, width } of bars) {
        assert(
          Math.abs(x - at) <= TOLERANCE_PX,
          `a bar begins at ${x}, the last one ends at ${at}`,
        );
        at = x + width;
      }
      const end = scale?.width ?? NaN;
      assert(Math.abs(at - end) <= TOLERANCE_PX, `the last bar ends at ${at}, the scale at ${end}`);

      const rows = await detail.locator(".waterfall li").allInnerTexts();
      assertEquals(rows.length, 5);
      assertMatch(rows[0] ?? "", /^attempt 1: status 503 after [\d.]+\sms\s+began at 0\sms/);
      assertMatch(rows[1] ?? "", /^wait \(Retry-After\): 1\.\d+\ss\s+began at/);
      assertMatch(rows[3] ?? "", /^wait \(back-off\): [\d.]+\sms\s+began at [1-9]\.\d+\ss/);
      assertMatch(
        rows[4] ?? "",
        /^attempt 3: ok, status 200 after [\d.]+\sms\s+began at [1-9]\.\d+\ss/,
      );

      const isTooWide = await page.evaluate<boolean>(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth",
      );
      assertEquals(isTooWide, false);
      assertEquals(problems, []);
    },
  );
}
