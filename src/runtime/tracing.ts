import type { Random } from "../core/random.ts";
import type { Exchange } from "../http_client/exchange.ts";

/** Runs a task in a trace of its own, which ends with the task. `run` gets the trace's id. */
export type Trace = <T>(run: (traceId: string) => Promise<T>) => Promise<T>;

/** A trace that exists by its id alone: the platform sees it in `traceparent`. */
export function plainTrace(random: Random): Trace {
  return (run) => run(random.hex(16));
}

/**
 * A root span for each task, for Deno's own OpenTelemetry. Where that records nothing, as in an
 * executable that was compiled without it, traces are plain ones.
 */
export async function spanTrace(random: Random): Promise<Trace> {
  const { isSpanContextValid, trace } = await import("@opentelemetry/api");
  const tracer = trace.getTracer("dataplatform-probe");
  return (run) =>
    tracer.startActiveSpan("probe task", { root: true }, async (span) => {
      const context = span.spanContext();
      try {
        return await run(isSpanContextValid(context) ? context.traceId : random.hex(16));
      } finally {
        span.end();
      }
    });
}

/** An exchange with a client span for each request: Deno traces only its own HTTP clients. */
export async function traceExchange(exchange: Exchange): Promise<Exchange> {
  const { SpanKind, SpanStatusCode, trace } = await import("@opentelemetry/api");
  const tracer = trace.getTracer("dataplatform-probe");
  return (request, options) => {
    const { method, url } = request;
    // https://opentelemetry.io/docs/specs/semconv/http/http-spans/
    const attributes = { "http.request.method": method, "server.address": url.hostname };
    return tracer.startActiveSpan(method, { kind: SpanKind.CLIENT, attributes }, async (span) => {
      try {
        const response = await exchange(request, options);
        span.setAttribute("http.response.status_code", response.status);
        return response;
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    });
  };
}
