import type { Context } from "hono";
import { acceptedCodings } from "./accept_encoding.ts";
import type { Compressor } from "./compressor.ts";

/** A smaller body fits a packet or two in any case. */
const MIN_BYTES = 1024;

/**
 * Responds with a body, in gzip where the client prefers it and the body is worth it. While too many
 * bodies wait to be compressed it goes as it is, so that a flood costs little more than without gzip;
 * likewise when compression fails.
 */
export async function send(
  c: Context,
  compressor: Compressor,
  body: Uint8Array<ArrayBuffer>,
  { vary, ...headers }: Record<string, string>,
): Promise<Response> {
  c.header("vary", vary ? `${vary}, Accept-Encoding` : "Accept-Encoding");
  const { prefersGzip, acceptsIdentity } = acceptedCodings(c.req.header("accept-encoding"));
  if (!prefersGzip && !acceptsIdentity) {
    return c.json({ error: "expected gzip or identity among the accepted encodings" }, 406);
  }
  const isWorthIt = prefersGzip && (body.length >= MIN_BYTES || !acceptsIdentity);
  const compressed = isWorthIt ? await compressor.gzip(body) : null;
  if (compressed === null && !acceptsIdentity) {
    const error = "the response cannot be compressed now";
    return c.json({ error }, 503, { "retry-after": "1" });
  }
  const sent = compressed ?? body;
  return c.body(streamOf(sent), 200, {
    ...headers,
    ...compressed ? { "content-encoding": "gzip" } : {},
    // The response to HEAD has it too.
    "content-length": String(sent.length),
  });
}

/** A body that is not copied: a `Response` would copy a string, or bytes, at once. */
function streamOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from([bytes]);
}
