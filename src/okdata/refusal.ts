import { quoteBody, quoteLine, withDetail } from "../http_client/body_text.ts";
import type { Redact } from "../http_client/redact.ts";
import { type HttpResponse, redactedStart } from "../http_client/response.ts";

/** What a response with an unexpected status says, in one line, and what a reader can do about it. */
export type Refusal = { message: string; advice?: string | undefined };

/**
 * Describes a response whose status is not 200: where a redirect leads, the error of a bearer
 * challenge, otherwise the beginning of the body; null for a body that cannot be read.
 */
export function describeRefusal(
  { status, headers }: Pick<HttpResponse, "status" | "headers">,
  body: Uint8Array | null,
  redact: Redact,
): Refusal {
  const target = status >= 300 && status <= 399 ? redirectTarget(headers, redact) : "";
  if (target !== "") {
    return {
      message: `status ${status}, a redirect to ${target}`,
      advice:
        `Check OKDATA_API_URL: the API redirects to ${target}, and the probe does not follow.`,
    };
  }
  const challenge = status === 401 || status === 403 ? challengeError(headers, redact) : "";
  const detail = challenge || (body ? quoteBody(body, redact) : "");
  return { message: withDetail(`status ${status}`, detail) };
}

/** `Location` without what may be a secret in it: user, password, query and fragment. */
export function redirectTarget({ location }: HttpResponse["headers"], redact: Redact): string {
  const [path = "", ...rest] = redactedStart(String(location ?? ""), redact).split(/(?=[?#])/);
  const bare = path.replace(/^([^/]*\/\/)[^/]*@/, "$1");
  return quoteLine(rest.length === 0 ? bare : `${bare}?…`);
}

/**
 * `error` and `error_description` of the header `WWW-Authenticate`, as the platform explains why a
 * token is not enough. RFC 6750, section 3.
 */
function challengeError(headers: HttpResponse["headers"], redact: Redact): string {
  const header = [headers["www-authenticate"] ?? ""].flat().join(", ");
  const start = header.slice(0, MAX_CHALLENGE_LENGTH);
  const parameters = new Map<string, string>();
  // Quoted strings are read whole: they may hold what looks like a parameter.
  for (
    const { 0: found, 1: name = "", 2: quoted, 3: token = "", index } of start.matchAll(PARAMETER)
  ) {
    // The rest of this one, which may be a secret, is not known.
    if (start !== header && index + found.length === start.length) break;
    const value = quoted?.replaceAll(/\\(.)/g, "$1") ?? token;
    if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
  }
  const names = ["error", "error_description"];
  const texts = names.map((name) => parameters.get(name)).filter(Boolean);
  return quoteLine(redact(texts.join(", ")));
}

/** The search for parameters takes the square of this at worst. */
const MAX_CHALLENGE_LENGTH = 4 * 1024;

/** A parameter of a challenge. RFC 9110, section 11.2. */
const PARAMETER = /([\w-]{1,40})[ \t]?=[ \t]?(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g;
