import * as oauth from "oauth4webapi";
import { type Clock, within } from "../core/clock.ts";
import { USER_AGENT } from "../core/version.ts";
import { explain, reasonOfStatus, RequestError } from "../http_client/errors.ts";
import type { Exchange } from "../http_client/exchange.ts";
import type { Redact } from "../http_client/redact.ts";
import { redactedStart } from "../http_client/response.ts";
import { newTimings } from "../http_client/timings.ts";

/** A token and how long it is valid. */
export type Token = { value: string; lifetimeMs: number };

/**
 * Requests a token. Throws a `RequestError` with the reason `auth`; its cause is a `RequestError` too
 * when the credentials are not at fault.
 */
export type FetchToken = (signal: AbortSignal) => Promise<Token>;

export type OauthOptions = {
  exchange: Exchange;
  clock: Clock;
  tokenUrl: string;
  clientId: string;
  /** Read for every request, so that a rotated secret needs no restart. */
  readSecret: () => Promise<string>;
  timeoutMs: number;
  redact: Redact;
};

/** Assumed for a response without `expires_in`; a 401 corrects it. RFC 6749, section 5.1. */
const DEFAULT_LIFETIME_SECONDS = 300;

/** A longer lifetime is cut: it would be a mistake, and timers and dates have their bounds. */
const MAX_LIFETIME_SECONDS = 30 * 24 * 3600;

/** Statuses of a response without a body. RFC 9110, section 6.4.1. */
const BODYLESS_STATUSES = [204, 205, 304];

/** What a token may consist of. RFC 6750, section 2.1. */
const TOKEN = /^[\x21-\x7e]+$/;

type TokenRequest = { headers: Record<string, string>; body: unknown };

/**
 * Creates the client credentials grant, RFC 6749, section 4.4. The secret is sent in the body: some
 * providers do not decode it from a Basic header as they should.
 */
export function createTokenFetcher(options: OauthOptions): FetchToken {
  const { clock, tokenUrl, clientId, timeoutMs, redact } = options;
  const provider = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl };
  const client = { client_id: clientId };

  async function fetchToken(signal: AbortSignal): Promise<Token> {
    const secret = await options.readSecret();
    const response = await oauth.clientCredentialsGrantRequest(
      provider,
      client,
      oauth.ClientSecretPost(secret),
      {},
      {
        [oauth.customFetch]: (url: string, request: TokenRequest) =>
          post(options, url, request, signal),
        // The operator chose the address, which may be a provider on this machine.
        [oauth.allowInsecureRequests]: true,
      },
    );
    const { access_token: value, expires_in: lifetimeSeconds = DEFAULT_LIFETIME_SECONDS } =
      await oauth.processClientCredentialsResponse(provider, client, response);
    if (!TOKEN.test(value)) throw new Error("the token has characters that no token may have");
    return { value, lifetimeMs: Math.min(lifetimeSeconds, MAX_LIFETIME_SECONDS) * 1e3 };
  }

  return async (signal) => {
    try {
      return await within(clock, timeoutMs, signal, fetchToken, () => {
        return new RequestError("timeout", `no complete response within ${timeoutMs / 1e3} s`);
      });
    } catch (error) {
      if (signal.aborted) throw error;
      const { message, cause } = describe(error, redact);
      throw new RequestError("auth", `no token from ${tokenUrl}: ${message}`, { cause });
    }
  };
}

async function post(
  { exchange, clock }: OauthOptions,
  url: string,
  { headers, body }: TokenRequest,
  signal: AbortSignal,
): Promise<Response> {
  const response = await exchange({
    url: new URL(url),
    method: "POST",
    headers: { ...headers, "user-agent": USER_AGENT },
    body: String(body),
  }, { signal, timings: newTimings(clock.monotonic()) });
  const { status } = response;
  // `Response` accepts no other status.
  if (status < 200 || status > 599) throw withoutToken(status);
  const isBodyless = BODYLESS_STATUSES.includes(status);
  return new Response(isBodyless ? null : response.body as Uint8Array<ArrayBuffer>, {
    status,
    headers: { "content-type": String(response.headers["content-type"] ?? "") },
  });
}

/** What the provider responded, for a reader who knows neither the library nor OAuth. */
function describe(error: unknown, redact: Redact): { message: string; cause: unknown } {
  if (error instanceof oauth.ResponseBodyError) {
    const { status, error: code, error_description: description = "" } = error;
    // The provider's own words may be as long as a response, and may quote what it was sent.
    const [shownCode, shown] = [code, description].map((text) => redactedStart(text, redact));
    const message = `the provider refused with status ${status}, ${shownCode}`;
    return { message: shown ? `${message} (${shown})` : message, cause: error };
  }
  if (error instanceof oauth.OperationProcessingError && error.cause instanceof Response) {
    const { status } = error.cause;
    const cause = withoutToken(status);
    return { message: cause.message, cause: status === 401 ? error : cause };
  }
  return { message: redactedStart(explain(error), redact), cause: error };
}

function withoutToken(status: number): RequestError {
  const message = `the provider responded with status ${status} and no token`;
  return new RequestError(reasonOfStatus(status) ?? "invalid_response", message);
}
