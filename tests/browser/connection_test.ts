/** What the page shows while the connection to its probe is lost. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../support/program.ts";
import { startEmulator } from "../support/targets.ts";
import {
  browserTest,
  connectionText,
  kill,
  newestSeqno,
  open,
  startFastProbe,
  untilLive,
} from "./browser.ts";

/** What a clock says that the test moves. */
const START = new Date("2026-11-23T12:00:00Z");

browserTest("the page shows a lost connection, and reconnects by itself", async () => {
  await using emulator = startEmulator();
  await using first = await startFastProbe(emulator.apiUrl);
  const { port } = new URL(first.url);
  await using opened = await open(first.url);
  const { page } = opened;
  await untilLive(page);
  await kill(first);
  await page.locator("html.lost").waitFor();
  assertMatch(
    await connectionText(page),
    /^Connection lost at \d\d:\d\d:\d\d, retrying …$/,
  );
  assertMatch(await page.title(), /^\? LOST · /);
  const opacity = await page.evaluate<string>(
    "getComputedStyle(document.querySelector('main')).opacity",
  );
  assert(Number(opacity) < 1, opacity);

  await using other = await startFastProbe(emulator.apiUrl, { PORT: port, APP_ID: "another" });
  assertEquals(new URL(other.url).port, port);
  // It may be refreshed before it has its events again.
  await eventually("live", async () => await connectionText(page) === "Live");
  assertMatch(await page.title(), /^Working|^Starting/);
  await page.locator("#t3").waitFor();
});

browserTest(
  "the page treats error responses and a silent connection as a lost connection",
  async () => {
    await using emulator = startEmulator();
    await using probe = await startFastProbe(emulator.apiUrl);
    await using opened = await open("about:blank");
    const { page } = opened;
    let refused = 0;
    let isBroken = true;
    let isSilent = false;
    await page.clock.install();
    await page.route("**/events", async (route) => {
      if (isBroken) {
        refused++;
        return await route.fulfill({ status: 502, body: "{}" });
      }
      // A request without a response stands for a half-open connection.
      if (!isSilent) await route.continue();
    });
    await page.route((url) => url.pathname === "/", async (route) => {
      const isFirst = !route.request().headers().prefer;
      if (isFirst || !isBroken) return await route.continue();
      await route.fulfill({ status: 502, body: "{}" });
    });
    await page.goto(probe.url);
    await page.locator("html.lost").waitFor();
    await eventually("the page retries", async () => {
      await page.clock.runFor(2_000);
      return refused >= 2;
    });
    isBroken = false;
    // With its events: refreshes alone come before.
    await eventually("the page reconnects", async () => {
      await page.clock.runFor(500);
      return await connectionText(page) === "Live";
    });

    // From here on the probe is silent, but nobody closes the connection.
    isSilent = true;
    probe.kill("SIGSTOP");
    await page.clock.runFor(20_000);
    assertEquals(await page.locator("html.lost").count(), 0);
    await page.clock.runFor(2_000);
    await page.locator("html.lost").waitFor();
    isSilent = false;
    probe.kill("SIGCONT");
    await eventually("the page reconnects after a silence", async () => {
      await page.clock.runFor(2_000);
      return await page.locator("html.live").count() > 0;
    });
  },
);

for (const kind of ["an error", "no network", "no response"]) {
  browserTest(
    `a page that receives events but no refresh shows a lost connection: ${kind}`,
    async () => {
      await using emulator = startEmulator();
      await using probe = await startFastProbe(emulator.apiUrl);
      await using opened = await open("about:blank");
      const { page } = opened;
      // Shorter timeouts than a reader's, to keep the test short.
      await page.addInitScript(
        "const timeout = AbortSignal.timeout; AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms / 20)",
      );
      let isBroken = false;
      await page.route((url) => url.pathname === "/", async (route) => {
        if (!isBroken) return await route.continue();
        if (kind === "an error") return await route.fulfill({ status: 500, body: "{}" });
        if (kind === "no network") return await route.abort();
      });
      await page.goto(probe.url);
      await untilLive(page);
      isBroken = true;
      await page.locator("html.lost:not(.live)").waitFor();
      assertMatch(await connectionText(page), /^Connection lost at /);
      assertMatch(await page.title(), /^\? LOST · Working/);
      isBroken = false;
      await untilLive(page);
      assertEquals(await connectionText(page), "Live");
      assertMatch(await page.title(), /^Working/);
      assertEquals(await page.locator("html.lost").count(), 0);
    },
  );
}

