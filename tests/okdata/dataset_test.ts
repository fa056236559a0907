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

for (
  const [what, body, message] of [
    ["an empty body", "", "the body is empty"],
    ["HTML", "<html></html>", "the body is not JSON"],
    ["broken JSON", '{"Id": "abc', "the body is not JSON"],
    ["bytes that are not UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "the body is not JSON"],
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
  });
}

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
