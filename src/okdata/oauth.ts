import * as oauth from "oauth4webapi";
import { type Clock, within } from "../clock.ts";
import { OkdataError } from "./errors.ts";
import { messageOf, type Redact } from "./redact.ts";
import type { Exchange } from "./transport.ts";

/** A token and how long it is good for. */
export type Token = { value: string; lifetimeMs: number };

/** Asks the identity provider for a token; throws an `OkdataError` with the reason `auth`. */
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
    }, { signal, marks: { startMs: clock.monotonic(), named: false, secure: false } });
    const contentType = String(headers["content-type"] ?? "");
    // A `Response` cannot be made of a status outside this range.
    const shown = status >= 200 && status <= 599 ? status : 599;
    const bodyless = [204, 205, 304].includes(shown);
    return new Response(bodyless ? null : body as Uint8Array<ArrayBuffer>, {
      status: shown,
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
    const lifetimeSeconds = answer.expires_in ?? DEFAULT_LIFETIME_SECONDS;
    return { value: answer.access_token, lifetimeMs: lifetimeSeconds * 1e3 };
  }

  return async (signal) => {
    try {
      return await within(clock, timeoutMs, signal, fetchToken, () => {
        return new Error(`no full answer within ${timeoutMs / 1e3} s`);
      });
    } catch (error) {
      if (signal.aborted) throw error;
      const message = `no token from ${tokenUrl}: ${redact(describe(error))}`;
      throw new OkdataError("auth", message, undefined, { cause: error });
    }
  };
}

type TokenRequest = { headers: Record<string, string>; body: unknown };

/** What the provider said, in words that help a reader who knows neither the library nor OAuth. */
function describe(error: unknown): string {
  if (error instanceof oauth.ResponseBodyError) {
    const { status, error: code, error_description: description } = error;
    return `the provider refused with status ${status}, ${code}` +
      (description ? ` (${description})` : "");
  }
  if (error instanceof oauth.OperationProcessingError && error.cause instanceof Response) {
    return `the provider answered with status ${error.cause.status} and no token`;
  }
  return messageOf(error);
}
