import * as z from "zod/mini";
import { type Clock, within } from "../../core/clock.ts";
import { USER_AGENT } from "../../core/version.ts";
import { quoteBody, withDetail } from "../../http_client/body_text.ts";
import { decodedBody } from "../../http_client/content_encoding.ts";
import { RequestError } from "../../http_client/errors.ts";
import type { Exchange } from "../../http_client/exchange.ts";
import { parseJson } from "../../http_client/json_body.ts";
import type { Redact } from "../../http_client/redact.ts";
import type { HttpResponse } from "../../http_client/response.ts";
import { newTimings } from "../../http_client/timings.ts";

/** An expression at equal steps of time, the end included. */
export type RangeQuery = {
  expression: string;
  startMs: number;
  endMs: number;
  stepSeconds: number;
};

/** The values of a series that are finite numbers, at least 0, oldest first. */
export type Series = { labels: Record<string, string>; points: { atMs: number; value: number }[] };

/** Throws a `RequestError` without secrets. */
export type QueryRange = (query: RangeQuery, signal: AbortSignal) => Promise<Series[]>;

export type QueryRangeOptions = {
  exchange: Exchange;
  clock: Clock;
  /** Of Prometheus, without a slash at its end. */
  url: string;
  timeoutMs: number;
  /** Null when Prometheus asks for none; read for every query, so that it may change. */
  readToken: () => Promise<string | null>;
  redact: Redact;
};

/** More decimals than a count has: a value after them would be no count. */
const MAX_VALUE = 1e15;

const matrix = z.object({
  status: z.literal("success"),
  data: z.object({
    resultType: z.literal("matrix"),
    result: z.array(z.object({
      metric: z.record(z.string(), z.string()),
      values: z.array(z.unknown()),
    })),
  }),
});

/**
 * Asks Prometheus' HTTP API, or what behaves as it does. A response is at most a mebibyte: who asks
 * for more gets an error.
 */
export function createQueryRange(options: QueryRangeOptions): QueryRange {
  const { exchange, clock, url, timeoutMs, readToken, redact } = options;
  return async (query, signal) => {
    const seconds = timeoutMs / 1e3;
    const response = await within(
      clock,
      timeoutMs,
      signal,
      async (limited) => {
        const token = await readToken();
        return await exchange({
          url: new URL(`${url}/api/v1/query_range`),
          method: "POST",
          headers: headersWith(token),
          body: bodyOf(query, seconds),
        }, { signal: limited, timings: newTimings(clock.monotonic()) });
      },
      () => new RequestError("timeout", `no complete response within ${seconds} s`),
    );
    return seriesOf(response, query, redact);
  };
}

function headersWith(token: string | null): Record<string, string> {
  return {
    accept: "application/json",
    "accept-encoding": "gzip",
    "content-type": "application/x-www-form-urlencoded",
    "user-agent": USER_AGENT,
    ...token === null ? {} : { authorization: `Bearer ${token}` },
  };
}

function bodyOf({ expression, startMs, endMs, stepSeconds }: RangeQuery, seconds: number): string {
  return new URLSearchParams({
    query: expression,
    start: String(startMs / 1e3),
    end: String(endMs / 1e3),
    step: String(stepSeconds),
    // So that Prometheus ends the work for which nobody waits any more.
    timeout: `${Math.ceil(seconds)}s`,
  }).toString();
}

function seriesOf(response: HttpResponse, query: RangeQuery, redact: Redact): Series[] {
  const { status } = response;
  const body = decodedBody(response, redact);
  if (status !== 200) {
    const message = withDetail(`status ${status}`, quoteBody(body, redact));
    throw new RequestError(status === 401 || status === 403 ? "unauthorized" : "http", message);
  }
  const { data: found } = matrix.safeParse(parseJson(body, redact));
  if (!found) throw new RequestError("invalid_response", "the body is no matrix of Prometheus");
  return found.data.result.map(({ metric, values }) => ({
    labels: metric,
    points: values.flatMap((value) => pointOf(value, query) ?? []),
  }));
}

/** Null for what is no number, or none that was asked for. */
function pointOf(value: unknown, { startMs, endMs }: RangeQuery) {
  if (!Array.isArray(value)) return null;
  const [seconds, text] = value;
  const point = { atMs: Math.round(Number(seconds) * 1e3), value: Number(text) };
  const isKnown = typeof seconds === "number" && typeof text === "string" && text !== "";
  const isInside = point.atMs >= startMs && point.atMs <= endMs;
  return isKnown && isInside && point.value >= 0 && point.value <= MAX_VALUE ? point : null;
}
