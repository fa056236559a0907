import { assert, assertEquals } from "@std/assert";
import { DATASET_ID, run, test } from "../../support/program.ts";
import { respondWithDataset, startServer } from "../../support/targets.ts";

type Span = { name: string; traceId: string; parentSpanId: string };

/** A receiver of OTLP traces as JSON. */
function startReceiver() {
  const spans: Span[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.json();
    // deno-lint-ignore no-explicit-any -- the shape is OTLP's
    for (const { scopeSpans } of body.resourceSpans ?? [] as any[]) {
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
    return Response.json({});
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    spans,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const traceOf = (headers: Headers) => headers.get("traceparent")?.split("-")[1];

test("every task sends its own trace id as `traceparent`", async () => {
  await using api = startServer(respondWithDataset);
  const { stdout } = await run({
    args: ["--count", "3", "--task-interval", "0.05", "--json"],
    env: { DATASET_ID, OKDATA_API_URL: api.url, LOCAL_SERVICES_ONLY: "true" },
  });
  const ids = JSON.parse(stdout).tasks.map((task: { trace_id: string }) => task.trace_id);
  assertEquals(api.requests.map(({ headers }) => traceOf(headers)), ids);
  assertEquals(new Set(ids).size, 3);
  for (const id of ids) assert(/^[0-9a-f]{32}$/.test(id), id);
});

test("with Deno's OpenTelemetry each task is one root trace, of the id that the task shows", async () => {
  await using receiver = startReceiver();
  await using api = startServer(respondWithDataset);
  const { stdout } = await run({
    args: ["--count", "3", "--task-interval", "0.05", "--json"],
    env: {
      DATASET_ID,
      OKDATA_API_URL: api.url,
      LOCAL_SERVICES_ONLY: "true",
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    },
  });
  const ids = JSON.parse(stdout).tasks.map((task: { trace_id: string }) => task.trace_id);
  const roots = receiver.spans.filter(({ parentSpanId }) => !parentSpanId);
  assertEquals(
    roots.map(({ name, traceId }) => [name, traceId]),
    ids.map((id: string) => [
      "probe task",
      id,
    ]),
  );
  assertEquals(api.requests.map(({ headers }) => traceOf(headers)), ids);
  const requests = receiver.spans.filter(({ parentSpanId }) => parentSpanId);
  assertEquals(requests.map(({ traceId }) => traceId).sort(), ids.toSorted());
});
