import * as z from "zod";
import { OkdataError } from "./errors.ts";
import type { Redact } from "./redact.ts";
import { MOST_BODY_BYTES, type Reply, tooLarge } from "./transport.ts";

/** How much of a failure's body is kept. */
const KEPT_BYTES = 512;

/** How much is searched for secrets before: one that ends behind this is longer than any header. */
const SEARCHED_BYTES = 16 * 1024;

const dataset = z.object({ Id: z.string(), Type: z.literal("Dataset").optional() });

const DECOMPRESSED: Record<string, CompressionFormat> = {
  "gzip": "gzip",
  "x-gzip": "gzip",
  "deflate": "deflate",
};

/** The reply with its content encoding undone; throws `invalid_response` for a broken or huge body. */
export async function decoded(reply: Reply): Promise<Reply> {
  const encoding = String(reply.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  if (encoding === "identity" || encoding === "" || reply.body.length === 0) return reply;
  const format = DECOMPRESSED[encoding];
  if (!format) throw invalid(`the body has an unknown encoding, "${encoding.slice(0, 40)}"`);
  return { ...reply, body: await decompress(reply.body, format) };
}

/** Checks that the body is the metadata of this dataset; throws `invalid_response` otherwise. */
export function checkDataset(body: Uint8Array, datasetId: string): void {
  if (body.length === 0) throw invalid("the body is empty");
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw invalid("the body is not JSON");
  }
  const { success, data } = dataset.safeParse(json);
  if (!success) throw invalid('the body is not a dataset: it has no "Id", or another "Type"');
  if (data.Id !== datasetId) {
    throw invalid(
      `the body is another dataset's: its "Id" is ${JSON.stringify(data.Id.slice(0, 128))}`,
    );
  }
}

/** The start of a body as text, with what is secret taken out before it is cut. */
export function excerpt(body: Uint8Array, redact: Redact): string {
  const text = redact(new TextDecoder().decode(body.subarray(0, SEARCHED_BYTES)));
  const kept = new TextEncoder().encode(text).subarray(0, KEPT_BYTES);
  return new TextDecoder().decode(kept, { stream: true });
}

async function decompress(body: Uint8Array, format: CompressionFormat): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    const packed = ReadableStream.from(slices(body as Uint8Array<ArrayBuffer>));
    for await (const chunk of packed.pipeThrough(new DecompressionStream(format))) {
      length += chunk.length;
      if (length > MOST_BODY_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof OkdataError ? error : invalid(`the body is not valid ${format}`);
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

function invalid(message: string): OkdataError {
  return new OkdataError("invalid_response", message);
}
