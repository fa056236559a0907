import * as oauth from "oauth4webapi";
import { isRetried, REASON_DEFINITIONS } from "../core/reasons.ts";
import { isHtmlResponse, quoteBody, withDetail } from "../http_client/body_text.ts";
import { explain, reasonOfStatus, RequestError } from "../http_client/errors.ts";
import type { Redact } from "../http_client/redact.ts";
import { excerpt, type HttpResponse, redactedStart } from "../http_client/response.ts";
import { retryAfterMs } from "../http_client/retry.ts";
import type { TokenAuth } from "./environments.ts";
import { redirectTarget } from "./refusal.ts";

/** What a failure is explained with. */
export type TokenRequestContext = {
  tokenUrl: string;
  tokenAuth: TokenAuth;
  redact: Redact;
  /** The provider's response, when one came. */
  response: HttpResponse | null;
};

const CHECK_TOKEN_URL =
  "Check that OKDATA_TOKEN_URL is the token endpoint of the identity provider.";
const CHECK_SCOPE = "Check OKDATA_SCOPE: this client may not ask for it, or must ask for one.";
const CHECK_AUDIENCE =
  "Check OKDATA_AUDIENCE: this client may not ask for it, or must ask for one.";
const CHECK_CLIENT = "Check how the identity provider has configured this client";

/**
 * The failure of a token request: `identity_provider` when the same request may succeed later,
 * `internal` for a fault of the probe, and `auth` otherwise. Its cause is the original error.
 */
export function tokenFailure(error: unknown, context: TokenRequestContext): RequestError {
  const { reason, message, advice } = classify(error, context);
  return new RequestError(reason, `no token from ${context.tokenUrl}: ${message}`, {
    advice,
    cause: error,
  });
}

/** Whether the request for a token may succeed when it is made again, as one to the API might. */
export function isTransient({ reason, cause }: RequestError): boolean {
  if (reason !== "identity_provider") return false;
  return cause instanceof RequestError
    ? isRetried(cause.reason, cause.response?.status ?? null)
    : isRetried(reason, null);
}

/** How long the provider asks to wait, or null. */
export function retryAfterMsOf({ cause }: RequestError): number | null {
  return cause instanceof RequestError ? cause.response?.retryAfterMs ?? null : null;
}

/**
 * The error for a response that says nothing about this client, because the provider is overloaded
 * or out of order; null for every other response.
 */
export function unavailable(
  response: HttpResponse,
  nowMs: number,
  redact: Redact,
): RequestError | null {
  const { status, headers, body } = response;
  const reason = reasonOfStatus(status);
  if (!reason || !(reason === "server_error" || isRetried(reason, status))) return null;
  return new RequestError(reason, describeResponse(response, redact), {
    response: { status, body: excerpt(body, redact), retryAfterMs: retryAfterMs(headers, nowMs) },
  });
}

type Classified = Pick<RequestError, "reason" | "message" | "advice">;

function classify(error: unknown, context: TokenRequestContext): Classified {
  const { redact, response } = context;
  if (error instanceof RequestError) return classifyRequest(error, redact);
  if (error instanceof oauth.ResponseBodyError) return classifyRefusal(error, context);
  const message = redactedStart(explain(error), redact);
  // Without a response it was not the provider that caused the error.
  if (response === null) return { reason: "internal", message, advice: undefined };
  const isNoToken = error instanceof oauth.OperationProcessingError &&
    error.cause instanceof Response;
  return {
    reason: "auth",
    message: isNoToken ? describeResponse(response, redact) : message,
    advice: isRefusal(response) ? undefined : CHECK_TOKEN_URL,
  };
}

/** A failure of the exchange, or of what was done before it. */
function classifyRequest(error: RequestError, redact: Redact): Classified {
  const { reason, response, advice } = error;
  const message = redact(error.message);
  if (reason === "internal" || reason === "auth") return { reason, message, advice };
  const isOutage = REASON_DEFINITIONS[reason].origin === "network" ||
    reason === "server_error" || isRetried(reason, response?.status ?? null);
  return isOutage
    ? { reason: "identity_provider", message, advice }
    : { reason: "auth", message, advice: advice ?? CHECK_TOKEN_URL };
}

/** A refusal in the form of RFC 6749, section 5.2. */
function classifyRefusal(error: oauth.ResponseBodyError, context: TokenRequestContext): Classified {
  const { status, error: code, error_description: description = "" } = error;
  // The provider's own words may be as long as a response, and may quote what it was sent.
  const [shownCode, shown] = [code, description].map((text) => redactedStart(text, context.redact));
  const message = `the provider refused with status ${status}, ${shownCode}`;
  return {
    reason: "auth",
    message: shown ? `${message} (${shown})` : message,
    advice: refusalAdvice(code, description, context),
  };
}

/** What to do about a refusal with this code; undefined when the credentials are to be checked. */
function refusalAdvice(
  code: string,
  description: string,
  { tokenAuth, response }: TokenRequestContext,
): string | undefined {
  switch (code) {
    case "invalid_scope":
      return CHECK_SCOPE;
    // RFC 8707, section 2.
    case "invalid_target":
      return CHECK_AUDIENCE;
    // Microsoft and Auth0 say in words alone which parameter they miss.
    case "invalid_request":
    case "access_denied":
      if (/\bscopes?\b/i.test(description)) return CHECK_SCOPE;
      return /\b(audience|resource)\b/i.test(description) ? CHECK_AUDIENCE : undefined;
    case "unsupported_grant_type":
      return `${CHECK_CLIENT}: it must allow the grant client_credentials.`;
    case "unauthorized_client":
      // Keycloak uses this code for a wrong secret too.
      if (/credential|secret/i.test(description)) return undefined;
      return `${CHECK_CLIENT}: it must allow the grant client_credentials.`;
    case "invalid_client": {
      const wanted = wantedMethod(description, response);
      if (wanted === null || wanted === tokenAuth) return undefined;
      return `${CHECK_CLIENT}: it seems to want OKDATA_TOKEN_AUTH=${wanted}. ` +
        "Then check OKDATA_CLIENT_ID and OKDATA_CLIENT_SECRET.";
    }
    default:
      return response && isRefusal(response) ? undefined : CHECK_TOKEN_URL;
  }
}

/** How the provider says that the client must authenticate. */
function wantedMethod(description: string, response: HttpResponse | null): TokenAuth | null {
  if (/client_secret_post/i.test(description)) return "post";
  const challenge = String(response?.headers["www-authenticate"] ?? "");
  return /\bbasic\b|client_secret_basic/i.test(`${challenge}\n${description}`) ? "basic" : null;
}

/** A response without a token, for a reader who has not seen it. */
function describeResponse({ status, headers, body }: HttpResponse, redact: Redact): string {
  const message = `the provider responded with status ${status} and no token`;
  const target = redirectTarget(headers, redact);
  if (target !== "") return `${message}, but a redirect to ${target}`;
  return withDetail(message, quoteBody(body, redact));
}

/** A refusal as a token endpoint may send it, also without the words of OAuth. */
function isRefusal(response: HttpResponse): boolean {
  return [400, 401, 403].includes(response.status) && !isHtmlResponse(response);
}
