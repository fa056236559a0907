import { quoteBody, textOf, titleOfHtml, withDetail } from "./body_text.ts";
import type { Redact } from "./redact.ts";
import { invalidResponse } from "./response.ts";

/** V8 takes so long for deeper JSON that all tasks wait: half a second for a mebibyte of brackets. */
const MAX_JSON_LEVELS = 1_000;

/** The JSON of a body in UTF-8. Throws `invalid_response` for anything else. */
export function parseJson(body: Uint8Array, redact: Redact): unknown {
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
