import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import type * as z from "zod/mini";
import {
  count,
  datasetIds,
  flag,
  link,
  linkTemplate,
  lowerCase,
  MAX_DATASETS,
  number,
  quote,
  seconds,
  url,
} from "../../src/config/values.ts";

/** The value of a written text, or what the schema expected instead. */
function parse<T>(schema: z.ZodMiniType<T, string>, text: string): T | { expected: string[] } {
  const { error } = schema.safeParse(text);
  return error ? { expected: error.issues.map(({ message }) => message) } : schema.parse(text);
}

function assertRefuses(schema: z.ZodMiniType<unknown, string>, texts: string[], expected: string) {
  for (const text of texts) assertEquals(parse(schema, text), { expected: [expected] }, text);
}

Deno.test("seconds are decimal numbers from 0.001 to 30 days", () => {
  const texts = ["0.001", "10", "+1.5", ".5", "5.", "1e3", "2592000"];
  assertEquals(texts.map((text) => parse(seconds, text)), [
    0.001,
    10,
    1.5,
    0.5,
    5,
    1_000,
    2_592_000,
  ]);
  assertRefuses(
    seconds,
    ["0", "0.0009", "-1", "2592000.1", "1e9", "NaN", "Infinity", "ten", "10s", "0x10", "1_000", ""],
    "seconds, from 0.001 to 2592000",
  );
});

Deno.test("a count is a whole number of at least 1", () => {
  assertEquals(["1", "7.0", "1e6"].map((text) => parse(count, text)), [1, 7, 1_000_000]);
  assertRefuses(
    count,
    ["0", "1.5", "-3", "9007199254740993", "many"],
    "a whole number, at least 1",
  );
});

Deno.test("number accepts exactly the multiples of its step within its bounds", () => {
  const retries = number("0 to 10", 0, 10, 1);
  fc.assert(fc.property(fc.double({ min: -20, max: 20, noNaN: true }), (value) => {
    const isRight = Number.isInteger(value) && value >= 0 && value <= 10;
    const parsed = parse(retries, String(value));
    assertEquals(parsed, isRight ? value : { expected: ["0 to 10"] });
  }));
  for (let value = 0; value <= 10; value++) assertEquals(parse(retries, String(value)), value);
});

Deno.test("a flag is true, false, 1 or 0, in any case", () => {
  const texts = ["true", "TRUE", "1", "false", "False", "0"];
  assertEquals(texts.map((text) => parse(flag, text)), [true, true, true, false, false, false]);
  assertRefuses(flag, ["yes", "on", "2", "t"], "true, false, 1 or 0");
});

Deno.test("lowerCase ignores case", () => {
  assertEquals(parse(lowerCase, "Dev"), "dev");
});

Deno.test("a URL is http or https, without user, query or fragment", () => {
  const right = ["http://localhost:8081/metadata", "https://api.example/x%20y", "HTTP://[::1]/"];
  assertEquals(right.map((text) => parse(url, text)), right);
  assertRefuses(
    url,
    [
      "api.example",
      "ftp://api.example",
      "http://",
      "http://user@api.example",
      "http://:password@api.example",
      "http://api.example?",
      "http://api.example/?a=b",
      "http://api.example/#",
    ],
    "an http:// or https:// URL without user, query or #",
  );
});

Deno.test("no URL has blanks or control characters, which URL itself would let pass", () => {
  const broken = ["\t", "\n", "\r", " ", "\u2028", "\x7f"].map((it) =>
    `https://probe.example/a${it}b`
  );
  for (const schema of [url, link({ query: false }), link({ query: true }), linkTemplate("id")]) {
    assertRefuses(schema, broken, "a URL without blanks and control characters");
  }
});

Deno.test("dataset IDs are separated by commas and trimmed", () => {
  assertEquals(parse(datasetIds, "abc123"), ["abc123"]);
  assertEquals(parse(datasetIds, " a.b , A_b~c-d ,..."), ["a.b", "A_b~c-d", "..."]);
});

Deno.test("datasetIds names the first wrong ID", () => {
  const wrong = [["a,b c,d/e", "b c"], ["a,", ""], [".", "."], ["a,..", ".."], ["æ", "æ"]];
  for (const [text = "", id = ""] of wrong) {
    const parsed = parse(datasetIds, text);
    assert("expected" in parsed && parsed.expected[0]?.includes(`${quote(id)} is not`), text);
  }
});

Deno.test("datasetIds refuses repeated and too many IDs, and reports both", () => {
  const many = Array.from({ length: MAX_DATASETS + 1 }, (_, i) => `id-${i}`);
  assertEquals(parse(datasetIds, many.slice(1).join(",")), many.slice(1));
  assertEquals(parse(datasetIds, "a,b,a"), { expected: ["each dataset ID once"] });
  const tooMany = `at most ${MAX_DATASETS} dataset IDs, not`;
  const parsed = parse(datasetIds, [...many, "id-0"].join(","));
  assert("expected" in parsed);
  assertEquals(parsed.expected.map((each) => each.slice(0, tooMany.length)), [
    "each dataset ID once",
    tooMany,
  ]);
});

Deno.test("datasetIds accepts every ID of its alphabet up to 128 characters", () => {
  const letters = [..."abcxyzABCXYZ0189._~-"];
  const anyId = fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 140 });
  fc.assert(fc.property(anyId, (id) => {
    const isRight = id.length <= 128 && id !== "." && id !== "..";
    assertEquals(Array.isArray(parse(datasetIds, id)), isRight);
  }));
});

Deno.test("quote shows a value in quotes, escaped, and at most 80 characters of it", () => {
  assertEquals(quote('say "hi"\n\x1b[2J'), '"say \\"hi\\"\\n\\u001b[2J"');
  assertEquals(quote("x".repeat(80)), `"${"x".repeat(80)}"`);
  assertEquals(quote("x".repeat(81)), `"${"x".repeat(79)}…"`);
});
