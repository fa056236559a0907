import { assertEquals } from "@std/assert";
import { systemClock } from "../../src/core/clock.ts";
import { loadPage } from "../../src/server/pages.ts";
import { NOTHING_YET, serverWith } from "../support/server.ts";
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
