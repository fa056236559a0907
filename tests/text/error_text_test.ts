import { assertEquals, assertMatch } from "@std/assert";
import { messageOf, stackOf } from "../../src/text/error_text.ts";

Deno.test("messageOf is the message of an error, and the text of anything else", () => {
  const thrown = [new TypeError("wrong type"), "text", 42, null, undefined, {
    toString: () => "o",
  }];
  assertEquals(thrown.map(messageOf), ["wrong type", "text", "42", "null", "undefined", "o"]);
});

Deno.test("stackOf is the stack of an error, with its message and its place", () => {
  assertMatch(
    stackOf(new TypeError("wrong type")),
    /^TypeError: wrong type\n\s+at .*error_text_test/,
  );
});

Deno.test("stackOf is the message of an error without a stack, and the text of anything else", () => {
  const bare = Object.assign(new Error("bare"), { stack: undefined });
  assertEquals([bare, "text", undefined].map(stackOf), ["bare", "text", "undefined"]);
});
