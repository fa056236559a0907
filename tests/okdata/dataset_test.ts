import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { RequestError } from "../../src/http_client/errors.ts";
import { createRedactor } from "../../src/http_client/redact.ts";
import { checkDataset } from "../../src/okdata/dataset.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const asIs = (text: string) => text;

/** The message with which a body is refused as that of `abc123`. */
function refusal(body: Uint8Array, redact = asIs): string {
  const { reason, message } = assertThrows(
    () => checkDataset(body, "abc123", redact),
    RequestError,
  );
  assertEquals(reason, "invalid_response");
  return message;
}

Deno.test("checkDataset accepts the dataset, whatever else the body holds", () => {
  for (const fields of [{}, { Type: "Dataset" }, { title: "Trær", Distributions: [] }]) {
    checkDataset(bytes(JSON.stringify({ Id: "abc123", ...fields })), "abc123", asIs);
  }
});

Deno.test("checkDataset accepts JSON of 1,000 levels, and brackets without end in a text", () => {
  const nested = "[".repeat(999) + "]".repeat(999);
  checkDataset(bytes(`{"Id": "abc123", "nested": ${nested}}`), "abc123", asIs);
  checkDataset(bytes(`{"Id": "abc123", "title": "\\"${"[{".repeat(2_000)}"}`), "abc123", asIs);
});

for (
  const [what, body, message] of [
    [
      "JSON of 1,001 levels",
      `{"Id": ${"[".repeat(1_000)}`,
      "the body has more than 1000 levels of JSON",
    ],
    ["an empty body", "", "the body is empty"],
    ["HTML", "<html></html>", "HTML instead of JSON"],
    ["a page", "<!DOCTYPE html><title> Sign\n in</title>", 'HTML instead of JSON: "Sign in"'],
    ["XHTML", '<?xml version="1.0"?>\n<HTML><body>', "HTML instead of JSON"],
    ["other XML", "<Error><Code>", "the body is not JSON: <Error><Code>"],
    ["broken JSON", '{"Id": "abc', 'the body is not JSON: {"Id": "abc'],
    ["text in two lines", "no\n  JSON", "the body is not JSON: no JSON"],
    ["blanks", "  \n", "the body is not JSON"],
    ["bytes that are not UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "the body is not UTF-8"],
    ["JSON in UTF-16", utf16('{"Id": "abc123"}'), "the body is not UTF-8"],
    ["null", "null", "not a dataset"],
    ["a list", "[]", "not a dataset"],
    ["no Id", "{}", "not a dataset"],
    ["an Id that is a number", '{"Id": 1}', "not a dataset"],
    ["an Id in another case", '{"id": "abc123"}', "not a dataset"],
    ["another Type", '{"Id": "abc123", "Type": "Version"}', "not a dataset"],
    ["another dataset", '{"Id": "abc124"}', 'its "Id" is "abc124"'],
  ] as const
) {
  Deno.test(`checkDataset refuses ${what}`, () => {
    const shown = refusal(typeof body === "string" ? bytes(body) : body);
    assert(shown.includes(message), shown);
    if (!/dataset|Id" is/.test(message)) assertEquals(shown, message);
  });
}

/** In the byte order that Windows writes, with its mark. */
function utf16(text: string): Uint8Array {
  const units = Uint16Array.from(`\ufeff${text}`, (character) => character.charCodeAt(0));
  return new Uint8Array(units.buffer);
}

Deno.test("checkDataset accepts a byte order mark before the JSON", () => {
  checkDataset(bytes('\ufeff{"Id": "abc123"}'), "abc123", asIs);
});

Deno.test("checkDataset quotes what is not JSON without a part of a secret, and cuts it", () => {
  const { hideToken, redact } = createRedactor();
  const token = "t0ken-".padEnd(1_000, "0123456789");
  hideToken(token);
  for (const before of ["", "x".repeat(110), "<html><title>"]) {
    const shown = refusal(bytes(`${before}${token}`), redact);
    assert(!shown.includes("t0ken"), shown);
  }
  const long = refusal(bytes("x".repeat(5_000)));
  assertEquals(long, `the body is not JSON: ${"x".repeat(120)}…`);
});

Deno.test("checkDataset quotes the start of another Id, without a part of a secret", () => {
  const { hideToken, redact } = createRedactor();
  const token = "t0ken-".padEnd(1_000, "0123456789");
  hideToken(token);
  assert(refusal(bytes(JSON.stringify({ Id: token })), redact).endsWith('"[redacted]"'));
  const long = refusal(bytes(JSON.stringify({ Id: "x".repeat(500) })));
  assert(long.endsWith(`"${"x".repeat(128)}"`), long);
});

Deno.test("checkDataset accepts a JSON value only when its Id is the dataset's", () => {
  const anyId = fc.oneof(fc.constantFrom("abc123", "abc123 ", "ABC123"), fc.string());
  fc.assert(fc.property(anyId, (id) => {
    const body = bytes(JSON.stringify({ Id: id }));
    if (id === "abc123") checkDataset(body, "abc123", asIs);
    else refusal(body);
  }));
});
