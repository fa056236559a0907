import { toMessage } from "../text/escape.ts";
import type { Reason } from "../core/reasons.ts";

/**
 * A request for a dataset that failed, with its reason; `internal` keeps what it met as its cause.
 * The message may hold words of the target's: it is one line, cut, without control characters.
 */
export class RequestError extends Error {
  override name = "RequestError";

  constructor(
    readonly reason: Reason,
    message: string,
    /** The answer that came, where one came. */
    readonly reply?: { status: number; body: string; retryAfterMs: number | null },
    options?: ErrorOptions,
  ) {
    super(toMessage(message), options);
  }
}

/** Codes of Deno's sockets, resolver and HTTP parser, by what they mean to a user. */
const REASON_BY_CODE: Record<string, Reason> = {
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

/** An error's message with those of its causes, which say more. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A host with several addresses fails with an error of each, and no word of its own.
  const message = error.message === "" && error instanceof AggregateError
    ? error.errors.map(explain).join("; ")
    : error.message;
  return error.cause instanceof Error ? `${message}: ${explain(error.cause)}` : message;
}

/** The reason that fits an error thrown by a connection; `internal` for one that nobody foresaw. */
export function reasonOf(error: unknown): Reason {
  if (error instanceof RequestError) return error.reason;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code in REASON_BY_CODE) return REASON_BY_CODE[code];
  if (/^HPE_/.test(code)) return "invalid_response";
  if (/^(CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_)/.test(code)) return "tls";
  return "internal";
}

/** The reason that a status stands for; null for 200, the only one that brings a dataset. */
export function reasonOfStatus(status: number): Reason | null {
  if (status === 200) return null;
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 404) return "not_found";
  if (status === 429) return "rate_limited";
  return status >= 500 && status <= 599 ? "server_error" : "http";
}
