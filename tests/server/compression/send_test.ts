import { assertEquals, assertMatch } from "@std/assert";
import { systemClock } from "../../../src/core/clock.ts";
import { listenWith } from "../../../src/server/listen.ts";
import { newMetrics } from "../../prometheus/sample_metrics.ts";
import {
  assertHasSecurityHeaders,
  NO_STATUS,
  NOTHING_YET,
  serverWith,
} from "../../support/server.ts";
import { BROWSER } from "../browser_request.ts";

/** More than fits without compression. */
const LONG = "x".repeat(2_000);

/** A server each of whose large responses is worth compressing. */
function server() {
  const metrics = newMetrics();
  return serverWith({
    renderMetrics: (format) => metrics.render(format),
    readStatus: () => ({ ...NO_STATUS, app_id: LONG }),
    viewStatus: (query) => ({ ...NOTHING_YET, query }),
    trackedCounts: () => ({ ...NOTHING_YET.tracked, [LONG]: 0 }),
  });
}

const PAGES: [path: string, accept: string][] = [
  ["/metrics", "*/*"],
  ["/metrics", "application/openmetrics-text;version=1.0.0"],
  ["/", "*/*"],
  ["/", BROWSER],
  ["/tasks", "*/*"],
  ["/status", "*/*"],
];

for (const [path, accept] of PAGES) {
  Deno.test(`GET and HEAD ${path} of ${accept} are the same in gzip as without`, async () => {
    const probe = server();
    const ask = (headers: Record<string, string>, method = "GET") =>
      probe.request(path, { method, headers: { accept, ...headers } });
    const plain = await ask({});
    const plainText = await plain.text();
    const gzip = await ask({ "accept-encoding": "gzip" });
    const bytes = await gzip.bytes();
    const decoded = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));

    assertEquals(await new Response(decoded).text(), plainText);
    assertEquals(gzip.headers.get("content-encoding"), "gzip");
    assertEquals(gzip.headers.get("content-length"), String(bytes.length));
    assertEquals(plain.headers.get("content-encoding"), null);
    for (const response of [plain, gzip]) {
      assertMatch(response.headers.get("vary") ?? "", /\bAccept-Encoding$/);
      assertHasSecurityHeaders(response);
    }
    const head = await ask({ "accept-encoding": "gzip" }, "HEAD");
    assertEquals([...head.headers], [...gzip.headers]);
    assertEquals((await head.bytes()).length, 0);
  });
}

Deno.test("what is small is compressed only for clients that refuse it as it is", async () => {
  const probe = serverWith({});
  const codingOf = async (accepted: string) => {
    const response = await probe.request("/status", { headers: { "accept-encoding": accepted } });
    await response.body?.cancel();
    return [response.status, response.headers.get("content-encoding")];
  };
  assertEquals(await codingOf("gzip"), [200, null]);
  assertEquals(await codingOf("gzip, identity;q=0"), [200, "gzip"]);
});

Deno.test("a client that accepts no encoding that there is gets 406", async () => {
  const response = await server().request("/metrics", {
    headers: { "accept-encoding": "br, identity;q=0" },
  });
  assertEquals([response.status, response.headers.get("vary")], [406, "Accept, Accept-Encoding"]);
  assertEquals(await response.json(), {
    error: "expected gzip or identity among the accepted encodings",
  });
});

Deno.test("while too much waits to be compressed, responses go as they are, or get 503", async () => {
  const huge = "y".repeat(4 * 1024 * 1024);
  let appId = huge;
  const probe = serverWith({ readStatus: () => ({ ...NO_STATUS, app_id: appId }) });
  const ask = (accepted: string) =>
    probe.request("/status", { headers: { "accept-encoding": accepted } });
  const first = ask("gzip");
  appId = LONG;
  const second = await ask("gzip");
  const third = await ask("gzip, identity;q=0");
  assertEquals([second.status, second.headers.get("content-encoding")], [200, null]);
  assertEquals((await second.json()).app_id, LONG);
  assertEquals([third.status, third.headers.get("retry-after")], [503, "1"]);
  assertEquals((await first).headers.get("content-encoding"), "gzip");
});

Deno.test("on the port, a body is sent as it is to a client of another encoding", async () => {
  const listen = listenWith({
    clock: systemClock,
    serve: Deno.serve,
    openDescriptor: () => ({ close() {} }),
    isTaken: () => true,
  });
  const probe = server();
  const listener = listen(
    { host: "127.0.0.1", port: 0, tls: null },
    (request) => probe.fetch(request),
    () => {},
  );
  const response = await fetch(`${listener.url}/status`, { headers: { "accept-encoding": "br" } });
  assertEquals(response.headers.get("content-encoding"), null);
  assertEquals((await response.json()).app_id, LONG);
  await listener.close();
});
