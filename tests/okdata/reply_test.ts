import { assert, assertEquals } from "@std/assert";
import { createRedactor } from "../../src/okdata/redact.ts";
import { excerpt } from "../../src/okdata/reply.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const { hide, redact } = createRedactor();
hide("s3cret-of-the-client");

Deno.test("the first 512 bytes of a body are kept, and no half of a character", () => {
  assertEquals(excerpt(bytes("short"), redact), "short");
  assertEquals(excerpt(bytes("x".repeat(2_000)), redact), "x".repeat(512));
  const kept = excerpt(bytes("€".repeat(1_000)), redact);
  assertEquals(kept, "€".repeat(170));
});

Deno.test("a secret that stands across the cut is taken out before it", () => {
  for (let before = 480; before <= 520; before++) {
    const kept = excerpt(bytes("x".repeat(before) + "s3cret-of-the-client"), redact);
    assert(!kept.includes("s3cret"), kept.slice(470));
    assert(kept.length <= 512);
  }
});

Deno.test("credentials are recognised by their form, even when nobody has named them", () => {
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
