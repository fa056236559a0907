/** What a target can do with a connection. */
import { brotliCompressSync, gzipSync } from "node:zlib";
import { concat } from "@std/bytes/concat";
import { type Behaviour, type Connection, dataset } from "./faulty_target.ts";

export const OK = "HTTP/1.1 200 OK\r\n";
export const MEBIBYTE = 1024 * 1024;

type ResponseBytes = string | Uint8Array | ((connection: Connection) => string | Uint8Array);

/** Does nothing, for ever. */
export const hang: Behaviour = () => new Promise(() => {});

/** Reads the request, sends these bytes, and leaves the connection open. */
export function responds(response: ResponseBytes): Behaviour {
  return async (connection) => {
    await connection.readRequest();
    await connection.write(typeof response === "function" ? response(connection) : response);
  };
}

/** Responds and closes the connection. */
export function respondsAndCloses(response: ResponseBytes): Behaviour {
  return async (connection) => {
    await responds(response)(connection);
    connection.close();
  };
}

/** Sends this and resets the connection. */
export function respondsAndResets(text: string): Behaviour {
  return async (connection) => {
    await connection.readOneByte();
    await connection.write(text);
    connection.close();
  };
}

/** Responds, and then sends `repeated` until the client closes the connection. */
export function respondsAndRepeats(text: string, repeated: string, pauseMs = 0): Behaviour {
  return async (connection) => {
    await responds(text)(connection);
    for (;;) {
      await connection.write(repeated);
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
}

/** Sends this without reading a request. */
export function sendsFirst(text: string): Behaviour {
  return (connection) => connection.write(text);
}

/** Forwards the connection to a local port; `cut` ends that after this many bytes of its response. */
export function forwardsTo(
  port: number,
  cut?: { bytes: number; then: "close" | "hang" },
): Behaviour {
  return async ({ bytes: { readable, writable } }) => {
    const onward = await Deno.connect({ hostname: "127.0.0.1", port });
    const there = readable.pipeTo(onward.writable).catch(() => {});
    if (!cut) return await Promise.all([there, onward.readable.pipeTo(writable)]);
    const writer = writable.getWriter();
    let left = cut.bytes;
    for await (const chunk of onward.readable) {
      await writer.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) break;
    }
    if (cut.then === "hang") return await new Promise(() => {});
    await writer.close();
  };
}

/** A response with these header lines and this body. */
export function responseOf(
  status: string,
  headers: string[],
  body: ResponseBytes = "",
): ResponseBytes {
  return (connection) => {
    const given = typeof body === "function" ? body(connection) : body;
    const bytes = typeof given === "string" ? new TextEncoder().encode(given) : given;
    const head = [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${bytes.length}`];
    return joined(`${head.join("\r\n")}\r\n\r\n`, bytes);
  };
}

/** The requested dataset, with these header lines. */
export function datasetUnder(...headers: string[]): ResponseBytes {
  return responseOf("200 OK", headers, dataset);
}

/** The requested dataset in a content encoding. */
export function packed(pack: (text: string) => Uint8Array, encoding: string): ResponseBytes {
  return responseOf("200 OK", [`Content-Encoding: ${encoding}`], (c) => pack(dataset(c)));
}

/** The requested dataset as one chunk, followed by `rest`. */
export function chunked(rest: string): ResponseBytes {
  return (connection) => {
    const body = dataset(connection);
    return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n` +
      `${body.length.toString(16)}\r\n${body}\r\n${rest}`;
  };
}

export const gzip = (text: string): Uint8Array => gzipSync(text);
export const brotli = (text: string): Uint8Array => brotliCompressSync(text);

/** A hundred megabytes in a hundred kilobytes. */
export const BOMB: Uint8Array = gzipSync(new Uint8Array(100e6));

/** All of these bytes, as one array. */
export function joined(...parts: (string | Uint8Array)[]): Uint8Array {
  return concat(
    parts.map((part) => typeof part === "string" ? new TextEncoder().encode(part) : part),
  );
}
