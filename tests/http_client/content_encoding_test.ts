import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import fc from "npm:fast-check@4.10.2";
import { decodedBody } from "../../src/http_client/content_encoding.ts";
import { RequestError } from "../../src/http_client/errors.ts";
import { createRedactor } from "../../src/http_client/redact.ts";
import { MAX_BODY_BYTES } from "../../src/http_client/response.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (decoded: Uint8Array) => new TextDecoder().decode(decoded);
const gzip = (content: string | Uint8Array) => new Uint8Array(gzipSync(content));
const { hideToken, redact } = createRedactor();

function decoded(encoding: string | string[] | undefined, body: Uint8Array): Uint8Array {
  return decodedBody({ status: 200, headers: { "content-encoding": encoding }, body }, redact);
}

/** The message with which a body is refused. */
function refusal(encoding: string, body: Uint8Array): string {
  const { reason, message } = assertThrows(() => decoded(encoding, body), RequestError);
  assertEquals(reason, "invalid_response");
  return message;
}

Deno.test("decodedBody knows gzip and deflate by all their names, in any case", () => {
  const encodings = [["gzip", gzipSync], ["X-GZIP", gzipSync], [" deflate ", deflateSync]] as const;
  for (const [encoding, compress] of encodings) {
    assertEquals(text(decoded(encoding, compress(bytes("{}")))), "{}", encoding);
  }
});

Deno.test("decodedBody reads a bare deflate stream, which some servers call deflate", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 2_000 }), (content) => {
    for (const compress of [deflateSync, deflateRawSync]) {
      const body = new Uint8Array(compress(content));
      assertEquals(new Uint8Array(decoded("deflate", body)), content);
    }
  }));
});

Deno.test("decodedBody joins the members of a gzip", () => {
  const members = fc.array(fc.uint8Array({ maxLength: 500 }), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(members, (contents) => {
    const body = concat(contents.map(gzip));
    assertEquals(new Uint8Array(decoded("gzip", body)), concat(contents));
  }));
});

Deno.test("decodedBody ignores zeros that fill up a gzip, and nothing else after it", () => {
  const member = gzip("{}");
  assertEquals(text(decoded("gzip", concat([member, new Uint8Array(100)]))), "{}");
  assertEquals(
    refusal("gzip", concat([member, bytes("garbage")])),
    "the body is not valid gzip: incorrect header check",
  );
});

Deno.test("decodedBody refuses a gzip that is cut, in whichever member, or damaged", () => {
  const first = gzip("hello ");
  const body = concat([first, gzip("world")]);
  for (let length = 1; length < body.length; length++) {
    if (length === first.length) continue;
    const message = refusal("gzip", body.subarray(0, length));
    assertEquals(message, "the body is not valid gzip: unexpected end of file", `${length} bytes`);
  }
  const damaged = gzip("hello");
  damaged[damaged.length - 8] = ~(damaged[damaged.length - 8] ?? 0);
  assertEquals(refusal("gzip", damaged), "the body is not valid gzip: incorrect data check");
});

Deno.test("decodedBody refuses bytes after a deflate stream", () => {
  const body = concat([new Uint8Array(deflateSync("{}")), bytes("x")]);
  assertEquals(refusal("deflate", body), "the body is not valid deflate: bytes after its end");
});

Deno.test("decodedBody refuses a body that is not in its encoding", () => {
  const body = bytes("not compressed");
  assertEquals(refusal("gzip", body), "the body is not valid gzip: incorrect header check");
  assert(refusal("deflate", body).startsWith("the body is not valid deflate: "));
});

Deno.test("decodedBody returns a body as it is when its encodings are none", () => {
  const body = bytes("{}");
  const names = ["", "identity", "IDENTITY", "none", "UTF-8", "utf8", "iso-8859-1", "binary"];
  for (const encoding of [undefined, ...names, "identity, utf-8", ["none", "identity"]]) {
    assertStrictEquals(decoded(encoding, body), body, String(encoding));
  }
});

Deno.test("decodedBody returns an empty body in any encoding", () => {
  for (const encoding of ["gzip", "br", "gzip, deflate"]) {
    assertEquals(decoded(encoding, new Uint8Array()), new Uint8Array());
  }
});

Deno.test("decodedBody removes several encodings, the last one first", () => {
  const twice = gzip(gzip("{}"));
  const mixed = gzip(new Uint8Array(deflateSync("{}")));
  const bodies: [encoding: string | string[], body: Uint8Array][] = [
    ["gzip, gzip", twice],
    ["gzip,gzip", twice],
    [["gzip", "gzip"], twice],
    ["deflate, gzip", mixed],
    ["identity, gzip", gzip("{}")],
    ["gzip, identity", gzip("{}")],
    ["UTF-8,, gzip", gzip("{}")],
  ];
  for (const [encoding, body] of bodies) {
    assertEquals(text(decoded(encoding, body)), "{}", String(encoding));
  }
  assert(refusal("gzip, deflate", mixed).startsWith("the body is not valid deflate: "));
});

Deno.test("decodedBody removes five encodings and no more", () => {
  const packed = (times: number): Uint8Array => times === 0 ? bytes("{}") : gzip(packed(times - 1));
  assertEquals(text(decoded(Array(5).fill("gzip"), packed(5))), "{}");
  assertEquals(
    refusal(Array(6).fill("gzip").join(", "), packed(6)),
    "the body has 6 encodings, more than 5",
  );
});

Deno.test("decodedBody refuses encodings that it cannot remove", () => {
  const body = bytes("{}");
  for (const encoding of ["br", "zstd", "constructor", "__proto__", "gzipped", "br, gzip"]) {
    const message = refusal(encoding, encoding.endsWith("gzip") ? gzip("{}") : body);
    assertEquals(message, `the body has an unknown encoding, "${encoding}"`);
  }
});

Deno.test("decodedBody quotes an unknown encoding without the beginning of a secret", () => {
  const token = "t0ken-".padEnd(1_000, "0123456789");
  hideToken(token);
  assert(refusal(token, bytes("{}")).endsWith('"[redacted]"'));
});

Deno.test("decodedBody accepts MAX_BODY_BYTES and refuses a byte more", () => {
  for (const [encoding, compress] of [["gzip", gzipSync], ["deflate", deflateSync]] as const) {
    const largest = new Uint8Array(compress(new Uint8Array(MAX_BODY_BYTES)));
    assertEquals(decoded(encoding, largest).length, MAX_BODY_BYTES);
    const larger = new Uint8Array(compress(new Uint8Array(MAX_BODY_BYTES + 1)));
    assertEquals(refusal(encoding, larger), `the body is larger than ${MAX_BODY_BYTES} bytes`);
  }
});

Deno.test("decodedBody counts the members of a gzip together", () => {
  const half = gzip(new Uint8Array(MAX_BODY_BYTES / 2));
  assertEquals(decoded("gzip", concat([half, half])).length, MAX_BODY_BYTES);
  assert(refusal("gzip", concat([half, half, gzip("x")])).includes("is larger than"));
  const withEmptyMembers = concat([gzip(""), half, gzip(""), half, gzip("")]);
  assertEquals(decoded("gzip", withEmptyMembers).length, MAX_BODY_BYTES);
});

Deno.test("decodedBody stops decompressing a gzip bomb at its first megabyte", () => {
  // Whatever went on to its end would find it cut.
  const bomb = gzip(new Uint8Array(50e6)).subarray(0, 25_000);
  assertEquals(refusal("gzip", bomb), `the body is larger than ${MAX_BODY_BYTES} bytes`);
});
