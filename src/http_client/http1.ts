import { concat } from "@std/bytes/concat";
import { type Connection, writeAll } from "./connection/connection.ts";
import { connectionError } from "./connection/connection_error.ts";
import { RequestError } from "./errors.ts";
import { BodyTooLarge, type HttpResponse, MAX_BODY_BYTES } from "./response.ts";
import { type ResponseHeaders, ResponseParser } from "./response_parser.ts";

/** What is sent: the request target is a path, or what a proxy needs. RFC 9112, section 3.2. */
export type Http1Request = {
  method: string;
  target: string;
  host: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
};

export type Http1Options = {
  monotonic: () => number;
  /** The peer as errors name it. */
  peer: string;
  /** Called when the headers are complete, with the instant at which their last byte was read. */
  onHeaders?: (status: number, chunks: readonly Uint8Array[], readMs: number) => void;
  /** Ends the response with its headers: what follows belongs to another protocol. */
  headersOnly?: boolean;
};

const READ_BYTES = 16 * 1024;

/** Kept between exchanges: a new buffer costs more than a read. */
const spareBuffers: Uint8Array<ArrayBuffer>[] = [];
const MAX_SPARE_BUFFERS = 16;

const encoder = new TextEncoder();

/**
 * Sends a request and reads its response; `wholeMs` is the instant at which the last byte was read.
 * Throws `reset` when the connection ends before the response does, `invalid_response` for what is
 * not HTTP or too large, and `tls`. Needs `loadResponseParser` before.
 */
export async function exchangeHttp1(
  connection: Connection,
  request: Http1Request,
  { monotonic, peer, onHeaders, headersOnly = false }: Http1Options,
): Promise<HttpResponse & { wholeMs: number }> {
  const bytes = encodeRequest(request);
  await writeAll(connection, bytes).catch((error) => {
    throw connectionError("write", error, peer);
  });
  const chunks: Uint8Array[] = [];
  const progress: Progress = { status: 0, headers: {}, length: 0 };
  let readMs = 0;
  using parser = new ResponseParser({
    onHeaders(...head) {
      [progress.status, progress.headers] = head;
      onHeaders?.(progress.status, chunks, readMs);
    },
    onBody(bytes) {
      progress.length += bytes.length;
      if (progress.length > MAX_BODY_BYTES) throw new BodyTooLarge();
      chunks.push(bytes.slice());
    },
  }, { isHead: request.method === "HEAD", headersOnly });
  const buffer = spareBuffers.pop() ?? new Uint8Array(READ_BYTES);
  try {
    while (!parser.isComplete) {
      const count = await connection.read(buffer).catch((error) => {
        throw readError(error, peer, progress);
      });
      readMs = monotonic();
      if (count !== null) {
        parser.parse(buffer.subarray(0, count));
        continue;
      }
      parser.end();
      if (!parser.isComplete) throw endedEarly(progress);
    }
  } finally {
    if (spareBuffers.length < MAX_SPARE_BUFFERS) spareBuffers.push(buffer);
  }
  const body = chunks.length === 1 && chunks[0] ? chunks[0] : concat(chunks);
  const { status, headers } = progress;
  return { status, headers, body, wholeMs: readMs };
}

/** The request in one piece, so that it takes one write. */
function encodeRequest({ method, target, host, headers, body }: Http1Request): Uint8Array {
  const lines = [`${method} ${target} HTTP/1.1`, `host: ${host}`, "connection: close"];
  for (const [name, value] of Object.entries(headers)) {
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw new TypeError(`invalid header ${name}`);
    lines.push(`${name}: ${value}`);
  }
  if (body !== undefined) lines.push(`content-length: ${encoder.encode(body).length}`);
  return encoder.encode(`${lines.join("\r\n")}\r\n\r\n${body ?? ""}`);
}

/** What came of a response: status 0 until its headers are complete, then the bytes of its body. */
type Progress = { status: number; headers: ResponseHeaders; length: number };

function endedEarly(progress: Progress): RequestError {
  if (progress.status === 0) {
    return new RequestError("reset", "the connection ended before a response");
  }
  return new RequestError("reset", `the connection ended after ${received(progress)}`);
}

/** A failed read of a response that is not complete. */
function readError(error: unknown, peer: string, progress: Progress): RequestError {
  const { status, headers } = progress;
  // Without `close_notify` a body whose length nobody told may be cut. RFC 8446, section 6.1.
  if (error instanceof Deno.errors.UnexpectedEof) {
    const early = endedEarly(progress);
    const isFramed = "content-length" in headers || "transfer-encoding" in headers;
    if (status === 0 || isFramed) return early;
    return new RequestError("reset", `${early.message}, without the end of TLS`, { cause: error });
  }
  const failure = connectionError("read", error, peer);
  if (status === 0 || failure.reason !== "reset") return failure;
  const message = `${failure.message} after ${received(progress)}`;
  return new RequestError("reset", message, { cause: error });
}

/** How much of a body came, such as `29 of 500 bytes of the body`. */
function received({ headers: { "content-length": expected }, length }: Progress): string {
  return `${length}${expected === undefined ? "" : ` of ${expected}`} bytes of the body`;
}
