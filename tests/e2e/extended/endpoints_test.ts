/** What the endpoints say: rare cases. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { at } from "../../support/at.ts";
import { startLoop, test } from "../../support/program.ts";
import { getTasks, ONCE, untilSettled } from "../../support/loop.ts";
import { readHead, respondWithDataset, startServer, write } from "../../support/targets.ts";

const PATHS = ["/metrics", "/", "/tasks", "/status", "/healthz", "/readyz"];

test("HEAD responds as GET does, without the body", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({
    env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: ONCE },
  });

  for (const path of [...PATHS, "/nothing", "/tasks?limit=0"]) {
    const get = await fetch(probe.url + path);
    await get.body?.cancel();
    const head = await fetch(probe.url + path, { method: "HEAD" });

    assertEquals(await head.text(), "", path);
    assertEquals(head.status, get.status, path);
    assertEquals(head.headers.get("content-type"), get.headers.get("content-type"), path);
  }
});

/** The head of a response, as it comes from the port: `fetch` would hide how it was encoded. */
async function headOf(url: string, method: string, path: string, accepted: string) {
  using connection = await Deno.connect({ port: Number(new URL(url).port) });
  await write(
    connection,
    `${method} ${path} HTTP/1.1\r\nHost: probe\r\nAccept: text/html\r\n` +
      `Accept-Encoding: ${accepted}\r\nConnection: close\r\n\r\n`,
  );
  const head = await readHead(connection);
  const header = (name: string) => head.match(new RegExp(`^${name}: (.*)\\r$`, "im"))?.[1] ?? null;
  return { coding: header("content-encoding"), length: Number(header("content-length") ?? NaN) };
}

test("large responses come in gzip to those who prefer it, and none in what was not asked for", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({
    env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: ONCE },
  });
  await untilSettled(probe.url, 1);
  for (const path of ["/metrics", "/"]) {
    const gzip = await headOf(probe.url, "GET", path, "gzip");
    const head = await headOf(probe.url, "HEAD", path, "gzip");
    // The runtime of the executable would compress these by itself.
    for (const accepted of ["br", "gzip;q=0, *;q=0.5", "deflate, br;q=1"]) {
      const plain = await headOf(probe.url, "GET", path, accepted);
      assertEquals(plain.coding, null, `${path} ${accepted}`);
      assert(plain.length > 2 * gzip.length, `${plain.length} and ${gzip.length} bytes`);
    }
    assertEquals([gzip.coding, head.coding], ["gzip", "gzip"], path);
    // A figure of the metrics, or the time on the page, may have changed.
    assert(Math.abs(head.length - gzip.length) < 100, `${head.length} and ${gzip.length} bytes`);
  }
  for (const path of ["/healthz", "/tasks?limit=0", "/nothing"]) {
    assertEquals((await headOf(probe.url, "GET", path, "gzip, br")).coding, null, path);
  }
});

test("/tasks gives 100 tasks unless told otherwise", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({
    env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "0.005" },
  });
  await untilSettled(probe.url, 102);

  const { tasks, next } = await getTasks(probe.url);
  assertEquals([tasks.length, next], [100, at(tasks, 99).seqno]);
  assert((await getTasks(probe.url, "?limit=1000")).tasks.length > 100);
});

test("/tasks refuses a bad query with 400, in JSON that names it", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({ env: { OKDATA_API_URL: target.url } });

  for (
    const [query, named] of [
      ["state=weird", "state"],
      ["state=", "state"],
      ...["0", "1001", "-1", "1.5", "abc", "", "1e2"].map((value) =>
        [`limit=${value}`, "limit"] as const
      ),
      ...["-1", "abc", "", "1.5"].map((value) => [`before=${value}`, "before"] as const),
      ["stat=failed", "stat"],
    ] as const
  ) {
    const response = await fetch(`${probe.url}/tasks?${query}`);
    const { error } = await response.json();

    assertEquals(response.status, 400, query);
    assertStringIncludes(error, named);
  }
});

test("/ responds to a scraper as /metrics does, in both formats", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({
    env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: ONCE },
  });
  await untilSettled(probe.url, 1);

  const openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
  const text = "text/plain; version=0.0.4; charset=utf-8";
  for (
    const [accept, type] of [
      ["*/*", text],
      ["text/plain;version=0.0.4;q=0.5,*/*;q=0.1", text],
      // What Prometheus 3 and Prometheus 2 send.
      [
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," +
        "text/plain;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.2",
        openMetrics,
      ],
      [
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," +
        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        openMetrics,
      ],
    ] as const
  ) {
    const shapes = [];
    for (const path of ["/metrics", "/"]) {
      const response = await fetch(probe.url + path, { headers: { accept } });
      const body = await response.text();
      assertEquals([response.status, response.headers.get("content-type")], [200, type], accept);
      assertEquals(body.endsWith("# EOF\n"), type === openMetrics);
      assertMatch(body, /^probe_tasks_created_total\{[^}]*\} 1$/m);
      // Values of the process itself change from one scrape to the next.
      shapes.push(body.split("\n").map((line) => line.replace(/ \S+$/, "")));
    }
    assertEquals(shapes[0], shapes[1]);
  }
});

test("anything else is 404 or 405 in JSON", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({ env: { OKDATA_API_URL: target.url } });

  const refusals: [method: string, path: string, status: number][] = [
    ...["/nothing", "/metrics/", "/tasks/1", "//", "/%00", "/..%2f", "/favicon.ico"]
      .map((path): [string, string, number] => ["GET", path, 404]),
    ["POST", "/nothing", 404],
    ...PATHS.flatMap((path) =>
      ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
        .map((method): [string, string, number] => [method, path, 405])
    ),
  ];
  for (const [method, path, status] of refusals) {
    const response = await fetch(probe.url + path, { method });
    const { error } = await response.json();

    assertEquals(response.status, status, `${method} ${path}`);
    assertEquals(typeof error, "string");
    if (status === 405) assertEquals(response.headers.get("allow"), "GET, HEAD");
  }
});
