/** The page behind a proxy, and with credentials. */
import { assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../support/program.ts";
import { startEmulator } from "../support/targets.ts";
import { browserTest, newestSeqno, open, startFastProbe, UNHURRIED, untilLive } from "./browser.ts";

browserTest("the page works behind a proxy that adds a path prefix", async () => {
  await using emulator = startEmulator();
  await using probe = await startFastProbe(emulator.apiUrl, UNHURRIED);
  await using proxy = startProxy("/probe/", probe.url);
  await using opened = await open(`${proxy.url}/probe/`);
  const { page, problems } = opened;
  await untilLive(page);
  await page.locator("#t1 a").click();
  await page.waitForURL(`${proxy.url}/probe/?task=1#detail`);
  await page.locator("#detail", { hasText: "Trace id" }).waitFor();
  await page.getByLabel("State", { exact: true }).selectOption("failed");
  await page.waitForURL(`${proxy.url}/probe/?state=failed#tasks`);
  await page.getByText("No tracked task matches.").waitFor();
  assertEquals(problems, []);
  await page.getByRole("link", { name: "tasks as JSON" }).click();
  await page.waitForURL(`${proxy.url}/probe/tasks`);
});

browserTest(
  "the page with basic auth opens and follows its probe, and is refused without",
  async () => {
    await using emulator = startEmulator();
    await using probe = await startFastProbe(emulator.apiUrl, {
      HTTP_BASIC_AUTH: "on-call:pässw0rd",
      // Browsers do not send it.
      HTTP_BEARER_TOKEN: "t0ken",
    });
    const httpCredentials = { username: "on-call", password: "pässw0rd" };
    await using opened = await open(probe.url, { httpCredentials });
    const { page, problems } = opened;
    await untilLive(page);
    const seqno = await newestSeqno(page);
    await eventually("a newer task", async () => await newestSeqno(page) > seqno);
    // The browser's first request carries no credentials and gets a 401.
    assertEquals(problems.filter((each) => !each.includes("401")), []);

    await using refused = await open(probe.url, {
      httpCredentials: { ...httpCredentials, password: "wrong" },
    });
    assertMatch(await refused.page.locator("body").innerText(), /expected credentials/);
  },
);

/** A proxy that removes `prefix` from the path of each request. */
function startProxy(prefix: string, url: string): AsyncDisposable & { url: string } {
  const stop = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen() {} },
    (request) => {
      const { pathname, search } = new URL(request.url);
      if (!pathname.startsWith(prefix)) return new Response(null, { status: 404 });
      const { headers, signal } = request;
      return fetch(`${url}/${pathname.slice(prefix.length)}${search}`, { headers, signal });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]() {
      stop.abort();
      return server.finished;
    },
  };
}
