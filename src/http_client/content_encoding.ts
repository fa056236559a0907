import { gunzipSync, inflateRawSync, inflateSync } from "node:zlib";
import { RequestError } from "./errors.ts";
import type { Redact } from "./redact.ts";
import {
  BodyTooLarge,
  type HttpResponse,
  invalidResponse,
  MAX_BODY_BYTES,
  redactedStart,
} from "./response.ts";

/** As many as curl removes; each costs up to {@linkcode MAX_BODY_BYTES}. */
const MAX_ENCODINGS = 5;

type Decode = (body: Uint8Array) => Uint8Array;

/** RFC 9110, section 8.4.1. */
const DECODERS: ReadonlyMap<string, Decode> = new Map([
  ["gzip", gunzip],
  ["x-gzip", gunzip],
  ["deflate", inflate],
]);

/** What servers send for no encoding; the last three belong to `Content-Transfer-Encoding`. */
const PLAIN: ReadonlySet<string> = new Set(["", "identity", "none", "7bit", "8bit", "binary"]);

/**
 * The body without its content encodings, of which the one applied last is removed first. A charset
 * is none. Throws `invalid_response` for an unknown one and for a body that is broken or too large.
 */
export function decodedBody({ headers, body }: HttpResponse, redact: Redact): Uint8Array {
  const given = String(headers["content-encoding"] ?? "").trim();
  if (given === "" || body.length === 0) return body;
  const encodings = given.toLowerCase().split(",").map((each) => each.trim())
    .filter((each) => !PLAIN.has(each) && !isCharset(each));
  if (encodings.length > MAX_ENCODINGS) {
    throw invalidResponse(`the body has ${encodings.length} encodings, more than ${MAX_ENCODINGS}`);
  }
  return encodings.reduceRight((encoded, encoding) => {
    const decode = DECODERS.get(encoding);
    if (decode) return decodeAs(encoding, () => decode(encoded));
    const shown = redactedStart(given, redact).slice(0, 40);
    throw invalidResponse(`the body has an unknown encoding, "${shown}"`);
  }, body);
}

/** Whether this is a charset, by any of its names. https://encoding.spec.whatwg.org/#names-and-labels */
function isCharset(label: string): boolean {
  try {
    new TextDecoder(label);
    return true;
  } catch {
    return false;
  }
}

function decodeAs(encoding: string, decode: () => Uint8Array): Uint8Array {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RequestError) throw error;
    const { message, code } = error as Error & { code?: string };
    if (code === "ERR_BUFFER_TOO_LARGE") throw new BodyTooLarge();
    throw invalidResponse(`the body is not valid ${encoding}: ${message}`);
  }
}

/** A gzip of one or several members (RFC 1952, section 2.2), and zeros that fill it up. */
function gunzip(body: Uint8Array): Uint8Array {
  return gunzipSync(body, { maxOutputLength: MAX_BODY_BYTES });
}

/** A zlib stream (RFC 1950) or, as some servers send in its place, a bare one (RFC 1951). */
function inflate(body: Uint8Array): Uint8Array {
  const inflateAny = hasZlibHeader(body) ? inflateSync : inflateRawSync;
  const options = { maxOutputLength: MAX_BODY_BYTES, info: true };
  const { buffer, engine } = inflateAny(body, options) as unknown as InflateResult;
  // zlib stops at the end of the stream and does not look at the rest.
  if (engine.bytesWritten < body.length) throw new Error("bytes after its end");
  return buffer;
}

/** What zlib returns with the option `info`; `bytesWritten` counts what it has read. */
type InflateResult = { buffer: Uint8Array; engine: { bytesWritten: number } };

/** RFC 1950, section 2.2. */
function hasZlibHeader([method = 0, flags = 0]: Uint8Array): boolean {
  return (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0;
}
