import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { trace as api } from "@opentelemetry/api";
import { plainTrace, spanTrace } from "../../src/runtime/tracing.ts";
import { seededRandom } from "../support/fake_runtime.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";

Deno.test("plainTrace runs a task with an id of 32 digits, another one each time", async () => {
  const trace = plainTrace(seededRandom());
  const ids = await Promise.all([1, 2, 3].map(() => trace((id) => Promise.resolve(id))));
  for (const id of ids) assertMatch(id, /^[0-9a-f]{32}$/);
  assertEquals(new Set(ids).size, 3);
});

Deno.test("plainTrace starts the task at once and passes on its rejection", async () => {
  const trace = plainTrace(seededRandom());
  let isStarted = false;
  const result = trace(() => {
    isStarted = true;
    return Promise.reject(new Error("broken on purpose"));
  });
  assertEquals(isStarted, true);
  await assertRejects(() => result, Error, "broken on purpose");
});

Deno.test("spanTrace has plain ids where nothing records spans", async () => {
  const trace = await spanTrace(seededRandom());
  const ids = await Promise.all([1, 2].map(() => trace((id) => Promise.resolve(id))));
  for (const id of ids) assertMatch(id, /^[0-9a-f]{32}$/);
  assertEquals(new Set(ids).size, 2);
});

/** Records spans as a provider of OpenTelemetry does, as far as the program uses one. */
async function recordSpans(body: (spans: string[]) => Promise<void>): Promise<void> {
  const events: string[] = [];
  const { startActiveSpan: _, ...noop } = api.getTracer("none");
  const tracer = {
    ...noop,
    startActiveSpan(name: string, options: object, run: (span: object) => unknown) {
      events.push(`${name} begins ${JSON.stringify(options)}`);
      return run({
        spanContext: () => ({ traceId: TRACE_ID, spanId: "00f067aa0ba902b7", traceFlags: 1 }),
        end: () => events.push(`${name} ends`),
      });
    },
  };
  const { getTracer } = api;
  Object.assign(api, { getTracer: () => tracer });
  try {
    await body(events);
  } finally {
    Object.assign(api, { getTracer });
  }
}

Deno.test("spanTrace runs a task in a root span, with its trace id, that ends with the task", async () => {
  await recordSpans(async (events) => {
    const trace = await spanTrace(seededRandom());
    const task = Promise.withResolvers<void>();
    let traceId = "";
    const result = trace((id) => {
      traceId = id;
      return task.promise;
    });
    assertEquals([traceId, events], [TRACE_ID, ['probe task begins {"root":true}']]);
    task.resolve();
    await result;
    assertEquals(events.slice(1), ["probe task ends"]);
  });
});

Deno.test("spanTrace ends the span of a task that rejects", async () => {
  await recordSpans(async (events) => {
    const trace = await spanTrace(seededRandom());
    const failing = () => trace(() => Promise.reject(new Error("broken on purpose")));
    await assertRejects(failing, Error, "broken on purpose");
    assertEquals(events.slice(1), ["probe task ends"]);
  });
});
