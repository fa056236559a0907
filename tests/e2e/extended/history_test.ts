/** What was before the process, from a Prometheus that is well, slow, down, or refuses. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DATASET_ID, eventually, run, startLoop, test } from "../../support/program.ts";
import { scrape } from "../../support/scrape.ts";
import { respondWithDataset, startServer, type Target } from "../../support/targets.ts";

const TOKEN = "t0ken-of-prometheus";

/** Probes so often that slots pass during each test, and so rarely that a busy machine skips none. */
const often = (target: Target) => ({ OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "0.25" });

type Query = { url: string; headers: Headers; parameters: URLSearchParams };

/** A Prometheus, or a proxy before one, with these responses. */
function startPrometheus(respond: (query: Query) => Response | Promise<Response>) {
  const queries: Query[] = [];
  const stop = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen() {} },
    async (request) => {
      const parameters = new URLSearchParams(await request.text());
      const query = { url: request.url, headers: request.headers, parameters };
      queries.push(query);
      return respond(query);
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    queries,
    [Symbol.asyncDispose]() {
      stop.abort();
      return server.finished;
    },
  };
}

/** One incident that ended half an hour ago, and nothing else. */
function respondWithIncident({ parameters }: Query): Response {
  const stepSeconds = Number(parameters.get("step"));
  const endSeconds = Math.floor((Date.now() / 1e3 - 1_800) / stepSeconds) * stepSeconds;
  const query = parameters.get("query") ?? "";
  const isFailing = /^min_over_time/.test(query) && /since/.test(query);
  const result = !isFailing ? [] : [{
    metric: { dataset_id: DATASET_ID, unknown: "label" },
    values: [[endSeconds, String(endSeconds - 600)], [endSeconds + stepSeconds, "NaN"]],
  }];
  return Response.json({ status: "success", data: { resultType: "matrix", result }, warnings: [] });
}

async function lastIncident(url: string) {
  const { datasets: [dataset] } = await (await fetch(`${url}/status`)).json();
  return dataset.last_incident;
}

test("an incident before the process is known after a restart", async () => {
  await using target = startServer(respondWithDataset);
  await using prometheus = startPrometheus(respondWithIncident);
  await using probe = await startLoop({
    env: {
      ...often(target),
      PROMETHEUS_URL: `${prometheus.url}/prefix/`,
      PROMETHEUS_BEARER_TOKEN: TOKEN,
      PROMETHEUS_LOCATION: "x",
    },
  });
  const incident = await eventually("the incident is known", () => lastIncident(probe.url));
  assertEquals([incident.resolution_seconds, incident.lost], [300, 0]);
  assertEquals(Date.parse(incident.end) - Date.parse(incident.start), 600_000);
  for (const { url, headers, parameters } of prometheus.queries) {
    assertEquals(new URL(url).pathname, "/prefix/api/v1/query_range");
    assertEquals(headers.get("authorization"), `Bearer ${TOKEN}`);
    assertStringIncludes(parameters.get("query") ?? "", 'environment="local", location="x"');
  }
  probe.kill("SIGTERM");
  assertEquals((await probe.ended()).code, 0);
  assert(!probe.stderr.includes(TOKEN) && !/history/.test(probe.stderr), probe.stderr);
});

const FAILURES: [what: string, respond: ((query: Query) => Response) | null, message: string][] = [
  [
    "refuses the token",
    () => new Response(`not ${TOKEN}`, { status: 401 }),
    "status 401: not [redacted]",
  ],
  ["is broken", () => new Response("oh\nno", { status: 500 }), "status 500: oh no"],
  [
    "is a page to sign in at",
    () => new Response("<!doctype html><title>Sign in</title>"),
    'HTML instead of JSON: \\"Sign in\\"',
  ],
  [
    "sends too much",
    () => new Response(new Uint8Array(2 ** 21)),
    "the body is larger than 1048576 bytes",
  ],
  ["is down", null, "connect ECONNREFUSED"],
];

