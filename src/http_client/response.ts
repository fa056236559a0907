import { RequestError } from "./errors.ts";
import type { Redact } from "./redact.ts";

/** A whole HTTP response. */
export type HttpResponse = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Uint8Array;
};

/** A dataset's metadata is a few kilobytes. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** What is kept of a failed response's body. */
const KEPT_BODY_BYTES = 512;

/** How many characters of a text are searched for secrets. */
const SEARCHED_LENGTH = 32 * 1024;

/** A longer secret would fit into no header. */
const MAX_SECRET_LENGTH = 16 * 1024;

/** The start of a body as text, at most 512 bytes. Secrets are removed before it is cut. */
export function excerpt(body: Uint8Array, redact: Redact): string {
  const text = redactedStart(new TextDecoder().decode(body), redact);
  const kept = new TextEncoder().encode(text).subarray(0, KEPT_BODY_BYTES);
  return new TextDecoder().decode(kept, { stream: true });
}

/** The start of a text without secrets, longer than anything that is shown of it. */
export function redactedStart(text: string, redact: Redact): string {
  const shown = redact(text.slice(0, SEARCHED_LENGTH));
  // The search may have ended inside a secret.
  return text.length > SEARCHED_LENGTH ? shown.slice(0, -MAX_SECRET_LENGTH) : shown;
}

/** The body is over {@linkcode MAX_BODY_BYTES}, compressed or not. */
export class BodyTooLarge extends RequestError {
  constructor() {
    super("invalid_response", `the body is larger than ${MAX_BODY_BYTES} bytes`);
  }
}

export function invalidResponse(message: string): RequestError {
  return new RequestError("invalid_response", message);
}
