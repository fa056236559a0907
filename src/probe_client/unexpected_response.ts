import * as z from "zod/mini";
import type { Redact } from "../http_client/redact.ts";
import type { HttpResponse } from "../http_client/response.ts";
import { toMessage } from "../text/escape.ts";

/** How much of the body is searched, and how much of its text is quoted. */
const MAX_BYTES_READ = 16 * 1024;
const MAX_QUOTED_CHARACTERS = 80;

const tasksDocument = z.object({ version: z.int(), tasks: z.array(z.unknown()) });

/**
 * Describes in a few words a response that is not the expected document, as something "sent";
 * `document` is its body as JSON, undefined when it is none.
 */
export function describeResponse(
  { headers, body }: HttpResponse,
  document: unknown,
  redact: Redact,
): string {
  if (headers.location) return `a redirect to ${toMessage(redact(String(headers.location)))}`;
  const text = redact(new TextDecoder().decode(body.subarray(0, MAX_BYTES_READ)));
  const start = toMessage(text.trim().replaceAll(/\s+/g, " ").slice(0, MAX_QUOTED_CHARACTERS));
  if (start === "") return "nothing";
  const { data } = tasksDocument.safeParse(document);
  if (data) return `a document of version ${data.version}, which this program does not know`;
  if (/^<(!doctype|html)/i.test(start)) return `a web page${quotedTitle(text)}`;
  if (/^# (HELP|TYPE) /.test(start)) return "metrics";
  return `\`${start}${start.length < MAX_QUOTED_CHARACTERS ? "" : "…"}\``;
}

function quotedTitle(html: string): string {
  const title = html.match(/<title>([^<]{1,80})/i)?.[1]?.trim();
  return title ? `, "${toMessage(title)}"` : "";
}
