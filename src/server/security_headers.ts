/**
 * What every answer tells browsers and proxies: nothing here may be kept, run, framed, guessed at, or
 * read by another origin. Without Strict-Transport-Security, which would bind all other ports of the
 * host to HTTPS too.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};
