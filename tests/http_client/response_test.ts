import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { deflateSync, gzipSync } from "node:zlib";
import { RequestError } from "../../src/http_client/errors.ts";
import { createRedactor } from "../../src/http_client/redact.ts";
import {
  decodedBody,
  excerpt,
  MAX_BODY_BYTES,
  redactedStart,
} from "../../src/http_client/response.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const { hide, hideToken, redact } = createRedactor();
hide("s3cret-of-the-client");

Deno.test("excerpt keeps the first 512 bytes of a body, and no half of a character", () => {
  assertEquals(excerpt(bytes("short"), redact), "short");
  assertEquals(excerpt(bytes("x".repeat(2_000)), redact), "x".repeat(512));
  const kept = excerpt(bytes("€".repeat(1_000)), redact);
  assertEquals(kept, "€".repeat(170));
});

Deno.test("excerpt removes a secret that stands across the cut", () => {
  for (let before = 480; before <= 520; before++) {
    const kept = excerpt(bytes("x".repeat(before) + "s3cret-of-the-client"), redact);
    assert(!kept.includes("s3cret"), kept.slice(470));
    assert(kept.length <= 512);
  }
});

Deno.test("excerpt shows no beginning of a secret where the search for it ends", () => {
  const token = "t0ken-".padEnd(8_000, "0123456789");
  hideToken(token);
  for (let before = 0; before < token.length; before += 500) {
    const kept = excerpt(bytes("x".repeat(before) + `${token} `.repeat(20)), redact);
    assert(!kept.includes("t0ken"), kept);
  }
});

Deno.test("redactedStart searches 32 KiB, however long the text", () => {
  const searched: number[] = [];
  const counting = (text: string) => {
    searched.push(text.length);
    return text;
  };
  for (const length of [0, 32 * 1024, 32 * 1024 + 1, 10e6]) {
    redactedStart("x".repeat(length), counting);
  }
  assertEquals(searched, [0, 32 * 1024, 32 * 1024, 32 * 1024]);
});

Deno.test("decodedBody quotes an unknown encoding without the beginning of a secret", async () => {
  const token = "t0ken-".padEnd(1_000, "0123456789");
  hideToken(token);
  const response = { status: 200, headers: { "content-encoding": token }, body: bytes("{}") };
  await assertRejects(() => decodedBody(response, redact), RequestError, '"[redacted]"');
});

Deno.test("decodedBody refuses encodings named like properties of every object", async () => {
  for (const encoding of ["constructor", "__proto__"]) {
    const response = { status: 200, headers: { "content-encoding": encoding }, body: bytes("{}") };
    await assertRejects(() => decodedBody(response, redact), RequestError, `"${encoding}"`);
  }
});

/** A compressed body that counts the pieces which are taken from it. */
function countedPieces(text: Uint8Array): { body: Uint8Array; taken: () => number } {
  const body = new Uint8Array(gzipSync(text));
  let taken = 0;
  const subarray = (from?: number, to?: number) => {
    taken++;
    return Uint8Array.prototype.subarray.call(body, from, to);
  };
  return { body: Object.assign(body, { subarray }), taken: () => taken };
}

const GZIP = { status: 200, headers: { "content-encoding": "gzip" } };

Deno.test("decodedBody stops decompressing a gzip bomb after its first pieces", async () => {
  const { body, taken } = countedPieces(new Uint8Array(50e6));
  await assertRejects(() => decodedBody({ ...GZIP, body }, redact), RequestError, "larger");
  // A piece holds 4 MB, and the whole bomb has a dozen. Streams take a few in advance.
  assert(body.length > 11 * 4_096, `the bomb has ${body.length} bytes`);
  assert(taken() <= 4, `${taken()} pieces were taken`);
});

Deno.test("decodedBody decompresses a body of many pieces whole", async () => {
  // Bytes that hardly compress.
  const text = Uint8Array.from({ length: 50_000 }, (_, i) => (i * i * 7919) >> 5);
  const { body, taken } = countedPieces(text);
  assertEquals(await decodedBody({ ...GZIP, body }, redact), text);
  assertEquals(taken(), Math.ceil(body.length / 4_096));
});

Deno.test("decodedBody accepts MAX_BODY_BYTES and refuses a byte more", async () => {
  const largest = new Uint8Array(MAX_BODY_BYTES);
  const decoded = await decodedBody({ ...GZIP, body: gzipSync(largest) }, redact);
  assertEquals(decoded.length, MAX_BODY_BYTES);
  const body = gzipSync(new Uint8Array(MAX_BODY_BYTES + 1));
  await assertRejects(
    () => decodedBody({ ...GZIP, body }, redact),
    RequestError,
    `the body is larger than ${MAX_BODY_BYTES} bytes`,
  );
});

Deno.test("decodedBody knows gzip and deflate by all their names, in any case", async () => {
  const encodings = [["gzip", gzipSync], ["X-GZIP", gzipSync], [" deflate ", deflateSync]] as const;
  for (const [encoding, compress] of encodings) {
    const body = compress(bytes("{}"));
    const response = { status: 200, headers: { "content-encoding": encoding }, body };
    assertEquals(await decodedBody(response, redact), bytes("{}"), encoding);
  }
});

Deno.test("decodedBody returns a body without an encoding as it is", async () => {
  const body = bytes("{}");
  for (const encoding of [undefined, "", "identity", "IDENTITY"]) {
    const response = { status: 200, headers: { "content-encoding": encoding }, body };
    assertStrictEquals(await decodedBody(response, redact), body);
  }
  const empty = { ...GZIP, body: new Uint8Array() };
  assertEquals(await decodedBody(empty, redact), new Uint8Array());
});

Deno.test("decodedBody refuses a body that is not in its encoding", async () => {
  const body = bytes("not compressed");
  const error = await assertRejects(() => decodedBody({ ...GZIP, body }, redact), RequestError);
  assertEquals([error.reason, error.message], ["invalid_response", "the body is not valid gzip"]);
});
