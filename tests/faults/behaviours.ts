/** What a target can do wrong. */
import { brotliCompressSync, gzipSync } from "node:zlib";
import { concat } from "@std/bytes/concat";
import { type Behaviour, type Connection, dataset } from "./saboteur.ts";

type Answer = string | Uint8Array | ((connection: Connection) => string | Uint8Array);

/** Never does anything more. */
export const hang: Behaviour = () => new Promise(() => {});

/** Reads the request, answers it so, and leaves the connection open. */
export function answers(answer: Answer): Behaviour {
  return async (connection) => {
    await connection.readRequest();
    await connection.write(typeof answer === "function" ? answer(connection) : answer);
  };
}

/** Answers so and closes the connection. */
export function closesAfter(answer: Answer): Behaviour {
  return async (connection) => {
    await answers(answer)(connection);
    connection.close();
  };
}

/** Answers so and resets the connection. */
export function resetsAfter(text: string): Behaviour {
  return async (connection) => {
    await connection.readOneByte();
    await connection.write(text);
    connection.close();
  };
}

/** Answers so, and then says this again and again until the client leaves. */
export function repeats(text: string, again: string, pauseMs = 0): Behaviour {
  return async (connection) => {
    await answers(text)(connection);
    for (;;) {
      await connection.write(again);
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
}

/** Says this to whoever connects. */
export function speaksFirst(text: string): Behaviour {
  return (connection) => connection.write(text);
}

/** Hands the connection on to a port of this machine; `cut` ends that after so many bytes of its. */
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

/** An answer with these headers, one a line, and this body. */
export function answerOf(status: string, headers: string[], body: Answer = ""): Answer {
  return (connection) => {
    const given = typeof body === "function" ? body(connection) : body;
    const bytes = typeof given === "string" ? new TextEncoder().encode(given) : given;
    const head = [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${bytes.length}`];
    return joined(`${head.join("\r\n")}\r\n\r\n`, bytes);
  };
}

/** The dataset that was asked for, under these headers. */
export function datasetUnder(...headers: string[]): Answer {
  return answerOf("200 OK", headers, dataset);
}

/** The dataset that was asked for, packed so, under these headers. */
export function packed(pack: (text: string) => Uint8Array, encoding: string): Answer {
  return answerOf("200 OK", [`Content-Encoding: ${encoding}`], (c) => pack(dataset(c)));
}

/** The dataset in one chunk, with this behind the last one. */
export function chunked(rest: string): Answer {
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

/** One after the other. */
export function joined(...parts: (string | Uint8Array)[]): Uint8Array {
  return concat(
    parts.map((part) => typeof part === "string" ? new TextEncoder().encode(part) : part),
  );
}
