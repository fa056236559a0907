import * as z from "zod/mini";
import { quoteBody, textOf, titleOfHtml, withDetail } from "../http_client/body_text.ts";
import type { Redact } from "../http_client/redact.ts";
import { invalidResponse, redactedStart } from "../http_client/response.ts";

const MAX_ID_LENGTH = 128;

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
