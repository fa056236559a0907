import { HOSTS } from "./settings.ts";
import type { Draw } from "./draw.ts";
import type { Reason } from "../../../src/core/reasons.ts";
import { RequestError } from "../../../src/http_client/errors.ts";
import type { HttpResponse } from "../../../src/http_client/response.ts";
import type { Timings } from "../../../src/http_client/timings.ts";

/** How far an exchange gets before it ends. */
export const REACHED = { nothing: 0, resolved: 1, connected: 2, secured: 3, headers: 4 };

type Body = string | Uint8Array;
type Headers = Record<string, string>;

/** How one exchange will go, unless it is given up before. */
export type ExchangePlan = {
  /** Its name in the journal. */
  what: string;
  /** Null for one that never ends by itself. */
  delayMs: number | null;
  /** One of `REACHED`. */
  reached: number;
  /** Null where no headers come. */
  status: number | null;
  end: { body: Body; headers?: Headers } | { error: Error };
  /** What an attempt that ends so fails with; null for a success. */
  reason: Reason | null;
};

/** Certificates end at this moment of the wall clock. */
export const CERTIFICATE_ENDS_MS = Date.UTC(2027, 3, 1);

/** A complete response. */
export function respond(
  draw: Draw,
  status: number,
  reason: Reason | null,
  body: Body,
  headers?: Headers,
): ExchangePlan {
  return {
    what: String(status),
    delayMs: draw.logBetween(5, 400),
    reached: REACHED.headers,
    status,
    end: { body, headers },
    reason,
  };
}

/** An error of the connection, which a real exchange names so. */
export function fail(draw: Draw, code: string, reason: Reason, reached: number): ExchangePlan {
  const error = new RequestError(reason, `${code} ${HOSTS.api}`);
  return {
    what: code,
    delayMs: draw.logBetween(1, 3_000),
    reached,
    status: null,
    end: { error },
    reason,
  };
}

/** When an exchange reaches each point, as shares of its time. */
const POINTS = { resolved: 0.05, connected: 0.15, secured: 0.3, headers: 0.9 };

/** Sets the timings of all points that an exchange has reached by now. */
export function setTimings(
  timings: Timings,
  { delayMs, reached, status, end }: ExchangePlan,
  startMs: number,
  nowMs: number,
): void {
  const reachedMs = (point: keyof typeof POINTS) => {
    const atMs = startMs + POINTS[point] * (delayMs ?? 1_000);
    return REACHED[point] <= reached && atMs <= nowMs ? atMs : undefined;
  };
  timings.resolvedMs = reachedMs("resolved");
  timings.connectedMs = reachedMs("connected");
  const securedMs = reachedMs("secured");
  if (timings.isTls) timings.securedMs = securedMs;
  const headersMs = reachedMs("headers");
  if (headersMs === undefined || status === null) return;
  timings.headersMs = headersMs;
  const body = "body" in end ? end.body : '{"Type":"Data';
  timings.partial = { status, chunks: [encode(body.slice(0, 20))] };
}

/** The reply of a plan without an error, and the delay that its Retry-After asks for. */
export function replyOf(
  status: number | null,
  { body, headers: { ...headers } = {} }: { body: Body; headers?: Headers },
  nowMs: number,
): HttpResponse & { retryAfterMs: number | null } {
  let retryAfterMs: number | null = null;
  const value = headers["retry-after"] ?? "";
  if (/^\d+$/.test(value)) retryAfterMs = Number(value) * 1e3;
  if (value.startsWith("date ")) {
    const date = new Date(nowMs + Number(value.slice(5)) * 1e3).toUTCString();
    headers["retry-after"] = date;
    retryAfterMs = Math.max(0, Date.parse(date) - nowMs);
  }
  return { status: status ?? 0, headers, body: encode(body), retryAfterMs };
}

const encoder = new TextEncoder();

function encode(body: Body): Uint8Array {
  return typeof body === "string" ? encoder.encode(body) : body;
}
