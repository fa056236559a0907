import * as z from "zod/mini";
import { parseJson } from "../http_client/json_body.ts";
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