for (const [what, respond, message] of FAILURES) {
  test(`a Prometheus that ${what} is told once, and changes no task`, async () => {
    await using target = startServer(respondWithDataset);
    const prometheus = startPrometheus(respond ?? respondWithIncident);
    if (!respond) await prometheus[Symbol.asyncDispose]();
    await using probe = await startLoop({
      env: {
        ...often(target),
        PROMETHEUS_URL: prometheus.url,
        PROMETHEUS_BEARER_TOKEN: TOKEN,
        LOG_FORMAT: "json",
      },
    });
    const line = "the history could not be read from Prometheus: ";
    await eventually("it is told", () => probe.stderr.includes(line));
    assertStringIncludes(probe.stderr, line + message);
    assertEquals(await lastIncident(probe.url), null);
    assertEquals(probe.stderr.split(line).length, 2);
    assert(!probe.stderr.includes(TOKEN), probe.stderr);
    const { value } = await scrape(probe.url);
    assertEquals(value("probe_tasks_failed_total"), 0);
    assertEquals(value("probe_slots_skipped_total"), 0);
    if (respond) await prometheus[Symbol.asyncDispose]();
  });
}

test("a Prometheus that never responds delays no slot, and not the end of the probe", async () => {
  await using target = startServer(respondWithDataset);
  const waiting = Promise.withResolvers<Response>();
  await using prometheus = startPrometheus(() => waiting.promise);
  try {
    await using probe = await startLoop({
      env: { ...often(target), PROMETHEUS_URL: prometheus.url },
    });
    await eventually("a query", () => prometheus.queries.length === 1);
    await eventually("tasks all the while", async () => {
      const { value } = await scrape(probe.url);
      assertEquals(value("probe_slots_skipped_total"), 0);
      return value("probe_tasks_succeeded_total") > 15;
    });
    // One query at a time.
    assertEquals(prometheus.queries.length, 1);
    probe.kill("SIGTERM");
    const { code, stderr } = await probe.ended();
    assertEquals([code, stderr.includes("history")], [0, false]);
  } finally {
    waiting.resolve(new Response());
  }
});

test("Prometheus is asked by the proxy, unless NO_PROXY names it", async () => {
  await using target = startServer(respondWithDataset);
  await using proxy = startPrometheus(respondWithIncident);
  const env = {
    ...often(target),
    PROMETHEUS_URL: "http://prometheus.test:9090",
    HTTP_PROXY: proxy.url.replace("//", "//me:s3cret@"),
  };
  {
    await using probe = await startLoop({ env });
    await eventually("the incident is known", () => lastIncident(probe.url));
    const { hostname, port } = new URL(proxy.url);
    assertStringIncludes(probe.stderr, `by proxy ${hostname}:${port} for prometheus.test`);
    assert(!probe.stderr.includes("s3cret"), probe.stderr);
  }
  for (const { url, headers } of proxy.queries) {
    assertEquals(url, "http://prometheus.test:9090/api/v1/query_range");
    assertEquals(headers.get("proxy-authorization"), `Basic ${btoa("me:s3cret")}`);
  }
  const asked = proxy.queries.length;
  await using probe = await startLoop({ env: { ...env, NO_PROXY: ".test" } });
  await eventually(
    "it is told",
    () => probe.stderr.includes("prometheus.test: ") || probe.stderr.includes("could not be read"),
  );
  assertEquals(proxy.queries.length, asked);
});

test("a token file that is missing is a problem of the configuration", async () => {
  const { code, stderr } = await run({
    env: {
      LOCAL_SERVICES_ONLY: "true",
      DATASET_ID,
      PROMETHEUS_URL: "http://127.0.0.1:9",
      PROMETHEUS_BEARER_TOKEN_FILE: "/nosuch/token",
    },
  });
  assertEquals(code, 2);
  assertStringIncludes(stderr, "PROMETHEUS_BEARER_TOKEN_FILE: expected a file that can be read");
});
