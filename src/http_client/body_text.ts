import type { Redact } from "./redact.ts";
import { type HttpResponse, redactedStart } from "./response.ts";

/** How much of a body a message quotes, in characters. */
const MAX_QUOTED_LENGTH = 120;

/** A decoder that refuses what is not UTF-8, and drops a byte order mark. RFC 8259, section 8.1. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The body as text, null when it is not UTF-8, whatever charset its headers name. */
export function textOf(body: Uint8Array): string | null {
  try {
    return utf8.decode(body);
  } catch {
    return null;
  }
}

/**
 * What a message says of a body that nobody expected: `HTML` with its title, or its beginning in one
 * line; an empty text for a body that is empty or no text. Secrets are removed before it is cut.
 */
export function quoteBody(body: Uint8Array, redact: Redact): string {
  const text = redactedStart(textOf(body) ?? "", redact);
  return isHtml(text) ? describeHtml(text) : quoteLine(text);
}

/** The title of a body in HTML, in quotes, or an empty text without one; null when it is not HTML. */
export function titleOfHtml(body: Uint8Array, redact: Redact): string | null {
  const text = redactedStart(textOf(body) ?? "", redact);
  return isHtml(text) ? titleOf(text) : null;
}

/** Whether a response is HTML, by what its headers say or its body begins with. */
export function isHtmlResponse({ headers, body }: Pick<HttpResponse, "headers" | "body">): boolean {
  const type = String(headers["content-type"] ?? "");
  return /^\s*(text\/html|application\/xhtml)/i.test(type) || isHtml(textOf(body) ?? "");
}

/** The beginning of a text that has no secrets any more, in one line. */
export function quoteLine(text: string): string {
  const line = text.slice(0, 4 * MAX_QUOTED_LENGTH).trim().replaceAll(/\s+/g, " ");
  return line.length > MAX_QUOTED_LENGTH ? `${line.slice(0, MAX_QUOTED_LENGTH)}…` : line;
}

/** A message, with what more there is to say. */
export function withDetail(message: string, detail: string): string {
  return detail === "" ? message : `${message}: ${detail}`;
}

function isHtml(text: string): boolean {
  return /^\s{0,100}(<\?xml[^>]{0,100}>\s{0,100})?(<!--[^>]{0,400}>\s{0,100})?<(!doctype html|html|head|body)\b/i
    .test(text);
}

function describeHtml(text: string): string {
  const title = titleOf(text);
  return title === "" ? "HTML" : `HTML, ${title}`;
}

function titleOf(html: string): string {
  const title = quoteLine(html.match(/<title[^>]{0,100}>([^<]{1,400})/i)?.[1] ?? "");
  return title === "" ? "" : `"${title}"`;
}
