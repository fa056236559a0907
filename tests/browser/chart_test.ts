/** The chart of durations. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../support/program.ts";
import type { Range } from "../../src/history/bars.ts";
import { startEmulator, startWaitingServer } from "../support/targets.ts";
import { play, SCENES, statusPage } from "../support/status.ts";
import {
  boxOf,
  browserTest,
  newestSeqno,
  open,
  startFastProbe,
  startPageServer,
  untilLive,
} from "./browser.ts";

/** Shortest durations with many first digits, in several units: no real platform gives them. */
const SHORTEST = [1e-4, 1e-2, 1].flatMap((unit) => [
  ...Array.from({ length: 20 }, (_, i) => unit * (1 + i * 0.05)),
  ...[2.4, 3, 5.1, 7, 9.6].map((digits) => unit * digits),
]);

browserTest("the chart shows all durations, however far apart", async () => {
  const status = play(SCENES.healthy)({ range: "5m" });
  const pageOf = (shortest: number) => {
    const points = [1, 3, 45, 700].map((factor, i) => ({
      line: 0,
      seqno: i + 1,
      createdMs: status.nowMs - 60_000 + i * 10_000,
      seconds: shortest * factor,
      reason: i === 3 ? "timeout" : null,
    }));
    return statusPage({ ...status, chart: { ...status.chart, points } });
  };
  let html = pageOf(1);
  await using server = startPageServer(() => html);
  await using opened = await open(server.url);
  const { page, problems } = opened;
  for (const shortest of SHORTEST) {
    html = pageOf(shortest);
    const wanted = Number((shortest * 1e3).toPrecision(3));
    await page.evaluate("dispatchEvent(new PopStateEvent('popstate'))");
    await eventually(`${wanted} ms is shown`, async () => {
      const data = await page.locator("#points").textContent() ?? "{}";
      return JSON.parse(data).points.ms[0] === wanted;
    });
    assertEquals(await page.locator("#chart .u-over").count(), 1, `${shortest}`);
  }
  assertEquals(problems, []);
});

browserTest("the chart describes the task under the pointer, and a click opens it", async () => {
  await using emulator = startEmulator({ faults: { status: 500 } });
  await using probe = await startFastProbe(emulator.apiUrl);
  await using opened = await open(probe.url);
  const { page, problems } = opened;
  await untilLive(page);
  await eventually("several points", async () => await newestSeqno(page) > 4);
  const box = await page.locator("#chart .u-over").boundingBox();
  if (!box) throw new Error("#chart has no box");
  await page.mouse.move(box.x + box.width - 3, box.y + box.height / 2);
  const tip = page.locator(".tip");
  await tip.waitFor();
  assertMatch(await tip.innerText(), /^#\d+ · \d\d:\d\d:\d\d · [\d.]+\sm?s · ✕ server_error$/);
  await page.mouse.down();
  await page.mouse.up();
  await page.waitForURL(/task=\d+#detail$/);
  await page.locator("#detail").waitFor();
  assertEquals(problems, []);
});

browserTest("the tip stands beside its point, within the plot, in every range", async () => {
  const ask = play({ ...SCENES.few, rounds: 400 });
  await using server = startPageServer((query) =>
    statusPage(ask({ range: query.get("range") as Range, datasetId: "befolkning-101" }))
  );
  await using opened = await open(`${server.url}/?range=5m`);
  const { page, problems } = opened;
  for (const range of ["5m", "1h", "6h", "24h"]) {
    await page.goto(`${server.url}/?range=${range}`);
    const plot = await boxOf(page, "#chart .u-over");
    const settled = plot.width - (range === "24h" ? 10 : 40);
    for (const x of range === "5m" ? [2, plot.width / 2, plot.width - 2] : [settled]) {
      await page.mouse.move(plot.x + x, plot.y + plot.height / 2);
      await page.locator(".tip").waitFor();
      const tip = await boxOf(page, ".tip");
      const what = `${range} at ${x}: ${JSON.stringify({ tip, plot })}`;
      assert(tip.x >= plot.x - 1 && tip.x + tip.width <= plot.x + plot.width + 1, what);
      assert(tip.y >= plot.y - 1 && tip.y + tip.height <= plot.y + plot.height + 1, what);
      const line = await boxOf(page, "#chart .u-cursor-x");
      const point = line.x + line.width;
      assert(point <= tip.x || point >= tip.x + tip.width, `${what} covers ${point}`);
      assertMatch(
        await page.locator(".tip").innerText(),
        range === "5m" ? /^#\d+ · / : / to .*\s+.*(mean|failed)/,
      );
    }
  }
  assertEquals(problems, []);
});

browserTest(
  "the tip stays within a narrow plot, and names the lines that were failing",
  async () => {
    const ask = play(SCENES.few);
    await using server = startPageServer(() => statusPage(ask({ range: "1h" })));
    await using opened = await open(server.url, { viewport: { width: 390, height: 900 } });
    const { page, problems } = opened;
    await page.locator("#chart").scrollIntoViewIfNeeded();
    const plot = await boxOf(page, "#chart .u-over");
    await page.mouse.move(plot.x + plot.width - 2, plot.y + plot.height / 2);
    const tip = page.locator(".tip");
    await tip.waitFor();
    const lines = (await tip.innerText()).split(/\n+/);
    assertMatch(lines[0] ?? "", / to .* · durations of successes$/);
    assertMatch(lines[1] ?? "", /^befolkning-101: .* failed · outage$/);
    assertEquals(lines.filter((line) => line.includes("outage")).length, 1);
    const box = await boxOf(page, ".tip");
    const what = JSON.stringify({ box, plot });
    assert(box.x >= plot.x - 1 && box.x + box.width <= plot.x + plot.width + 1, what);
    assertEquals(problems, []);
  },
);

browserTest("the ranges are links that keep the rest of the view", async () => {
  await using emulator = startEmulator();
  await using probe = await startFastProbe(emulator.apiUrl);
  for (const javaScriptEnabled of [true, false]) {
    await using opened = await open(`${probe.url}/?state=failed`, { javaScriptEnabled });
    const { page } = opened;
    for (const [name, range] of [["6 h", "6h"], ["24 h", "24h"], ["5 min", "5m"]] as const) {
      await page.getByRole("link", { name, exact: true }).click();
      await page.waitForURL(`${probe.url}/?state=failed&range=${range}#durations`);
      await page.locator(".ranges [aria-current]", { hasText: name }).waitFor();
      if (javaScriptEnabled) assert(await page.locator("#chart .u-over").isVisible(), name);
      assertMatch(
        await page.locator(".legend").innerText(),
        /in \d+\s(s|min)( \d+\ss)?: mean of successes .* 0 failed of/,
      );
    }
  }
});

browserTest("the chart is hidden until a task is settled", async () => {
  await using target = startWaitingServer();
  await using probe = await startFastProbe(`${target.url}/metadata`);
  await using opened = await open(probe.url);
  const { page } = opened;
  await untilLive(page);
  assertEquals(await page.locator("#chart").isVisible(), false);
  await eventually("a task waits", () => target.waiting() > 0);
  target.release();
  await page.locator("#chart .u-over").waitFor();
  assert(await page.locator("#chart").isVisible());
});
