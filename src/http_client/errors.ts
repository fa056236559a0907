import type { Reason } from "../core/reasons.ts";
import { toMessage } from "../text/escape.ts";

/** What is kept of a response that came before a failure, or was one. */
export type FailedResponse = { status: number; body: string; retryAfterMs: number | null };

/**
 * A request that failed, with its reason, which nothing replaces later. The message may hold words
 * of the target: it is one line, escaped and cut. `cause` is the error that it was made from.
 */
export class RequestError extends Error {
  override name = "RequestError";

  constructor(
    readonly reason: Reason,
    message: string,
    /** The response, when one came. */
    readonly response?: FailedResponse,
    options?: ErrorOptions,
  ) {
    super(toMessage(message), options);
  }
}

/** Codes of Deno's sockets, resolver and HTTP parser. */
const REASON_BY_CODE: Readonly<Record<string, Reason>> = {
  ENOTFOUND: "dns",
  EAI_AGAIN: "dns",
  EAI_FAIL: "dns",
  EAI_NODATA: "dns",
  EAI_NONAME: "dns",
  ECONNREFUSED: "connect",
  EHOSTUNREACH: "connect",
  ENETUNREACH: "connect",
  EHOSTDOWN: "connect",
  ENETDOWN: "connect",
  EADDRNOTAVAIL: "connect",
  ETIMEDOUT: "connect",
  EMFILE: "connect",
  ENFILE: "connect",
  ECONNRESET: "reset",
  ECONNABORTED: "reset",
  EPIPE: "reset",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "tls",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "tls",
  SELF_SIGNED_CERT_IN_CHAIN: "tls",
  DEPTH_ZERO_SELF_SIGNED_CERT: "tls",
  EPROTO: "tls",
};

/**
 * Any error of an exchange as a `RequestError`: one that is none gets its reason from its code, or
 * `internal`, and becomes the cause.
 */
export function toRequestError(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  return new RequestError(reasonOf(error), explain(error), undefined, { cause: error });
}

function reasonOf(error: unknown): Reason {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reason = Object.hasOwn(REASON_BY_CODE, code) ? REASON_BY_CODE[code] : undefined;
  if (reason) return reason;
  if (/^HPE_/.test(code)) return "invalid_response";
  if (/^(CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_)/.test(code)) return "tls";
  return "internal";
}

/** An error's message, with the messages of its causes. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A host with several addresses fails with an error for each, and no message of its own.
  const message = error.message === "" && error instanceof AggregateError
    ? error.errors.map(explain).join("; ")
    : error.message;
  const { cause } = error;
  // A `RequestError` already has the message of the error that it was made from.
  const isRepeated = error instanceof RequestError;
  return cause instanceof Error && !isRepeated ? `${message}: ${explain(cause)}` : message;
}

/** The reason for a status; null for 200, the only status of a response with the dataset. */
export function reasonOfStatus(status: number): Reason | null {
  if (status === 200) return null;
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 404) return "not_found";
  if (status === 429) return "rate_limited";
  return status >= 500 && status <= 599 ? "server_error" : "http";
}
