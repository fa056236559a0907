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
 * Milliseconds that a `Retry-After` header asks for, in seconds or as a date; null when it has
 * neither form. `nowMs` is wall-clock time. RFC 9110, section 10.2.3.
 */
export function parseRetryAfterMs(value: unknown, nowMs: number): number | null {
  if (typeof value !== "string") return null;
  if (/^\d+$/.test(value)) return Number(value) * 1e3;
  // `Date.parse` finds a year in nearly anything: only HTTP's own forms name a weekday and GMT.
  const dateMs = /^[A-Z][a-z]+, .* GMT$/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - nowMs);
}
