import * as z from "zod/mini";
import { RequestError } from "./errors.ts";
import type { Redact } from "./redact.ts";
import { MAX_BODY_BYTES, type Reply, tooLarge } from "./exchange.ts";

/** How much of a failure's body is kept. */
const KEPT_BYTES = 512;

/** How much of a text is searched for secrets, in characters. */
const SEARCHED = 32 * 1024;

/** A longer secret would fit into no header. */
const MAX_SECRET_LENGTH = 16 * 1024;

const dataset = z.object({ Id: z.string(), Type: z.optional(z.literal("Dataset")) });

/** Made once: each takes longer to make than to use. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

const DECOMPRESSED: Record<string, CompressionFormat> = {
  "gzip": "gzip",
  "x-gzip": "gzip",
  "deflate": "deflate",
};

/** The reply with its content encoding undone; throws `invalid_response` for a broken or huge body. */
export async function decoded(reply: Reply, redact: Redact): Promise<Reply> {
  const given = String(reply.headers["content-encoding"] ?? "identity").trim();
  const encoding = given.toLowerCase();
  if (encoding === "identity" || encoding === "" || reply.body.length === 0) return reply;
  if (!Object.hasOwn(DECOMPRESSED, encoding)) {
    throw invalid(`the body has an unknown encoding, "${redacted(given, redact).slice(0, 40)}"`);
  }
  return { ...reply, body: await decompress(reply.body, DECOMPRESSED[encoding]) };
}

/** Checks that the body is the metadata of this dataset; throws `invalid_response` otherwise. */
export function checkDataset(body: Uint8Array, datasetId: string, redact: Redact): void {
  if (body.length === 0) throw invalid("the body is empty");
  let json: unknown;
  try {
    json = JSON.parse(utf8.decode(body));
  } catch {
    throw invalid("the body is not JSON");
  }
  const { success, data } = dataset.safeParse(json);
  if (!success) throw invalid('the body is not a dataset: it has no "Id", or another "Type"');
  if (data.Id !== datasetId) {
    const shown = redacted(data.Id, redact).slice(0, 128);
    throw invalid(`the body is another dataset's: its "Id" is ${JSON.stringify(shown)}`);
  }
}

/** The start of a body as text, with what is secret taken out before it is cut. */
export function excerpt(body: Uint8Array, redact: Redact): string {
  const text = redacted(new TextDecoder().decode(body), redact);
  const kept = new TextEncoder().encode(text).subarray(0, KEPT_BYTES);
  return new TextDecoder().decode(kept, { stream: true });
}

/** The start of a text without what is secret in it, long enough to be cut to what is shown. */
function redacted(text: string, redact: Redact): string {
  const shown = redact(text.slice(0, SEARCHED));
  // Where the search ended, the first part of a secret may stand.
  return text.length > SEARCHED ? shown.slice(0, -MAX_SECRET_LENGTH) : shown;
}

async function decompress(body: Uint8Array, format: CompressionFormat): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    const packed = ReadableStream.from(slices(body as Uint8Array<ArrayBuffer>));
    for await (const chunk of packed.pipeThrough(new DecompressionStream(format))) {
      length += chunk.length;
      if (length > MAX_BODY_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof RequestError ? error : invalid(`the body is not valid ${format}`);
  }
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

/** A slice is unpacked as a whole, to up to a thousand times its length, before anyone can look. */
const SLICE_BYTES = 4 * 1024;

function* slices(body: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  for (let from = 0; from < body.length; from += SLICE_BYTES) {
    yield body.subarray(from, from + SLICE_BYTES);
  }
}

function invalid(message: string): RequestError {
  return new RequestError("invalid_response", message);
}
