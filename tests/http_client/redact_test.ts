import { assert, assertEquals } from "@std/assert";
import { cpuUsage } from "node:process";
import { createRedactor } from "../../src/http_client/redact.ts";

/** What a body is cut to before it is searched: see the test of `redactedStart`. */
const SEARCHED_LENGTH = 32 * 1024;

for (
  const text of [
    "authorization: Bearer abcdefgh12345678",
    "authorization: BEARER\tabcdefgh12345678",
    "token eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl in a page",
    "unsigned eyJhbGciOi.eyJzdWIiOiIx.",
  ]
) {
  Deno.test(`a redactor recognises an unknown credential by its form: ${text}`, () => {
    const shown = createRedactor().redact(text);
    assert(shown.includes("[redacted]"), shown);
    assert(!/abcdefgh|eyJ/.test(shown), shown);
  });
}

Deno.test("a redactor leaves ordinary words alone", () => {
  const text = "the bearer of news, a Bearer token, key.value.pair and eyJ";
  assertEquals(createRedactor().redact(text), text);
});

Deno.test("a redactor hides a secret in URLs, posted forms and JSON, and as part of another", () => {
  const { hide, redact } = createRedactor();
  const secret = 's3cret+a/b="c d';
  hide("s3cret+a/b");
  hide(secret);
  const forms = [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ client_secret: secret }).toString(),
    JSON.stringify({ secret }),
  ];
  for (const form of forms) {
    const shown = redact(form);
    assert(shown.includes("[redacted]") && !/s3cret|c[ +%]/.test(shown), shown);
  }
});

Deno.test("a redactor hides every occurrence, also of secrets that it learns later", () => {
  const { hide, hideToken, redact } = createRedactor();
  const text = "one-secret two-token one-secret";
  assertEquals(redact(text), text);
  hide("one-secret");
  assertEquals(redact(text), "[redacted] two-token [redacted]");
  hideToken("two-token");
  assertEquals(redact(text), "[redacted] [redacted] [redacted]");
});

Deno.test("a redactor reads a secret as text, not as a pattern", () => {
  const { hide, redact } = createRedactor();
  hide("a.c*$&");
  assertEquals(redact("abcc a.c*$& abc"), "abcc [redacted] abc");
});

Deno.test("a redactor does not blank out ordinary words for a secret of three characters", () => {
  const { hide, hideToken, redact } = createRedactor();
  hide("the");
  hideToken("");
  hide("four");
  assertEquals(redact("the four"), "the [redacted]");
});

Deno.test("a redactor with many tokens keeps hiding the secret and the last 20 tokens", () => {
  const { hide, hideToken, redact } = createRedactor();
  hide("s3cret-of-the-client");
  for (let i = 100; i < 200; i++) hideToken(`token-number-${i}`);
  const shown = redact("s3cret-of-the-client token-number-199 token-number-180");
  assertEquals(shown, "[redacted] [redacted] [redacted]");
  assertEquals(redact("token-number-179"), "token-number-179");
});

Deno.test("a redactor counts a token that is hidden twice once", () => {
  const { hideToken, redact } = createRedactor();
  hideToken("token-number-1");
  for (let i = 0; i < 100; i++) hideToken("token-number-2");
  assertEquals(redact("token-number-1"), "[redacted]");
});

Deno.test("a redactor is fast whatever the longest text that is searched repeats", () => {
  const { redact } = createRedactor();
  // A backtracking search has no steps to count. The CPU time of this process does not depend on
  // what else the machine does.
  const before = cpuUsage();
  for (const part of [" ", "bearer ", "-eyJ", "eyJa.", "bearer \t"]) {
    redact(part.repeat(SEARCHED_LENGTH / part.length));
  }
  const { user } = cpuUsage(before);
  assert(user < 2e6, `${user / 1e6} s of CPU time`);
});
