import { assert, assertEquals } from "@std/assert";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { loadPage } from "../../src/server/pages.ts";
import { NOTHING_YET, serverWith } from "../support/server.ts";
import { play, SCENES, statusPage } from "../support/status.ts";
import { requestPage } from "./browser_request.ts";

Deno.test("GET / reuses a page until readers of /events are notified, for a second at most", async () => {
  let rendered = 0;
  let eventFlushes = 0;
  let nowMs = 0;
  const server = serverWith({
    clock: { ...systemClock, monotonic: () => nowMs },
    viewStatus: (query) => ({ ...NOTHING_YET, query, version: `${++rendered}` }),
    eventFlushes: () => eventFlushes,
  });
  /** Requests a page, and returns how many have been rendered. */
  const renderedAfter = async (path = "/") => {
    await (await requestPage(server, path)).text();
    return rendered;
  };
  for (const path of ["/", "/", "/?page=1"]) assertEquals(await renderedAfter(path), 1);
  for (const path of ["/?state=failed", "/?state=failed"]) {
    assertEquals(await renderedAfter(path), 2);
  }
  eventFlushes++;
  assertEquals([await renderedAfter(), await renderedAfter("/?state=failed")], [3, 4]);
  nowMs += 999;
  assertEquals(await renderedAfter(), 4);
  nowMs += 1;
  assertEquals(await renderedAfter(), 5);
});

Deno.test("GET / keeps a bounded number of pages", async () => {
  let rendered = 0;
  const server = serverWith({
    // Time stands still, so that no turn of the event loop is long.
    clock: { ...systemClock, monotonic: () => 0 },
    viewStatus(query) {
      rendered++;
      return { ...NOTHING_YET, query };
    },
  });
  for (let before = 0; before < 1_000; before++) await requestPage(server, `/?before=${before}`);
  await requestPage(server, "/?before=0");
  assertEquals(rendered, 1_001);
});

Deno.test("loadPage loads the module once for concurrent callers", async () => {
  const modules = await Promise.all(Array.from({ length: 10 }, () => loadPage(systemClock)));
  assertEquals(new Set(modules).size, 1);
});

/** A clock on which whatever is done between two looks has held the event loop for too long. */
function slowClock(onTurn: () => void): Clock {
  let nowMs = 0;
  return {
    now: systemClock.now,
    monotonic: () => nowMs += 3,
    after(_delayMs, callback) {
      return systemClock.after(0, () => {
        onTurn();
        callback();
      });
    },
  };
}

Deno.test("GET / releases the event loop between the parts of a page of 200 datasets", async () => {
  const view = play(SCENES.many)();
  let [turns, views] = [0, 0];
  const server = serverWith({
    clock: slowClock(() => turns++),
    viewStatus() {
      views++;
      return view;
    },
  });
  const pages = await Promise.all([1, 2].map(async () => {
    const response = await requestPage(server, "/");
    return await response.text();
  }));
  assertEquals(pages, [statusPage(view), statusPage(view)]);
  assertEquals(views, 1, "both viewers share a rendering");
  assert(turns >= view.datasets.length + 20, `${turns} turns`);
});

Deno.test("GET / views again what readers of /events were notified of during a rendering", async () => {
  let [rendered, eventFlushes] = [0, 0];
  const server = serverWith({
    clock: slowClock(() => eventFlushes = 1),
    viewStatus: (query) => ({ ...NOTHING_YET, query, version: `version-${++rendered}` }),
    eventFlushes: () => eventFlushes,
  });
  const shown = async () => {
    const html = await (await requestPage(server, "/")).text();
    return new Set(html.match(/version-\d/g));
  };
  const [first, second] = await Promise.all([shown(), shown()]);
  assertEquals([first, second], [new Set(["version-1"]), new Set(["version-2"])]);
});
