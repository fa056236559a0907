import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import type { Connection } from "../../src/http_client/connection/connection.ts";
import { RequestError } from "../../src/http_client/errors.ts";
import { exchangeHttp1, type Http1Options } from "../../src/http_client/http1.ts";
import { loadResponseParser } from "../../src/http_client/response_parser.ts";
import { MAX_BODY_BYTES } from "../../src/http_client/response.ts";
import { holds, RUNS } from "../fuzz/runs.ts";
import { settle } from "../support/clock.ts";
import { bytesOf, parserMemoryBytes, textOf } from "./responses.ts";

await loadResponseParser();

const OK = "HTTP/1.1 200 OK\r\n";
const WHOLE = `${OK}content-length: 2\r\n\r\n{}`;
const REQUEST = { method: "GET", target: "/a", host: "example.org", headers: {} };

/** A connection whose server sends these pieces, one for each read, then ends or throws. */
class FakeConnection implements Connection {
  written = "";
  /** How many bytes one write takes. */
  writeBytes = Infinity;
  readonly #pieces: string[];
  readonly #ending: Error | null;

  constructor(pieces: readonly string[], ending: Error | null = null) {
    this.#pieces = [...pieces];
    this.#ending = ending;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    const piece = this.#pieces.shift();
    if (piece === undefined) {
      return this.#ending ? Promise.reject(this.#ending) : Promise.resolve(null);
    }
    const part = piece.slice(0, buffer.length);
    if (part !== piece) this.#pieces.unshift(piece.slice(part.length));
    buffer.set(bytesOf(part));
    return Promise.resolve(part.length);
  }

  write(bytes: Uint8Array): Promise<number> {
    const part = bytes.subarray(0, this.writeBytes);
    this.written += textOf(part);
    return Promise.resolve(part.length);
  }

  close(): void {}
}

/** A clock that says how often it was asked. */
function options(given: Partial<Http1Options> = {}): Http1Options {
  let count = 0;
  return { monotonic: () => ++count, peer: "example.org", ...given };
}

async function refused(pieces: readonly string[], ending: Error | null = null) {
  const connection = new FakeConnection(pieces, ending);
  const error = await assertRejects(
    () => exchangeHttp1(connection, REQUEST, options()),
    RequestError,
  );
  return [error.reason, error.message];
}

Deno.test("exchangeHttp1 sends the request in full, however little a write takes", async () => {
  for (const writeBytes of [1, 7, Infinity]) {
    const connection = new FakeConnection([WHOLE]);
    connection.writeBytes = writeBytes;
    await exchangeHttp1(connection, {
      ...{ method: "POST", target: "/a?b", host: "example.org:8443" },
      headers: { accept: "*/*", "x-tab": "a\tb" },
      body: "grant=ø",
    }, options());
    assertEquals(
      connection.written,
      "POST /a?b HTTP/1.1\r\nhost: example.org:8443\r\nconnection: close\r\naccept: */*\r\n" +
        "x-tab: a\tb\r\ncontent-length: 8\r\n\r\ngrant=\xc3\xb8",
    );
  }
});

Deno.test("exchangeHttp1 sends no header that would begin another one", async () => {
  for (const value of ["a\r\nb: c", "a\nb", "a\0", "a\x7f", "€"]) {
    const connection = new FakeConnection([WHOLE]);
    await assertRejects(
      () => exchangeHttp1(connection, { ...REQUEST, headers: { "x-a": value } }, options()),
      TypeError,
      "invalid header x-a",
    );
    assertEquals(connection.written, "");
  }
});

Deno.test("exchangeHttp1 returns the same response however the server splits it", async () => {
  const body = fc.uint8Array({ maxLength: 20_000 }).map(textOf);
  const framing = fc.constantFrom("length", "chunked", "end");
  const lengths = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 30 });
  await holds(
    fc.asyncProperty(body, framing, lengths, async (sent, framed, sizes) => {
      const whole = framed === "length"
        ? `${OK}content-length: ${sent.length}\r\n\r\n${sent}`
        : framed === "end"
        ? `${OK}\r\n${sent}`
        : `${OK}transfer-encoding: chunked\r\n\r\n` +
          `${sent && `${sent.length.toString(16)}\r\n${sent}\r\n`}0\r\n\r\n`;
      const pieces: string[] = [];
      for (let from = 0, i = 0; from < whole.length; from += sizes[i++ % sizes.length] ?? 1) {
        pieces.push(whole.slice(from, from + (sizes[i % sizes.length] ?? 1)));
      }
      const response = await exchangeHttp1(new FakeConnection(pieces), REQUEST, options());
      assertEquals([response.status, textOf(response.body)], [200, sent]);
    }),
    { numRuns: Math.ceil(RUNS / 20) },
  );
});

Deno.test("exchangeHttp1 takes its instants after the bytes that they are about", async () => {
  // One read each: the headers in two, then the body in two.
  const pieces = [`${OK}content-le`, "ngth: 4\r\n\r\n", "{ ", " }"];
  const headers: unknown[] = [];
  const { wholeMs } = await exchangeHttp1(
    new FakeConnection(pieces),
    REQUEST,
    options({
      onHeaders: (status, chunks, readMs) => headers.push([status, chunks.length, readMs]),
    }),
  );
  assertEquals([headers, wholeMs], [[[200, 0, 2]], 4]);

  // A body without a length is whole when the connection has ended.
  const untilEnd = await exchangeHttp1(
    new FakeConnection([`${OK}\r\n{}`]),
    REQUEST,
    options(),
  );
  assertEquals(untilEnd.wholeMs, 2);
});

