import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { RequestError } from "../../src/http_client/errors.ts";
import {
  loadResponseParser,
  type ResponseHeaders,
  ResponseParser,
} from "../../src/http_client/response_parser.ts";
import { holds, mutated, Outcomes, RUNS } from "../fuzz/runs.ts";
import { bytesOf, parserMemoryBytes, textOf } from "./responses.ts";

await loadResponseParser();

type Parsed = {
  status: number | null;
  headers: ResponseHeaders;
  body: string;
  isComplete: boolean;
  error: string | null;
};

/** Parses these pieces as far as they go; a character is a byte. */
function parse(
  pieces: readonly string[],
  { ended = false, ...options }: { ended?: boolean; isHead?: boolean; headersOnly?: boolean } = {},
): Parsed {
  const parsed: Parsed = { status: null, headers: {}, body: "", isComplete: false, error: null };
  using parser = new ResponseParser({
    onHeaders(status, headers) {
      assertEquals(parsed.status, null, "headers are reported once");
      Object.assign(parsed, { status, headers });
    },
    onBody: (bytes) => parsed.body += textOf(bytes),
  }, options);
  try {
    for (const piece of pieces) {
      const bytes = bytesOf(piece);
      parser.parse(bytes);
      // As a buffer that is read into again.
      bytes.fill(0);
    }
    if (ended && !parser.isComplete) parser.end();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    assertEquals(error.reason, "invalid_response");
    parsed.error = error.message;
  }
  return { ...parsed, isComplete: parser.isComplete };
}

const OK = "HTTP/1.1 200 OK\r\n";
const WHOLE = `${OK}content-length: 2\r\n\r\n{}`;
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;

const token = fc.string({
  unit: fc.constantFrom(..."abcxyzABC019-_!~"),
  minLength: 1,
  maxLength: 12,
});
const fieldText = fc.string({ unit: fc.constantFrom(...'abc 019\t,;="\xe9\xff'), maxLength: 30 });
const field = fc.tuple(token, fieldText).map(([name, value]) => `x-${name}: ${value}\r\n`);
const fields = fc.array(field, { maxLength: 5 }).map((lines) => lines.join(""));
const chunk = fc.tuple(
  fc.string({ unit: fc.constantFrom(..."{}\r\n0a\xff"), minLength: 1, maxLength: 40 }),
  fc.constantFrom("", ";name", ';name="v\\"alue"'),
).map(([body, extension]) => `${body.length.toString(16)}${extension}\r\n${body}\r\n`);
const framed = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."{}\r\n0"), maxLength: 60 })
    .map((body) => `content-length: ${body.length}\r\n\r\n${body}`),
  fc.tuple(fc.array(chunk, { maxLength: 4 }), fields)
    .map(([chunks, trailers]) =>
      `transfer-encoding: chunked\r\n\r\n${chunks.join("")}0\r\n${trailers}\r\n`
    ),
  fc.string({ unit: fc.constantFrom(..."{}\r\n0"), maxLength: 60 }).map((body) => `\r\n${body}`),
);
const interim = fc.array(
  fields.map((lines) => `HTTP/1.1 103 Early Hints\r\n${lines}\r\n`),
  { maxLength: 2 },
);
const statusLine = fc.constantFrom(
  OK,
  "HTTP/1.0 200 OK\r\n",
  "HTTP/1.1 204 No Content\r\n",
  "HTTP/1.1 304 Not Modified\r\n",
  "HTTP/1.1 500 \xe9\r\n",
  "HTTP/1.1 101 Switching Protocols\r\n",
);
const response = fc.tuple(interim, statusLine, fields, framed, fc.constantFrom("", "more"))
  .map(([hints, first, lines, rest, after]) => `${hints.join("")}${first}${lines}${rest}${after}`);

/** A text in pieces, often of one byte. */
const splitOf = (text: fc.Arbitrary<string>) =>
  fc.tuple(text, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }))
    .map(([whole, lengths]) => {
      const pieces: string[] = [];
      for (let from = 0, i = 0; from < whole.length; i++) {
        const length = lengths[i % lengths.length] ?? 1;
        pieces.push(whole.slice(from, from + length));
        from += length;
      }
      return { whole, pieces };
    });

/** A few hundred find what there is to find; generating them takes longer than parsing. */
const FEWER = { numRuns: Math.ceil(RUNS / 5) };

function asLatin1(text: string): string {
  return text.replaceAll(/[^\0-\xff]/gu, "\xff");
}

