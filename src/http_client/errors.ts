import { getSystemErrorName } from "node:util";
import type { Reason } from "../core/reasons.ts";
import { messageOf } from "../text/error_text.ts";
import { toMessage } from "../text/escape.ts";

/** What is kept of a response that came before a failure, or was one. */
export type FailedResponse = { status: number; body: string; retryAfterMs: number | null };

export type RequestErrorOptions = ErrorOptions & {
  /** The response, when one came. */
  response?: FailedResponse;
  /** What a reader can do, when it is more than the reason's own advice. */
  advice?: string;
};

/**
 * A request that failed. Its reason is final. The message may hold words of the target: it is one
 * line, escaped and cut. `cause` is the error that it was made from.
 */
export class RequestError extends Error {
  override name = "RequestError";
  readonly reason: Reason;
  readonly response: FailedResponse | undefined;
  readonly advice: string | undefined;

  constructor(
    reason: Reason,
    message: string,
    { response, advice, cause }: RequestErrorOptions = {},
  ) {
    super(toMessage(message), { cause });
    this.reason = reason;
    this.response = response;
    this.advice = advice;
  }
}

/** Any error as a `RequestError`; one that nothing has classified is a fault of the program. */
export function toRequestError(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  const message = `internal error, see the probe's log: ${explain(error)}`;
  return new RequestError("internal", message, { cause: error });
}

/**
 * The name of a system error, such as ECONNREFUSED, or its message. Deno gives the rarer ones a
 * number alone, in their message: `Protocol not available (os error 92)`.
 */
export function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    return error.code;
  }
  const message = messageOf(error);
  const [, errno] = message.match(/\(os error ([1-9]\d{0,4})\)/) ?? [];
  // The function has no name for a number that it does not know, or one with blanks.
  const name = errno === undefined ? undefined : getSystemErrorName(-Number(errno));
  return name && /^E[A-Z\d]+$/.test(name) ? name : message;
}

/** An error's message, with the messages of its causes. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
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