Deno.test("exchangeHttp1 says how much of a response came before the connection ended", async () => {
  const early = "the connection ended";
  for (
    const [sent, message] of [
      [[], `${early} before a response`],
      [["HTTP/1.1 200"], `${early} before a response`],
      [
        [`${OK}content-length: 500\r\n\r\n`, "x".repeat(29)],
        `${early} after 29 of 500 bytes of the body`,
      ],
      [[`${OK}transfer-encoding: chunked\r\n\r\n5\r\n123`], `${early} after 3 bytes of the body`],
    ] as const
  ) {
    assertEquals(await refused(sent), ["reset", message]);
  }
  const reset = Object.assign(new Deno.errors.ConnectionReset("x"), { code: "ECONNRESET" });
  assertEquals(await refused([OK], reset), ["reset", "read ECONNRESET example.org"]);
  assertEquals(
    await refused([`${OK}content-length: 9\r\n\r\n`, "12345"], reset),
    ["reset", "read ECONNRESET example.org after 5 of 9 bytes of the body"],
  );
});

Deno.test("exchangeHttp1 takes no body whose length nobody told from a TLS that is cut", async () => {
  const cut = new Deno.errors.UnexpectedEof("peer closed connection without close_notify");
  const early = "the connection ended";
  for (
    const [sent, message] of [
      [[], `${early} before a response`],
      [[`${OK}content-length: 9\r\n\r\n`, "12345"], `${early} after 5 of 9 bytes of the body`],
      [[`${OK}\r\n`, "12345"], `${early} after 5 bytes of the body, without the end of TLS`],
    ] as const
  ) {
    assertEquals(await refused(sent, cut), ["reset", message]);
  }
});

Deno.test("exchangeHttp1 accepts a body of MAX_BODY_BYTES and refuses a byte more", async () => {
  const largest = "x".repeat(MAX_BODY_BYTES);
  const { body } = await exchangeHttp1(
    new FakeConnection([`${OK}content-length: ${largest.length}\r\n\r\n${largest}`]),
    REQUEST,
    options(),
  );
  assertEquals(body.length, MAX_BODY_BYTES);
  assertEquals(await refused([`${OK}\r\n${largest}x`]), [
    "invalid_response",
    "the body is larger than 1048576 bytes",
  ]);
});

Deno.test("exchangeHttp1 throws what `onHeaders` throws, as it is", async () => {
  const fault = new Error("of the caller");
  const onHeaders = () => {
    throw fault;
  };
  const caught = await exchangeHttp1(new FakeConnection([WHOLE]), REQUEST, options({ onHeaders }))
    .catch((error) => error);
  assertStrictEquals(caught, fault);
});

Deno.test("exchangeHttp1 gives no exchange a buffer that another one still reads into", async () => {
  /** A server that says nothing until it is told to; a read that is given up may still write. */
  class SilentConnection extends FakeConnection {
    reading: Uint8Array | null = null;
    readonly #answer = Promise.withResolvers<number>();

    override read(buffer: Uint8Array): Promise<number | null> {
      if (this.reading) return super.read(buffer);
      this.reading = buffer;
      return this.#answer.promise;
    }

    answer(text: string): void {
      this.reading?.set(bytesOf(text));
      this.#answer.resolve(text.length);
    }

    end(): void {
      this.#answer.reject(new Deno.errors.Interrupted("closed"));
    }
  }
  const silent = Array.from({ length: 40 }, () => new SilentConnection([]));
  const first = silent.map((each) => exchangeHttp1(each, REQUEST, options()).catch(() => null));
  await settle();
  // Some end well, some badly: their buffers may be used again, those of the others may not.
  silent.slice(0, 10).forEach((each) => each.answer(WHOLE));
  silent.slice(10, 20).forEach((each) => each.end());
  await Promise.all(first.slice(0, 20));
  const next = Array.from({ length: 40 }, () => new SilentConnection([]));
  const second = next.map((each) => exchangeHttp1(each, REQUEST, options()));
  await settle();

  const inUse = [...silent.slice(20), ...next].map(({ reading }) => reading?.buffer);
  assert(inUse.every((buffer) => buffer), "not all are reading");
  assertEquals(new Set(inUse).size, inUse.length);

  silent.slice(20).forEach((each) => each.answer(`${OK}content-length: 5\r\n\r\nfirst`));
  next.forEach((each) => each.answer(`${OK}content-length: 6\r\n\r\nsecond`));
  for (const response of await Promise.all(first.slice(20))) {
    assertEquals(textOf(response?.body ?? new Uint8Array()), "first");
  }
  for (const { body } of await Promise.all(second)) assertEquals(textOf(body), "second");
});

Deno.test("exchanges that end well or badly leave no memory in the parser", async () => {
  const reset = new Deno.errors.ConnectionReset("reset");
  const fates = [
    () => new FakeConnection([WHOLE]),
    () => new FakeConnection([OK]),
    () => new FakeConnection([OK], reset),
    () => new FakeConnection(["SSH-2.0"]),
    () => new FakeConnection([`${OK}content-length: 9\r\n\r\n`], reset),
  ];
  const fail = () => {
    throw new Error("of the caller");
  };
  const one = (i: number) => {
    const connection = fates[i % fates.length]?.() ?? new FakeConnection([]);
    const onHeaders = i % 7 === 0 ? fail : () => {};
    return exchangeHttp1(connection, REQUEST, options({ onHeaders })).catch(() => {});
  };
  for (let i = 0; i < 35; i++) await one(i);
  const before = parserMemoryBytes();
  for (let i = 0; i < 20_000; i++) await one(i);
  assertEquals(parserMemoryBytes(), before);
});