Deno.test("a response parser reports the same however the bytes are split", async () => {
  const outcomes = new Outcomes([
    "complete",
    "incomplete",
    "refused",
  ]);
  await holds(
    fc.asyncProperty(
      // A character of several bytes could be split inside, which text cannot show.
      splitOf(fc.oneof(response, mutated(response)).map(asLatin1)),
      fc.record({ ended: fc.boolean(), isHead: fc.boolean() }),
      (text, options) => {
        const parsed = parse([text.whole], options);
        assertEquals(parse(text.pieces, options), parsed);
        outcomes.add(parsed.error ? "refused" : parsed.isComplete ? "complete" : "incomplete");
        return Promise.resolve();
      },
    ),
    {
      ...FEWER,
      outcomes,
      // As a whole llhttp meets the end of the line first, in pieces the space before the name.
      examples: [[bytewise(`HTTP/1.1 200 OK\r\n Hints\r\n\r\n`), { ended: false, isHead: false }]],
    },
  );
});

function bytewise(whole: string): { whole: string; pieces: string[] } {
  return { whole, pieces: [...whole] };
}

Deno.test("a response parser reports what a server has written", async () => {
  const body = fc.uint8Array({ maxLength: 200 }).map(textOf);
  const names = fc.uniqueArray(token, { maxLength: 5, selector: (name) => name.toLowerCase() });
  await holds(
    fc.asyncProperty(body, names, fieldText, (sent, given, value) => {
      const lines = given.map((name) => `x-${name}: ${value}\r\n`).join("");
      const { status, headers, ...rest } = parse([
        `${OK}${lines}content-length: ${sent.length}\r\n\r\n${sent}`,
      ]);
      const trimmed = value.replace(/^[ \t]+|[ \t]+$/g, "");
      assertEquals(status, 200);
      assertEquals(headers, {
        ...Object.fromEntries(given.map((name) => [`x-${name.toLowerCase()}`, trimmed])),
        "content-length": String(sent.length),
      });
      assertEquals(rest, { body: sent, isComplete: true, error: null });
      return Promise.resolve();
    }),
    FEWER,
  );
});

