import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { gzipSync } from "node:zlib";
import { RequestError } from "../../src/http_client/errors.ts";
import { createRedactor } from "../../src/http_client/redact.ts";
import { decodedBody, excerpt } from "../../src/http_client/response.ts";
import { checkDataset } from "../../src/okdata/dataset.ts";

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

Deno.test("a message that quotes the response holds no beginning of a secret", async () => {
  const token = "t0ken-".padEnd(1_000, "0123456789");
  hideToken(token);
  const headers = { "content-encoding": token };
  const body = bytes(JSON.stringify({ Id: token }));
  const errors = [
    await assertRejects(() => decodedBody({ status: 200, headers, body }, redact), RequestError),
    assertThrows(() => checkDataset(body, "abc123", redact), RequestError),
  ];
  for (const { message } of errors) assertStringIncludes(message, '"[redacted]"');
});

Deno.test("decodedBody refuses encodings named like properties of every object", async () => {
  for (const encoding of ["constructor", "__proto__"]) {
    const reply = { status: 200, headers: { "content-encoding": encoding }, body: bytes("{}") };
    await assertRejects(() => decodedBody(reply, redact), RequestError, `"${encoding}"`);
  }
});

Deno.test("a redactor recognises unknown credentials by their form", () => {
  for (
    const text of [
      "authorization: Bearer abcdefgh12345678",
      "token eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl in a page",
    ]
  ) {
    const kept = excerpt(bytes(text), redact);
    assert(kept.includes("[redacted]"), kept);
    assert(!/abcdefgh|eyJ/.test(kept), kept);
  }
});

Deno.test("a redactor hides a secret in URLs, posted forms and JSON, and as part of another", () => {
  const redactor = createRedactor();
  const secret = 's3cret+a/b="c d';
  redactor.hide(secret);
  redactor.hide("s3cret+a/b");
  const forms = [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ client_secret: secret }).toString(),
    JSON.stringify({ secret }),
  ];
  for (const form of forms) {
    const shown = redactor.redact(form);
    assert(shown.includes("[redacted]") && !/s3cret|c[ +%]/.test(shown), shown);
  }
});

Deno.test("a redactor with many tokens keeps hiding the secret and the last tokens", () => {
  for (let i = 0; i < 100; i++) hideToken(`token-number-${i}`);
  const shown = redact("s3cret-of-the-client token-number-99 token-number-85");
  assertEquals(shown, "[redacted] [redacted] [redacted]");
});

Deno.test("a redactor is linear in the length of the body", () => {
  const startMs = performance.now();
  for (const part of [" ", "bearer ", "-eyJ", "eyJa.", "bearer \t"]) {
    excerpt(bytes(part.repeat(1e6 / part.length)), redact);
  }
  assert(performance.now() - startMs < 2_000, "quadratic in the body's length");
});

Deno.test("decodedBody stops a gzip bomb after its first megabytes", async () => {
  const bomb = { status: 200, headers: { "content-encoding": "gzip" } };
  const body = gzipSync(new Uint8Array(500e6));
  const startMs = performance.now();
  await assertRejects(() => decodedBody({ ...bomb, body }, redact), RequestError, "larger");
  // To unpack all of it takes seconds.
  assert(performance.now() - startMs < 500, "it was unpacked");
});
