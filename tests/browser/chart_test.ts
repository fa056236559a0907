/** The chart with durations that no real platform gives at will. */
import { assertEquals } from "@std/assert";
import { statusPage } from "../../src/status_page/page.tsx";
import { eventually } from "../support/program.ts";
import { startServer } from "../support/targets.ts";
import { play, SCENES } from "../support/status.ts";
import { browserTest, open } from "./browser.ts";

/** Shortest durations with all kinds of first digits, in several units. */
const SHORTEST = [1e-4, 1e-2, 1].flatMap((unit) => [
  ...Array.from({ length: 20 }, (_, i) => unit * (1 + i * 0.05)),
  ...[2.4, 3, 5.1, 7, 9.6].map((digits) => unit * digits),
]);

browserTest("the chart bears all durations, however far apart", async () => {
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
  let shown = SHORTEST[0];
  await using server = startServer(({ path }) =>
    path === "/"
      ? new Response(pageOf(shown), { headers: { "content-type": "text/html" } })
      : new Response("event: none\n\n", { headers: { "content-type": "text/event-stream" } })
  );
  await using opened = await open(server.url);
  const { page, complaints } = opened;
  for (const shortest of SHORTEST) {
    shown = shortest;
    const wanted = Number((shortest * 1e3).toPrecision(3));
    await page.evaluate("dispatchEvent(new PopStateEvent('popstate'))");
    await eventually(`${wanted} ms is shown`, async () => {
      const points = await page.locator("#points").textContent() ?? "{}";
      return JSON.parse(points).ms[0] === wanted;
    });
    assertEquals(await page.locator("#chart .u-over").count(), 1, `${shortest}`);
  }
  assertEquals(complaints, []);
});
