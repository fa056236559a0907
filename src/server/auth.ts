import { createHash } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { basicAuth } from "hono/basic-auth";
import { bearerAuth } from "hono/bearer-auth";
import { except, some } from "hono/combine";
import type { EndpointCredentials } from "../config/credentials.ts";

/** Requested by orchestrators, which have no credentials. */
const PUBLIC_PATHS = ["/healthz", "/readyz"];

/**
 * Admits requests that carry the token or the password, whichever is configured, to all but the
 * public paths. Rejects others with an `HTTPException`. Null when no credentials are configured.
 */
export function createGuard({ bearer, basic }: EndpointCredentials): MiddlewareHandler | null {
  const guards: MiddlewareHandler[] = [];
  if (bearer !== null) guards.push(bearerAuth({ token: bearer, hashFunction: sha256 }));
  if (basic) {
    const { user: username, password } = basic;
    guards.push(basicAuth({ username, password, hashFunction: sha256 }));
  }
  return guards.length > 0 ? except(PUBLIC_PATHS, some(...guards)) : null;
}

/**
 * The `WWW-Authenticate` header of a refusal. RFC 9110, section 11.6.1. Browsers only read the first
 * challenge of a line, and only know Basic.
 */
export function challengeFor({ bearer, basic }: EndpointCredentials): string {
  const challenges: string[] = [];
  if (basic) challenges.push('Basic realm="dataplatform-probe", charset="UTF-8"');
  if (bearer !== null) challenges.push('Bearer realm="dataplatform-probe"');
  return challenges.join(", ");
}

/** Synchronous: `crypto.subtle` waits for a thread of the pool, which name resolution may occupy. */
function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