browserTest("a page that is refused events refreshes every 15 s and says so", async () => {
  await using emulator = startEmulator();
  await using probe = await startFastProbe(emulator.apiUrl);
  await using opened = await open("about:blank");
  const { page } = opened;
  let isRefused = true;
  // The clock stands still but for `runFor`, so that the instants of requests are exact.
  await page.clock.install({ time: START });
  await page.clock.pauseAt(START);
  await page.addInitScript(`
    const { fetch } = window;
    window.made = [];
    window.fetch = (url, options) => {
      if (options.headers) made.push(performance.now());
      return fetch(url, options);
    };
  `);
  await page.route("**/events", async (route) => {
    if (!isRefused) return await route.continue();
    await route.fulfill({ status: 503, body: '{"error":"too many listen already"}' });
  });
  /** Whether a request of a refresh waits until it is released. */
  let hold = Promise.resolve();
  await page.route((url) => url.pathname === "/", async (route) => {
    await hold;
    await route.continue();
  });
  const made = () => page.evaluate<number[]>("made");
  await page.goto(probe.url);
  await untilLive(page);
  assertEquals(await connectionText(page), "Live, updated every 15 s");
  const before = await newestSeqno(page);
  assertEquals((await made()).length, 1);
  const headers = { accept: "text/html", prefer: "return=minimal" };
  await eventually("newer tasks in what the probe sends, which it keeps for a moment", async () => {
    const html = await (await fetch(probe.url, { headers })).text();
    return html.includes(`id="t${before + 1}"`);
  });

  await page.clock.runFor(14_900);
  assertEquals((await made()).length, 1);
  await page.clock.runFor(1_300);
  await eventually("the page shows newer tasks", async () => await newestSeqno(page) > before);

  await page.clock.runFor(13_000);
  assertEquals((await made()).length, 2);
  // A response that takes long causes no second request.
  const { promise, resolve } = Promise.withResolvers<void>();
  hold = promise;
  await page.clock.runFor(10_000);
  resolve();
  const [first = NaN, second = NaN, third = NaN, ...more] = await made();
  assertEquals(more, []);
  for (const ms of [second - first, third - second]) {
    assert(ms >= 15_000 && ms <= 16_100, `refreshed after ${ms} ms`);
  }

  isRefused = false;
  await page.clock.runFor(15_000);
  await eventually("the page receives events", async () => {
    await page.clock.runFor(100);
    return await connectionText(page) === "Live";
  });
});

for (const kind of ["held back by a proxy", "blocked by the browser"]) {
  browserTest(
    `a page whose events are ${kind} refreshes every 15 s, and is never lost`,
    async () => {
      await using emulator = startEmulator();
      await using probe = await startFastProbe(emulator.apiUrl);
      await using opened = await open("about:blank");
      const { page } = opened;
      await page.clock.install({ time: START });
      await page.route("**/events", async (route) => {
        if (kind.startsWith("blocked")) await route.abort();
      });
      await page.goto(probe.url);
      if (kind.startsWith("held")) await page.clock.runFor(25_000);
      // The clock stands still here: time that passes at once ends a request that is under way.
      await untilLive(page);
      assertEquals(await connectionText(page), "Live, updated every 15 s");
      const before = await newestSeqno(page);
      await eventually("newer tasks", async () => {
        await page.clock.runFor(2_000);
        assertEquals(await page.locator("html.lost").count(), 0);
        return await newestSeqno(page) > before;
      });
    },
  );
}

browserTest("retries after a lost connection come after 1 to 3 s at random", async () => {
  await using emulator = startEmulator();
  await using probe = await startFastProbe(emulator.apiUrl);
  await using opened = await open("about:blank");
  const { page } = opened;
  await page.clock.install();
  await page.addInitScript(`
    const values = [0, 0.5, 0.9];
    Math.random = () => values[(window.drawn = (window.drawn ?? -1) + 1) % 3];
    const setTimeout = window.setTimeout;
    window.delays = [];
    window.setTimeout = (action, ms) => (window.delays.push(ms), setTimeout(action, ms));
  `);
  await page.route("**/events", (route) => route.abort());
  await page.route(
    (url) => url.pathname === "/",
    (route) => route.request().headers().prefer ? route.abort() : route.continue(),
  );
  await page.goto(probe.url);
  // No other timer has such a delay: the one for silence has 25 s.
  const retries = () => page.evaluate<number[]>("delays.filter((ms) => ms > 900 && ms < 10000)");
  await eventually("three retries", async () => {
    await page.clock.runFor(1_000);
    return (await retries()).length >= 3;
  });
  const first = (await retries()).slice(0, 3).map(Math.round);
  assertEquals(first.toSorted((a, b) => a - b), [1_000, 2_000, 2_800]);
});

browserTest("a phone shows the lost connection at every scroll position", async () => {
  await using emulator = startEmulator();
  await using probe = await startFastProbe(emulator.apiUrl);
  await using opened = await open(probe.url, {
    viewport: { width: 360, height: 640 },
    isMobile: true,
  });
  const { page } = opened;
  await untilLive(page);
  await kill(probe);
  await page.locator("html.lost").waitFor();
  await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)");
  await eventually("the page is scrolled", () => page.evaluate<boolean>("scrollY > 300"));
  const box = await page.locator("#live").boundingBox();
  if (!box) throw new Error("#live has no box");
  assert(box.y >= 0 && box.y + box.height < 300, JSON.stringify(box));
});