/** What http-parser-js 0.5.10 takes of these stands in docs/development.md. */
const REFUSED: Record<string, string> = {
  "two lengths": `${OK}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`,
  "the same length twice": `${OK}content-length: 2\r\ncontent-length: 2\r\n\r\n{}`,
  "a length of two numbers": `${OK}content-length: 2, 2\r\n\r\n{}`,
  "a length with a sign": `${OK}content-length: +2\r\n\r\n{}`,
  "a length below 0": `${OK}content-length: -2\r\n\r\n{}`,
  "a hexadecimal length": `${OK}content-length: 0x2\r\n\r\n{}`,
  "an empty length": `${OK}content-length:\r\n\r\n{}`,
  "a length over 64 bits": `${OK}content-length: ${"9".repeat(30)}\r\n\r\n{}`,
  "a length beside chunks": `${OK}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  "chunks beside a length": `${OK}transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n`,
  "a chunk size that is not hexadecimal": `${CHUNKED}zz\r\n{}\r\n0\r\n\r\n`,
  "an empty chunk size": `${CHUNKED}\r\n{}\r\n0\r\n\r\n`,
  "a chunk size with a sign": `${CHUNKED}+2\r\n{}\r\n0\r\n\r\n`,
  "a chunk size of two numbers": `${CHUNKED}2 3\r\n{}\r\n0\r\n\r\n`,
  "a space before a chunk size": `${CHUNKED} 2\r\n{}\r\n0\r\n\r\n`,
  "a chunk size over 64 bits": `${CHUNKED}${"f".repeat(17)}\r\n{}\r\n0\r\n\r\n`,
  "a length among the trailers": `${CHUNKED}2\r\n{}\r\n0\r\ncontent-length: 9\r\n\r\n`,
  "a chunk longer than its size": `${CHUNKED}2\r\n{}{}\r\n0\r\n\r\n`,
  "a header without a colon": `${OK}x\r\ncontent-length: 2\r\n\r\n{}`,
  "a space before the colon": `${OK}content-length : 2\r\n\r\n{}`,
  "a header without a name": `${OK}: 2\r\ncontent-length: 2\r\n\r\n{}`,
  "a zero byte in a header": `${OK}x: a\0b\r\ncontent-length: 2\r\n\r\n{}`,
  "a lone carriage return in a header": `${OK}x: a\rb: c\r\ncontent-length: 2\r\n\r\n{}`,
  "a tab before the colon": `${OK}content-length\t: 2\r\n\r\n{}`,
  "a control character in a header": `${OK}x: a\x01b\r\ncontent-length: 2\r\n\r\n{}`,
  "a length over two lines": `${OK}content-length: 2\r\n 2\r\n\r\n{}`,
  "a second line before the first header": `${OK} x: y\r\ncontent-length: 2\r\n\r\n{}`,
  "a chunk size that ends without a carriage return": `${CHUNKED}2\n{}\r\n0\r\n\r\n`,
  "a status of two digits": "HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\n{}",
  "a status of four digits": "HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\n{}",
  "an unknown version": "HTTP/9.9 200 OK\r\ncontent-length: 2\r\n\r\n{}",
  "another protocol": "SSH-2.0-OpenSSH_9.2\r\n",
  "a request": "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
};

for (const [what, sent] of Object.entries(REFUSED)) {
  Deno.test(`a response parser refuses ${what}`, () => {
    const { error } = parse([sent], { ended: true });
    assert(error?.startsWith("the response is not HTTP/1: "), String(error));
  });
}

Deno.test("a response parser accepts 64 KiB of headers, and no byte more", () => {
  // What is counted: status text, names and values.
  const fixed = "OK".length + "content-length".length + "2".length + "x".length;
  const sized = (length: number) =>
    `${OK}x: ${"v".repeat(length - fixed)}\r\ncontent-length: 2\r\n\r\n{}`;
  const within = parse([sized(64 * 1024)]);
  assertEquals([within.error, within.isComplete], [null, true]);
  assertEquals(parse([sized(64 * 1024 + 1)]).error, "the headers are larger than 65536 bytes");
});

Deno.test("a response parser counts interim headers and trailers to the bound of the headers", () => {
  const half = `x: ${"v".repeat(40 * 1024)}\r\n\r\n`;
  const message = "the headers are larger than 65536 bytes";
  assertEquals(parse([`HTTP/1.1 103 Hints\r\n${half}${OK}${half}`]).error, message);
  assertEquals(
    parse([`${OK}transfer-encoding: chunked\r\n${half}`, `0\r\n${half}`]).error,
    message,
  );
  const lines = "y: \r\n".repeat(70 * 1024);
  assertEquals(parse([OK, lines]).error, "more than 2000 headers");
});

Deno.test("a response parser skips 20 interim responses, and refuses one more", () => {
  const hint = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
  assertEquals(parse([hint.repeat(20), WHOLE]), {
    ...{ status: 200, headers: { "content-length": "2" }, body: "{}" },
    ...{ isComplete: true, error: null },
  });
  assertEquals(parse([hint.repeat(21), WHOLE]).error, "more than 20 interim responses");
});

Deno.test("a response parser ends a response without a body with its headers", () => {
  const head = "content-length: 2\r\n\r\n";
  const chunked = "transfer-encoding: chunked\r\n\r\n";
  for (const rest of [head, chunked, "\r\n"]) {
    const { isComplete, body, error } = parse([OK + rest], { isHead: true });
    assertEquals([isComplete, body, error], [true, "", null], `HEAD, ${JSON.stringify(rest)}`);
    for (const status of ["204 No Content", "304 Not Modified", "101 Switching Protocols"]) {
      const parsed = parse([`HTTP/1.1 ${status}\r\n${rest}`]);
      assertEquals(
        [parsed.isComplete, parsed.body, parsed.error],
        [true, "", null],
        `${status}, ${JSON.stringify(rest)}`,
      );
    }
  }
});

Deno.test("a response parser for headers alone ends before what belongs to another protocol", () => {
  const parsed = parse([`${OK}content-length: 2\r\n\r\n\x16\x03\x01`], { headersOnly: true });
  assertEquals([parsed.status, parsed.isComplete, parsed.body], [200, true, ""]);
});

Deno.test("a response parser for headers alone ignores a length beside chunks", () => {
  for (const encoding of ["chunked", "chunked, identity"]) {
    const sent = `${OK}content-length: 5\r\ntransfer-encoding: ${encoding}\r\n\r\n\x16\x03\x01`;
    const { isComplete, error } = parse([sent], { headersOnly: true });
    assertEquals([isComplete, error], [true, null]);
  }
});

Deno.test("a response parser joins a header over several lines by spaces, however it is split", () => {
  const sent = `${OK}csp: default-src 'self';\r\n\t script-src 'none';\n img-src 'self'\r\n` +
    `x:\r\n y\r\nz: a\r\n \r\ncontent-length: 2\r\n\r\n{}`;
  const expected = {
    csp: "default-src 'self'; script-src 'none'; img-src 'self'",
    x: "y",
    z: "a",
    "content-length": "2",
  };
  for (let at = 0; at <= sent.length; at++) {
    const { headers, body, error } = parse([sent.slice(0, at), sent.slice(at)]);
    assertEquals([headers, body, error], [expected, "{}", null], `split at ${at}`);
  }
  const { headers } = parse([...sent]);
  assertEquals(headers, expected, "byte by byte");
});

Deno.test("a response parser takes lines of the head that end with a line feed alone", () => {
  const { headers, body, error } = parse(["HTTP/1.1 200 OK\ncontent-length: 2\nx: y\n\n{}"]);
  assertEquals([headers, body, error], [{ "content-length": "2", x: "y" }, "{}", null]);
});

Deno.test("a response parser ignores trailers, and what follows a response", () => {
  const trailed = `${CHUNKED}2\r\n{}\r\n0\r\netag: x\r\ncontent-encoding: gzip\r\n\r\n`;
  for (const sent of [trailed, `${trailed}HTTP/1.1 500 No\r\n\r\n`, `${trailed}\0\xff`]) {
    const { status, headers, body, isComplete, error } = parse([sent]);
    assertEquals([status, body, isComplete, error], [200, "{}", true, null]);
    assertEquals(headers, { "transfer-encoding": "chunked" });
  }
});

Deno.test("a response parser takes spaces after the size of a chunk, as every client does", () => {
  for (const size of ["2 ", "2\t", "2 ;name=value", "002"]) {
    const { body, isComplete, error } = parse([`${CHUNKED}${size}\r\n{}\r\n0  \r\n\r\n`]);
    assertEquals([body, isComplete, error], ["{}", true, null], size);
  }
});

Deno.test("a response parser reads a body without a length until the end of the connection", () => {
  for (const first of [OK, "HTTP/1.0 200 OK\r\n", `${OK}connection: keep-alive\r\n`]) {
    const open = parse([`${first}\r\n{}`]);
    assertEquals([open.body, open.isComplete], ["{}", false], first);
    const ended = parse([`${first}\r\n{}`], { ended: true });
    assertEquals([ended.body, ended.isComplete], ["{}", true], first);
  }
});

Deno.test("a response parser takes no end of the connection for the end of a response", () => {
  for (const sent of ["", "HTTP/1.", OK, `${OK}content-length: 9\r\n\r\n{}`, `${CHUNKED}2\r\n{}`]) {
    assertEquals(parse([sent], { ended: true }).isComplete, false, JSON.stringify(sent));
  }
});

Deno.test("a response parser lists the values of a header that comes again", () => {
  const { headers } = parse([
    `${OK}Set-Cookie: a\r\nset-cookie: b\r\nSET-COOKIE: c\r\n__proto__: d\r\n\r\n`,
  ]);
  assertEquals(Object.entries(headers), [["set-cookie", ["a", "b", "c"]], ["__proto__", "d"]]);
});

Deno.test("a response parser drops the white space around a value, and takes no time over spaces in it", () => {
  const spaces = " \t".repeat(30_000);
  const startMs = performance.now();
  const { headers } = parse([`${OK}a:\t x y \t \r\nb: x${spaces}y\r\nc:  \r\nd: \xa0\r\n\r\n`]);
  // A pattern that takes quadratic time over them would take seconds.
  assert(performance.now() - startMs < 1_000);
  assertEquals(headers, { a: "x y", b: `x${spaces}y`, c: "", d: "\xa0" });
});

Deno.test("a response parser throws what its handler throws, as it is", () => {
  const fault = new Error("of the handler");
  const fail = () => {
    throw fault;
  };
  for (const handler of [{ onHeaders: fail }, { onBody: fail }]) {
    using parser = new ResponseParser({ onHeaders() {}, onBody() {}, ...handler });
    const thrown = assertThrows(() => parser.parse(bytesOf(WHOLE)));
    assertStrictEquals(thrown, fault);
    // The next response is parsed as if nothing had happened.
    assertEquals(parse([WHOLE]).body, "{}");
  }
});

Deno.test("a response parser parses more than its buffer holds at once", () => {
  const body = "0123456789".repeat(30_000);
  const parsed = parse([`${OK}content-length: ${body.length}\r\n\r\n${body}more`]);
  assertEquals([parsed.body === body, parsed.isComplete], [true, true]);
});

Deno.test("response parsers side by side do not disturb each other", () => {
  const bodies = ["", ""];
  const handlerOf = (i: number) => ({
    onHeaders() {},
    onBody: (bytes: Uint8Array) => bodies[i] += textOf(bytes),
  });
  using first = new ResponseParser(handlerOf(0));
  using second = new ResponseParser(handlerOf(1));
  const sent = ["one", "two"].map((body) => `${OK}content-length: 3\r\n\r\n${body}`);
  for (let at = 0; at < WHOLE.length + 1; at++) {
    [first, second].forEach((parser, i) => parser.parse(bytesOf(sent[i]?.charAt(at) ?? "")));
  }
  assertEquals([...bodies, first.isComplete, second.isComplete], ["one", "two", true, true]);
});

Deno.test("response parsers that end well or badly leave no memory behind", () => {
  const fates = [[WHOLE], [OK], ["SSH-2.0"], [OK, "y: \r\n".repeat(14_000)]];
  for (const pieces of fates) parse(pieces);
  const before = parserMemoryBytes();
  for (let i = 0; i < 100_000; i++) parse(fates[i % (i % 1_000 === 0 ? 4 : 3)] ?? []);
  assertEquals(parserMemoryBytes(), before);
});
