import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import type { StatusQuery } from "../../src/status_page/view.ts";
import { assertHasSecurityHeaders, NOTHING_YET, serverWith } from "../support/server.ts";
import { BROWSER, requestPage } from "./browser_request.ts";

Deno.test("GET / sends a browser the page with a policy that allows its own script and style", async () => {
  const response = await requestPage(serverWith({}));
  assertEquals(response.status, 200);
  assertMatch(response.headers.get("content-type") ?? "", /^text\/html; charset=utf-8$/i);
  assertMatch(await response.text(), /^<!doctype html>/i);
  const policy = response.headers.get("content-security-policy") ?? "";
  assert(policy.includes("default-src 'none'"), policy);
  assert(!policy.includes("unsafe"), policy);
  assertEquals(response.headers.get("cache-control"), "no-store, no-transform");
  assertHasSecurityHeaders(response);
});

Deno.test("server reports an unexpected error to onError alone, and responds with 500", async () => {
  const errors: Error[] = [];
  const renderMetrics = () => Promise.reject(new Error("s3cret"));
  const server = serverWith({ renderMetrics, onError: (error) => errors.push(error) });
  const response = await server.request("/metrics");
  assertEquals(response.status, 500);
  assertEquals(await response.json(), { error: "internal error; the probe's log has the details" });
  assertEquals(errors.map(({ message }) => message), ["s3cret"]);
  assertHasSecurityHeaders(response);
});

Deno.test("GET / sends metrics unless text/html is preferred, and GET /metrics always does", async () => {
  const body = new TextEncoder().encode("metrics\n");
  const renderMetrics = () => Promise.resolve({ contentType: "text/plain", body });
  const server = serverWith({ renderMetrics });
  for (const accept of ["*/*", "text/*", "application/json", "text/html;q=0.1,text/plain"]) {
    assertEquals(await (await requestPage(server, "/", accept)).text(), "metrics\n", accept);
  }
  assertEquals(await (await requestPage(server, "/metrics", BROWSER)).text(), "metrics\n");
});

Deno.test("GET /metrics sends the rendered bytes without a copy", async () => {
  const body = new TextEncoder().encode("metrics\n");
  const renderMetrics = () => Promise.resolve({ contentType: "text/plain", body });
  const response = await serverWith({ renderMetrics }).request("/metrics");
  const [chunk] = await Array.fromAsync(response.body ?? []);
  assertStrictEquals<Uint8Array | undefined>(chunk, body);
});

Deno.test("GET / passes its query on, without the fields that a form left empty", async () => {
  const queries: StatusQuery[] = [];
  const server = serverWith({
    viewStatus(query) {
      queries.push(query);
      return { ...NOTHING_YET, query };
    },
  });
  const path =
    "/?state=failed&dataset_id=abc123&reason=dns&before=7&after=2&until=1700000000&task=3&q=+Skol+&range=6h&page=2";
  assertEquals((await requestPage(server, path)).status, 200);
  assertEquals((await requestPage(server, "/?state=&dataset_id=&reason=&before=&q=")).status, 200);
  const [full, empty] = queries.map((query) => JSON.parse(JSON.stringify(query)));
  assertEquals(full, {
    state: "FAILED",
    datasetId: "abc123",
    reason: "dns",
    before: 7,
    after: 2,
    until: 1_700_000_000_000,
    task: 3,
    q: "Skol",
    range: "6h",
    page: 2,
  });
  assertEquals(empty, { page: 1 });
});

const BAD_QUERIES: [path: string, problem: string][] = [
  ["/?state=bad", "state: expected one of pending, succeeded, failed"],
  ["/?reason=bad", "reason: expected one of timeout, dns"],
  ["/?before=-1", "before: expected a seqno"],
  ["/?state=failed&state=pending", "state: expected a single value"],
  ["/tasks?limit=5&limit=6", "limit: expected a single value"],
  ["/?page=0", "page: expected a whole number, at least 1"],
  [
    "/?colour=red",
    "colour: unknown; expected state, dataset_id, reason, before, after, until, task, q, range, page",
  ],
  ["/?until=2026-11-29", "until: expected seconds since 1970, a whole number"],
  ["/?range=7h", "range: expected one of 5m, 1h, 6h, 24h"],
  ["/tasks?limit=1001", "limit: expected a whole number from 1 to 1000"],
  ["/tasks?reason=bad", "reason: expected one of timeout, dns"],
  ["/tasks?page=1", "page: unknown; expected state, dataset_id, reason, before, after, limit"],
];

for (const [path, problem] of BAD_QUERIES) {
  Deno.test(`GET ${path} is refused with what was expected`, async () => {
    const response = await requestPage(serverWith({}), path);
    assertEquals(response.status, 400);
    const text = await response.text();
    assert(text.includes(problem), text);
  });
}

Deno.test("GET /events streams events, HEAD opens no stream, and too many streams are refused", async () => {
  let opened = 0;
  const openEvents = () => {
    opened++;
    return new Response("event: hello\n\n").body;
  };
  const response = await serverWith({ openEvents }).request("/events");
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  assertEquals(await response.text(), "event: hello\n\n");

  const head = await serverWith({ openEvents }).request("/events", { method: "HEAD" });
  assertEquals([head.status, opened], [200, 1]);

  const refused = await serverWith({ openEvents: () => null }).request("/events");
  assertEquals([refused.status, refused.headers.get("retry-after")], [503, "10"]);
  assertEquals(await refused.json(), { error: "too many event streams are open" });
});

Deno.test("server names its paths in a 404, and the allowed methods in a 405", async () => {
  const unknown = await serverWith({}).request("/nothing");
  assertEquals(unknown.status, 404);
  const paths = "/metrics, /, /tasks, /status, /badge/:file, /events, /healthz, /readyz";
  assertEquals(await unknown.json(), { error: `unknown path; expected one of ${paths}` });

  const refused = await serverWith({}).request("/tasks", { method: "DELETE" });
  assertEquals([refused.status, refused.headers.get("allow")], [405, "GET, HEAD"]);
  assertEquals(await refused.json(), { error: "expected GET or HEAD, got DELETE" });
});
