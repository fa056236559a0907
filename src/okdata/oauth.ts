import * as oauth from "oauth4webapi";
import { type Clock, within } from "../core/clock.ts";
import { explain, reasonOfStatus, RequestError } from "../http_client/errors.ts";
import { newTimings } from "../http_client/timings.ts";
import type { Redact } from "../http_client/redact.ts";
import type { Exchange } from "../http_client/exchange.ts";

/** A token and how long it is good for. */
export type Token = { value: string; lifetimeMs: number };

/** Asks the identity provider for a token; throws an `RequestError` with the reason `auth`. */
export type FetchToken = (signal: AbortSignal) => Promise<Token>;

export type OauthOptions = {
  exchange: Exchange;
  clock: Clock;
  tokenUrl: string;
  clientId: string;
  /** Read for every request, so that a rotated secret needs no restart. */
  readSecret: () => Promise<string>;
  timeoutMs: number;
  userAgent: string;
  redact: Redact;
};

/** What a provider that names no lifetime is taken to mean. A 401 corrects it. RFC 6749, 5.1. */
const DEFAULT_LIFETIME_SECONDS = 300;

/** A longer life is cut: it would be a mistake, and timers and dates have their bounds. */
const MAX_LIFETIME_SECONDS = 30 * 24 * 3600;

/**
 * The client credentials grant, RFC 6749, section 4.4. The secret goes into the body: some providers
 * do not decode it from a Basic header as they should.
 */
export function createTokenFetcher(options: OauthOptions): FetchToken {
  const { exchange, clock, tokenUrl, clientId, timeoutMs, userAgent, redact } = options;
  const provider = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl };
  const client = { client_id: clientId };

  const fetchWith = (signal: AbortSignal) => async (url: string, request: TokenRequest) => {
    const { status, headers, body } = await exchange({
      url: new URL(url),
      method: "POST",
      headers: { ...request.headers, "user-agent": userAgent },
      body: String(request.body),
    }, { signal, timings: newTimings(clock.monotonic()) });
    const contentType = String(headers["content-type"] ?? "");
    // A `Response` cannot be made of a status outside this range.
    if (status < 200 || status > 599) throw withoutToken(status);
    const bodyless = [204, 205, 304].includes(status);
    return new Response(bodyless ? null : body as Uint8Array<ArrayBuffer>, {
      status,
      headers: { "content-type": contentType },
    });
  };

  async function fetchToken(signal: AbortSignal): Promise<Token> {
    const secret = await options.readSecret();
    const response = await oauth.clientCredentialsGrantRequest(
      provider,
      client,
      oauth.ClientSecretPost(secret),
      {},
      {
        [oauth.customFetch]: fetchWith(signal),
        // The address is the operator's, who may have a provider on this very machine.
        [oauth.allowInsecureRequests]: true,
      },
    );
    const answer = await oauth.processClientCredentialsResponse(provider, client, response);
    const value = answer.access_token;
    // What would not survive in a header. RFC 6750, section 2.1.
    if (!/^[\x21-\x7e]+$/.test(value)) {
      throw new Error("the token has characters that none may have");
    }
    const lifetimeSeconds = answer.expires_in ?? DEFAULT_LIFETIME_SECONDS;
    return { value, lifetimeMs: Math.min(lifetimeSeconds, MAX_LIFETIME_SECONDS) * 1e3 };
  }

  return async (signal) => {
    try {
      return await within(clock, timeoutMs, signal, fetchToken, () => {
        return new RequestError("timeout", `no full answer within ${timeoutMs / 1e3} s`);
      });
    } catch (error) {
      if (signal.aborted) throw error;
      const { message, cause } = describe(error);
      const told = `no token from ${tokenUrl}: ${redact(message)}`;
      throw new RequestError("auth", told, undefined, { cause });
    }
  };
}

type TokenRequest = { headers: Record<string, string>; body: unknown };

/**
 * What the provider said, in words that help a reader who knows neither the library nor OAuth. The
 * cause has a reason of its own where the credentials are not to blame.
 */
function describe(error: unknown): { message: string; cause: unknown } {
  if (error instanceof oauth.ResponseBodyError) {
    const { status, error: code, error_description: description } = error;
    const message = `the provider refused with status ${status}, ${code}` +
      (description ? ` (${description})` : "");
    return { message, cause: error };
  }
  if (error instanceof oauth.OperationProcessingError && error.cause instanceof Response) {
    const { status } = error.cause;
    const cause = withoutToken(status);
    return { message: cause.message, cause: status === 401 ? error : cause };
  }
  return { message: explain(error), cause: error };
}

function withoutToken(status: number): RequestError {
  const message = `the provider answered with status ${status} and no token`;
  return new RequestError(reasonOfStatus(status) ?? "invalid_response", message);
}
