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

/**
 * A chunk is decompressed as a whole, to up to a thousand times its length, before its length can be
 * checked.
 */
const COMPRESSED_CHUNK_BYTES = 4 * 1024;

/** RFC 9110, section 8.4.1. */
const DECOMPRESSED: ReadonlyMap<string, CompressionFormat> = new Map([
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["deflate", "deflate"],
]);

/** The body without its content encoding. Throws `invalid_response` when it is broken or too large. */
export async function decodedBody(
  { headers, body }: HttpResponse,
  redact: Redact,
): Promise<Uint8Array> {
  const given = String(headers["content-encoding"] ?? "identity").trim();
  const encoding = given.toLowerCase();
  if (encoding === "identity" || encoding === "" || body.length === 0) return body;
  const format = DECOMPRESSED.get(encoding);
  if (!format) {
    const shown = redactedStart(given, redact).slice(0, 40);
    throw invalidResponse(`the body has an unknown encoding, "${shown}"`);
  }
  return await decompress(body, format);
}

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

/** The error for a body over {@linkcode MAX_BODY_BYTES}, compressed or not. */
export function tooLarge(): RequestError {
  return invalidResponse(`the body is larger than ${MAX_BODY_BYTES} bytes`);
}

export function invalidResponse(message: string): RequestError {
  return new RequestError("invalid_response", message);
}

async function decompress(body: Uint8Array, format: CompressionFormat): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    const compressed = ReadableStream.from(slices(body as Uint8Array<ArrayBuffer>));
    for await (const chunk of compressed.pipeThrough(new DecompressionStream(format))) {
      length += chunk.length;
      if (length > MAX_BODY_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof RequestError ? error : invalidResponse(`the body is not valid ${format}`);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function* slices(body: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  for (let from = 0; from < body.length; from += COMPRESSED_CHUNK_BYTES) {
    yield body.subarray(from, from + COMPRESSED_CHUNK_BYTES);
  }
}
