import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import type { StatusQuery } from "../../src/status_page/view.ts";
import { assertHasSecurityHeaders, NOTHING_YET, serverWith } from "../support/server.ts";

const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

function page(server: ReturnType<typeof serverWith>, path = "/", accept = BROWSER) {
  return server.request(path, { headers: { accept } });
}

Deno.test("a browser gets the page, with a policy that trusts nothing but the page's own", async () => {
  const response = await page(serverWith({}));
  assertEquals(response.status, 200);
  assertMatch(response.headers.get("content-type") ?? "", /^text\/html; charset=utf-8$/i);
  assertMatch(await response.text(), /^<!doctype html>/i);
  const policy = response.headers.get("content-security-policy") ?? "";
  assert(policy.includes("default-src 'none'"), policy);
  assert(!policy.includes("unsafe"), policy);
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertHasSecurityHeaders(response);
});

Deno.test("what the probe fails to answer is told to its log alone, under the headers of every answer", async () => {
  const errors: Error[] = [];
  const render = () => Promise.reject(new Error("s3cret"));
  const server = serverWith({ render, onError: (error) => errors.push(error) });
  const response = await page(server, "/metrics");
  assertEquals(response.status, 500);
  assertEquals(await response.json(), { error: "the probe failed to answer; its log says why" });
  assertEquals(errors.map(({ message }) => message), ["s3cret"]);
  assertHasSecurityHeaders(response);
});

Deno.test("who does not name text/html gets metrics at /, and everybody does at /metrics", async () => {
  const body = new TextEncoder().encode("metrics\n");
  const render = () => Promise.resolve({ contentType: "text/plain", body });
  const server = serverWith({ render });
  for (const accept of ["*/*", "text/*", "application/json", "text/html;q=0.1,text/plain"]) {
    assertEquals(await (await page(server, "/", accept)).text(), "metrics\n", accept);
  }
  assertEquals(await (await page(server, "/metrics")).text(), "metrics\n");
});

Deno.test("an exposition that many wait for is copied for none of them", async () => {
  const body = new TextEncoder().encode("metrics\n");
  const server = serverWith({ render: () => Promise.resolve({ contentType: "text/plain", body }) });
  const [chunk] = await Array.fromAsync((await page(server, "/metrics")).body!);
  assertStrictEquals<Uint8Array>(chunk, body);
});

Deno.test("the page's query is read as it was meant; empty fields of a form are none", async () => {
  const asked: StatusQuery[] = [];
  const server = serverWith({
    status(query) {
      asked.push(query);
      return { ...NOTHING_YET, query };
    },
  });
  const path = "/?state=failed&dataset_id=abc123&reason=dns&before=7&task=3&page=2";
  assertEquals((await page(server, path)).status, 200);
  assertEquals((await page(server, "/?state=&dataset_id=&reason=&before=")).status, 200);
  const [everything, nothing] = asked.map((query) => JSON.parse(JSON.stringify(query)));
  assertEquals(everything, {
    ...{ state: "FAILED", datasetId: "abc123", reason: "dns", before: 7, task: 3, page: 2 },
  });
  assertEquals(nothing, { page: 1 });
});

const BAD: [path: string, says: string][] = [
  ["/?state=bad", "state: expected one of pending, succeeded, failed"],
  ["/?reason=bad", "reason: expected one of timeout, dns"],
  ["/?before=-1", "before: expected a seqno"],
  ["/?state=failed&state=pending", "state: expected it once"],
  ["/tasks?limit=5&limit=6", "limit: expected it once"],
  ["/?page=0", "page: expected a whole number, at least 1"],
  ["/?colour=red", "colour: unknown; expected state, dataset_id, reason, before, task, page"],
  ["/tasks?limit=1001", "limit: expected a whole number from 1 to 1000"],
  ["/tasks?reason=bad", "reason: expected one of timeout, dns"],
  ["/tasks?page=1", "page: unknown; expected state, dataset_id, reason, before, limit"],
];

for (const [path, says] of BAD) {
  Deno.test(`GET ${path} is refused with what was expected`, async () => {
    const response = await page(serverWith({}), path);
    assertEquals(response.status, 400);
    const text = await response.text();
    assert(text.includes(says), text);
  });
}

Deno.test("a page is made once for all who learn of the same news, and anew after a second", async () => {
  let made = 0;
  let flushes = 0;
  let nowMs = 0;
  const server = serverWith({
    status: (query) => ({ ...NOTHING_YET, query, version: `${++made}` }),
    flushes: () => flushes,
    monotonic: () => nowMs,
  });
  const look = async (path = "/") => {
    await (await page(server, path)).text();
    return made;
  };
  assertEquals([await look(), await look(), await look("/?page=1")], [1, 1, 1]);
  assertEquals([await look("/?state=failed"), await look("/?state=failed")], [2, 2]);
  flushes++;
  assertEquals([await look(), await look("/?state=failed")], [3, 4]);
  nowMs += 999;
  assertEquals(await look(), 4);
  nowMs += 1;
  assertEquals(await look(), 5);
});

Deno.test("queries without end are not kept without end", async () => {
  let made = 0;
  const server = serverWith({ status: (query) => (made++, { ...NOTHING_YET, query }) });
  for (let before = 0; before < 1_000; before++) await page(server, `/?before=${before}`);
  await page(server, "/?before=0");
  assertEquals(made, 1_001);
});

Deno.test("events stream to who listens; a HEAD opens nothing; too many are sent away", async () => {
  let listening = 0;
  const hello = () => {
    listening++;
    return new Response("event: hello\n\n").body;
  };
  const response = await serverWith({ listen: hello }).request("/events");
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  assertEquals(await response.text(), "event: hello\n\n");

  const head = await serverWith({ listen: hello }).request("/events", { method: "HEAD" });
  assertEquals([head.status, listening], [200, 1]);

  const full = await serverWith({ listen: () => null }).request("/events");
  assertEquals([full.status, full.headers.get("retry-after")], [503, "10"]);
  await full.body?.cancel();
});
