/** The chart of durations. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { statusPage } from "../../src/status_page/page.tsx";
import { eventually } from "../support/program.ts";
import { startEmulator, startServer, startWaitingServer } from "../support/targets.ts";
import { play, SCENES } from "../support/status.ts";
import { browserTest, newestSeqno, open, startFastProbe, untilLive } from "./browser.ts";

/** Shortest durations with many first digits, in several units: no real platform gives them. */
const SHORTEST = [1e-4, 1e-2, 1].flatMap((unit) => [
  ...Array.from({ length: 20 }, (_, i) => unit * (1 + i * 0.05)),
  ...[2.4, 3, 5.1, 7, 9.6].map((digits) => unit * digits),
]);

browserTest("the chart shows all durations, however far apart", async () => {
  const status = play(SCENES.healthy)();
  const pageOf = (shortest: number) =>
    statusPage({
      ...status,
      durations: [1, 3, 45, 700].map((factor, i) => ({
        seqno: i + 1,
        settledMs: status.nowMs + i * 10_000,
        seconds: shortest * factor,
        reason: i === 3 ? "timeout" : null,
      })),
    });
  let html = pageOf(1);
  await using server = startServer(({ path }) =>
    path === "/"
      ? new Response(html, { headers: { "content-type": "text/html" } })
      : new Response("event: none\n\n", { headers: { "content-type": "text/event-stream" } })
  );
  await using opened = await open(server.url);
  const { page, problems } = opened;
  for (const shortest of SHORTEST) {
    html = pageOf(shortest);
    const wanted = Number((shortest * 1e3).toPrecision(3));
    await page.evaluate("dispatchEvent(new PopStateEvent('popstate'))");
    await eventually(`${wanted} ms is shown`, async () => {
      const points = await page.locator("#points").textContent() ?? "{}";
      return JSON.parse(points).ms[0] === wanted;
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
