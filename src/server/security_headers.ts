import type { MiddlewareHandler } from "hono";

/**
 * Headers of every response: it must not be stored, executed, framed, sniffed, or read by another
 * origin. Strict-Transport-Security is left out: it would force all other ports of the host to HTTPS.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  // Some versions of Deno would compress each response by themselves, in one piece of the event loop.
  "cache-control": "no-store, no-transform",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Adds the security headers that a response does not set itself, as the page sets its own policy. */
export const addSecurityHeaders: MiddlewareHandler = async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  }
};
