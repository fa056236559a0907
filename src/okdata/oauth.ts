import * as oauth from "oauth4webapi";
import { type Clock, within } from "../core/clock.ts";
import { USER_AGENT } from "../core/version.ts";
import { RequestError } from "../http_client/errors.ts";
import type { Exchange } from "../http_client/exchange.ts";
import type { Redact } from "../http_client/redact.ts";
import type { HttpResponse } from "../http_client/response.ts";
import { newTimings, type Timings } from "../http_client/timings.ts";
import { messageOf } from "../text/error_text.ts";
import { clientAuthentication } from "./client_authentication.ts";
import type { TokenAuth } from "./environments.ts";
import { tokenFailure, unavailable } from "./token_failure.ts";

/** A token and how long it is valid. */
export type Token = { value: string; lifetimeMs: number };

/**
 * Requests a token once. Throws a `RequestError`: `identity_provider` when the provider could not be
 * reached, timed out or is out of order, `auth` when it refused or sent no usable token. Its cause is
 * the error of the exchange, with that one's own reason.
 */
export type FetchToken = (signal: AbortSignal) => Promise<Token>;

export type OauthOptions = {
  exchange: Exchange;
  clock: Clock;
  tokenUrl: string;
  clientId: string;
  /** What the request asks for, when it must. */
  scope?: string;
  audience?: string;
  /** Default: `post`. */
  tokenAuth?: TokenAuth;
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

/** Creates the client credentials grant, RFC 6749, section 4.4. */
export function createTokenFetcher(options: OauthOptions): FetchToken {
  const { clock, tokenUrl, clientId, scope, audience, timeoutMs, redact } = options;
  const { tokenAuth = "post" } = options;
  const provider = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl };
  const client = { client_id: clientId };
  const asked = { ...scope && { scope }, ...audience && { audience } };

  return async (signal) => {
    let response: HttpResponse | null = null;
    const timings = newTimings(clock.monotonic());

    async function fetchToken(signal: AbortSignal): Promise<Token> {
      const secret = await readSecret(options);
      const granted = await oauth.clientCredentialsGrantRequest(
        provider,
        client,
        clientAuthentication(tokenAuth, secret),
        asked,
        {
          [oauth.customFetch]: async (url: string, request: TokenRequest) => {
            response = await post(options, url, request, { signal, timings });
            return toFetchResponse(response, options);
          },
          // The operator chose the address, which may be a provider on this machine.
          [oauth.allowInsecureRequests]: true,
        },
      );
      const { access_token: value, expires_in: lifetimeSeconds = DEFAULT_LIFETIME_SECONDS } =
        await oauth.processClientCredentialsResponse(provider, client, granted);
      if (!TOKEN.test(value)) throw new Error("the token has characters that no token may have");
      return { value, lifetimeMs: Math.min(lifetimeSeconds, MAX_LIFETIME_SECONDS) * 1e3 };
    }

    try {
      return await within(clock, timeoutMs, signal, fetchToken, () => {
        return new RequestError("timeout", `no complete response within ${timeoutMs / 1e3} s`);
      });
    } catch (error) {
      if (signal.aborted) throw error;
      throw tokenFailure(timings.failure?.error ?? error, {
        tokenUrl,
        tokenAuth,
        redact,
        response,
      });
    }
  };
}

async function readSecret({ readSecret }: OauthOptions): Promise<string> {
  try {
    return await readSecret();
  } catch (error) {
    throw new RequestError("auth", `the client's secret cannot be read: ${messageOf(error)}`, {
      advice: "Check the file that OKDATA_CLIENT_SECRET_FILE names.",
      cause: error,
    });
  }
}

function post(
  { exchange }: OauthOptions,
  url: string,
  { headers, body }: TokenRequest,
  options: { signal: AbortSignal; timings: Timings },
): Promise<HttpResponse> {
  return exchange({
    url: new URL(url),
    method: "POST",
    headers: { ...headers, "user-agent": USER_AGENT },
    body: String(body),
  }, options);
}

/** The response for the library. Throws a `RequestError` for one that it has nothing to say about. */
function toFetchResponse(response: HttpResponse, { clock, redact }: OauthOptions): Response {
  const { status, headers, body } = response;
  const outage = unavailable(response, clock.now(), redact);
  if (outage) throw outage;
  // `Response` accepts no other status.
  if (status < 200 || status > 599) {
    throw new RequestError("http", `the provider responded with status ${status} and no token`);
  }
  const isBodyless = BODYLESS_STATUSES.includes(status);
  return new Response(isBodyless ? null : body as Uint8Array<ArrayBuffer>, {
    status,
    headers: { "content-type": String(headers["content-type"] ?? "") },
  });
}
