import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { createRedactor } from "../../../src/http_client/redact.ts";
import type { HttpRequest } from "../../../src/http_client/exchange.ts";
import { createQueryRange } from "../../../src/prometheus/past/query_range.ts";
import { RequestError } from "../../../src/http_client/errors.ts";
import { FakeClock } from "../../support/clock.ts";

const QUERY = { expression: 'up{a="b"}', startMs: 1_000_000, endMs: 1_600_500, stepSeconds: 300 };
const TOKEN = "t0ken-of-prometheus";

/** A query whose exchange responds with this. */
function ask(body: string | object, { status = 200, token = null as string | null } = {}) {
  const requests: HttpRequest[] = [];
  const { redact, hide } = createRedactor();
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const query = createQueryRange({
    exchange(request) {
      requests.push(request);
      return Promise.resolve({ status, headers: {}, body: new TextEncoder().encode(text) });
    },
    clock: new FakeClock(),
    url: "http://prometheus:9090/prefix",
    timeoutMs: 30_000,
    readToken() {
      if (token !== null) hide(token);
      return Promise.resolve(token);
    },
    redact,
  });
  return { requests, series: query(QUERY, new AbortController().signal) };
}

function matrix(result: unknown) {
  return { status: "success", data: { resultType: "matrix", result } };
}

Deno.test("a query is posted to the API of Prometheus, with the token if there is one", async () => {
  const { requests, series } = ask(matrix([]), { token: TOKEN });
  assertEquals(await series, []);
  const [{ url, method, headers, body } = {} as HttpRequest] = requests;
  assertEquals([String(url), method], ["http://prometheus:9090/prefix/api/v1/query_range", "POST"]);
  assertEquals(headers.authorization, `Bearer ${TOKEN}`);
  assertEquals(Object.fromEntries(new URLSearchParams(body)), {
    query: QUERY.expression,
    start: "1000",
    end: "1600.5",
    step: "300",
    timeout: "30s",
  });
  const { requests: [open] } = ask(matrix([]));
  await Promise.resolve();
  assertEquals(open?.headers.authorization, undefined);
});

Deno.test("a query gives the points of each series, and leaves out what is no count", async () => {
  const values = [
    [1000, "3"],
    [1300, "NaN"],
    [1300.5, "0.25"],
    [1400, "+Inf"],
    [1400, "-1"],
    [1400, "1e16"],
    [1400, ""],
    [1400, 5],
    ["1400", "5"],
    [999, "5"],
    [1601, "5"],
    null,
    [],
    { 0: 1400, 1: "5" },
    [1600.5, "7"],
  ];
  const series = await ask(matrix([
    { metric: { dataset_id: "a", more: "b" }, values, histograms: [] },
    { metric: {}, values: [] },
  ])).series;
  assertEquals(series, [
    {
      labels: { dataset_id: "a", more: "b" },
      points: [
        { atMs: 1_000_000, value: 3 },
        { atMs: 1_300_500, value: 0.25 },
        { atMs: 1_600_500, value: 7 },
      ],
    },
    { labels: {}, points: [] },
  ]);
});

const FAILURES: [body: string | object, status: number, reason: string, message: string][] = [
  [
    { status: "error", errorType: "bad_data", error: "parse error" },
    400,
    "http",
    'status 400: {"status":"error","errorType":"bad_data","error":"parse error"}',
  ],
  ["Unauthorized\n", 401, "unauthorized", "status 401: Unauthorized"],
  ["no", 403, "unauthorized", "status 403: no"],
  ["", 500, "http", "status 500"],
  [
    "<html><head><title>Sign in</title></head></html>",
    200,
    "invalid_response",
    'HTML instead of JSON: "Sign in"',
  ],
  ["<html><title>Moved</title></html>", 302, "http", 'status 302: HTML, "Moved"'],
  [`token ${TOKEN}`, 502, "http", "status 502: token [redacted]"],
  ["{", 200, "invalid_response", "the body is not JSON: {"],
  ["[]", 200, "invalid_response", "the body is no matrix of Prometheus"],
  [
    { status: "success", data: { resultType: "vector", result: [] } },
    200,
    "invalid_response",
    "the body is no matrix of Prometheus",
  ],
  [
    matrix([{ metric: { a: 1 }, values: [] }]),
    200,
    "invalid_response",
    "the body is no matrix of Prometheus",
  ],
];

for (const [body, status, reason, message] of FAILURES) {
  Deno.test(`a query fails on status ${status} with ${JSON.stringify(body)}`, async () => {
    const { series } = ask(body, { status, token: TOKEN });
    const error = await assertRejects(() => series, RequestError);
    assertEquals([error.reason, error.message], [reason, message]);
  });
}

Deno.test("a query ends at its deadline, and with the signal", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const query = createQueryRange({
    exchange: () => new Promise(() => {}),
    clock,
    url: "http://prometheus",
    timeoutMs: 30_000,
    readToken: () => Promise.resolve(null),
    redact: (text) => text,
  });
  const late = assertRejects(() => query(QUERY, stop.signal), RequestError);
  await clock.run(30_000);
  assertEquals((await late).message, "no complete response within 30 s");
  const ended = assertRejects(() => query(QUERY, stop.signal), Error, "stopped");
  stop.abort(new Error("stopped"));
  await ended;
});

/** JSON that is nearly what Prometheus sends. */
const nearly = fc.record({
  status: fc.constantFrom("success", "error"),
  data: fc.record({
    resultType: fc.constantFrom("matrix", "vector"),
    result: fc.array(
      fc.record({
        metric: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.nat())),
        values: fc.array(fc.oneof(
          fc.tuple(fc.double(), fc.oneof(fc.double().map(String), fc.string())),
          fc.tuple(fc.integer({ min: 999, max: 1_602 }), fc.nat().map(String)),
          fc.jsonValue(),
        )),
      }, { requiredKeys: ["metric"] }),
      { maxLength: 5 },
    ),
  }),
});

Deno.test("whatever the body is, a query gives bounded numbers or fails with a reason", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(nearly.map((each) => JSON.stringify(each)), fc.json(), fc.string()),
      async (body) => {
        try {
          for (const { labels, points } of await ask(body).series) {
            assert(Object.values(labels).every((label) => typeof label === "string"));
            for (const { atMs, value } of points) {
              assert(atMs >= QUERY.startMs && atMs <= QUERY.endMs && value >= 0 && value <= 1e15);
            }
          }
        } catch (error) {
          assertEquals(error instanceof RequestError && error.reason, "invalid_response");
        }
      },
    ),
    { numRuns: 500 },
  );
});
