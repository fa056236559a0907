import { assert, assertEquals } from "@std/assert";
import { createRedactor } from "../../src/http_client/redact.ts";
import { excerpt, redactedStart } from "../../src/http_client/response.ts";

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
