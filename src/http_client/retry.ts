import type { HttpResponse } from "./response.ts";

const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 8_000;

/**
 * Milliseconds before the next attempt: exponential back-off with full jitter, and not before the
 * target's `Retry-After`. `retry` counts from 0, `fraction` is random from 0 to 1.
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function retryDelayMs(retry: number, fraction: number, retryAfterMs: number | null): number {
  const ceilingMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** retry);
  return Math.max(fraction * ceilingMs, retryAfterMs ?? 0);
}

/**
 * Milliseconds that the header `Retry-After` asks for, in seconds (a fraction is rounded up) or as a
 * date; null when it has neither form. A date is compared with the header `Date`, the server's own
 * clock, and only without it with `nowMs`, wall-clock time here. RFC 9110, section 10.2.3.
 */
export function retryAfterMs(headers: HttpResponse["headers"], nowMs: number): number | null {
  const { "retry-after": value, date } = headers;
  if (typeof value !== "string") return null;
  if (/^\d+(\.\d+)?$/.test(value)) return Math.ceil(Number(value)) * 1e3;
  const dateMs = parseDateMs(value);
  return dateMs === null ? null : Math.max(0, dateMs - (parseDateMs(date) ?? nowMs));
}

/** `Sun, 06 Nov 1994 08:49:37 GMT`, and the older form `Sunday, 06-Nov-94 08:49:37 GMT`. */
const DATE = /^[A-Z][a-z]+, .* GMT$/;
/** C's `asctime`, whose zone is understood: `Sun Nov  6 08:49:37 1994`. */
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/;

/** Milliseconds since the epoch of a date in a form of HTTP, otherwise null. RFC 9110, section 5.6.7. */
function parseDateMs(value: unknown): number | null {
  if (typeof value !== "string") return null;
  // `Date.parse` finds a year in nearly anything: only HTTP's own forms are given to it.
  const ms = DATE.test(value)
    ? Date.parse(value)
    : ASCTIME.test(value)
    ? Date.parse(`${value} GMT`)
    : NaN;
  return Number.isNaN(ms) ? null : ms;
}
