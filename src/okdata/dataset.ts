import * as z from "zod/mini";
import { quoteBody, textOf, titleOfHtml, withDetail } from "../http_client/body_text.ts";
import type { Redact } from "../http_client/redact.ts";
import { invalidResponse, redactedStart } from "../http_client/response.ts";

const MAX_ID_LENGTH = 128;

/** V8 takes so long for deeper JSON that all tasks wait: half a second for a mebibyte of brackets. */
const MAX_JSON_LEVELS = 1_000;

const dataset = z.object({ Id: z.string(), Type: z.optional(z.literal("Dataset")) });

/** Checks that a body is the metadata of this dataset. Throws `invalid_response` otherwise. */
export function checkDataset(body: Uint8Array, datasetId: string, redact: Redact): void {
  if (body.length === 0) throw invalidResponse("the body is empty");
  const json = parseJson(body, redact);
  const { success, data } = dataset.safeParse(json);
  if (!success) {
    throw invalidResponse('the body is not a dataset: it has no "Id", or another "Type"');
  }
  if (data.Id === datasetId) return;
  const shown = redactedStart(data.Id, redact).slice(0, MAX_ID_LENGTH);
  throw invalidResponse(`the body is another dataset's: its "Id" is ${JSON.stringify(shown)}`);
}

function parseJson(body: Uint8Array, redact: Redact): unknown {
  const text = textOf(body);
  if (text === null) throw invalidResponse("the body is not UTF-8");
  if (/^\s*[[{]/.test(text) && hasMoreLevels(text, MAX_JSON_LEVELS)) {
    throw invalidResponse(`the body has more than ${MAX_JSON_LEVELS} levels of JSON`);
  }
  try {
    return JSON.parse(text);
  } catch {
    // V8's own message quotes the text around the error, without knowing secrets.
    const title = titleOfHtml(body, redact);
    throw invalidResponse(
      title === null
        ? withDetail("the body is not JSON", quoteBody(body, redact))
        : withDetail("HTML instead of JSON", title),
    );
  }
}

/** Whether objects and arrays are nested deeper than this; brackets in strings do not count. */
function hasMoreLevels(text: string, max: number): boolean {
  let levels = 0;
  let isString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (isString && character === "\\") i++;
    else if (character === '"') isString = !isString;
    else if (isString) continue;
    else if (character === "[" || character === "{") levels++;
    else if (character === "]" || character === "}") levels--;
    if (levels > max) return true;
  }
  return false;
}
