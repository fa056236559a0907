import { jsonResponse } from "./response.ts";

/** The only client that the identity provider knows. */
export interface Client {
  id: string;
  secret: string;
}

/** The token endpoint of Keycloak for the platform's realm. */
export const TOKEN_PATH = "/auth/realms/api-catalog/protocol/openid-connect/token";

/** The access tokens that have been issued and have not expired. */
export class IssuedTokens {
  // In the order of expiry, since all have the same lifetime.
  readonly #expiries = new Map<string, number>();

  constructor(
    readonly lifetimeSeconds: number,
    readonly monotonicMs = () => performance.now(),
  ) {}

  get size(): number {
    return this.#expiries.size;
  }

  issue(): string {
    this.#forgetExpired();
    const token = crypto.randomUUID();
    this.#expiries.set(token, this.monotonicMs() + this.lifetimeSeconds * 1000);
    return token;
  }

  accepts(token: string): boolean {
    return (this.#expiries.get(token) ?? -Infinity) > this.monotonicMs();
  }

  #forgetExpired(): void {
    const nowMs = this.monotonicMs();
    for (const [token, expiryMs] of this.#expiries) {
      if (expiryMs > nowMs) return;
      this.#expiries.delete(token);
    }
  }
}

/** The response of Keycloak to a client credentials request. RFC 6749, section 4.4. */
export async function tokenResponseTo(
  request: Request,
  client: Client,
  tokens: IssuedTokens,
): Promise<Response> {
  const type = request.headers.get("content-type") ?? "";
  if (!type.startsWith("application/x-www-form-urlencoded")) {
    return tokenError(415, "HTTP 415 Unsupported Media Type");
  }
  const form = new URLSearchParams(await request.text());
  if (form.get("grant_type") !== "client_credentials") {
    return tokenError(400, "unsupported_grant_type", "Unsupported grant_type");
  }
  const [id, secret] = presentedCredentials(request, form);
  if (id !== client.id || secret !== client.secret) {
    const description = "Invalid client or Invalid client credentials";
    return tokenError(401, "unauthorized_client", description);
  }
  return tokenResponse(200, {
    access_token: tokens.issue(),
    expires_in: tokens.lifetimeSeconds,
    refresh_expires_in: 0,
    token_type: "Bearer",
    "not-before-policy": 0,
    scope: "email profile",
  });
}

/** An error response. RFC 6749, section 5.2. */
export function tokenError(
  status: number,
  error: string,
  description?: string,
): Response {
  return tokenResponse(status, { error, error_description: description });
}

function tokenResponse(status: number, body: unknown): Response {
  const headers = { "cache-control": "no-store", pragma: "no-cache" };
  return jsonResponse(status, body, headers);
}

type Credentials = [id?: string | null, secret?: string | null];

function presentedCredentials(
  request: Request,
  form: URLSearchParams,
): Credentials {
  const authorization = request.headers.get("authorization") ?? "";
  const [, basic] = authorization.match(/^basic (.*)$/i) ?? [];
  if (basic !== undefined) return basicCredentials(basic);
  return [form.get("client_id"), form.get("client_secret")];
}

/** Both parts are form-encoded before they are joined. RFC 6749, section 2.3.1. */
function basicCredentials(encoded: string): Credentials {
  try {
    const [, id, secret] = atob(encoded).match(/^(.*?):(.*)$/) ?? [];
    if (id === undefined || secret === undefined) return [];
    return [formDecoded(id), formDecoded(secret)];
  } catch {
    return [];
  }
}

function formDecoded(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}
