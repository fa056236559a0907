import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  escapeCommandMessage,
  escapeCommandProperty,
  escapeControls,
  escapeControlsInLines,
  escapeMarkdown,
  toMessage,
  toSafeJson,
} from "../../src/text/escape.ts";
import { anyCharacter } from "../support/arbitraries.ts";

/** Any text, with many of the characters that matter here. */
const text = fc.string({
  unit: fc.oneof(
    anyCharacter,
    fc.constantFrom("\x1b", "\x9b", "\r", "\n", "\t", "\x7f", "\0"),
    fc.constantFrom("\u2028", "\u2029", "\u202e", "\u200b", "\ufeff", "\ud800", "\u{e0001}"),
    fc.constantFrom("a", "ø", "字", " ", "\\", '"'),
  ),
});

const ACTS = /[\p{C}\p{Zl}\p{Zp}]/u;

Deno.test("escapeControls leaves nothing that acts on a terminal or ends a line", () => {
  fc.assert(fc.property(text, (given) => !ACTS.test(escapeControls(given))));
});

Deno.test("escapeControls keeps everything else as it is", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (given) => {
    if (!ACTS.test(given)) assertEquals(escapeControls(given), given);
  }));
  assertEquals(escapeControls("blåbær 字 ✓"), "blåbær 字 ✓");
  assertEquals(escapeControls("\x1b[2J\u202e\u{e0001}"), "\\u001b[2J\\u202e\\udb40\\udc01");
});

Deno.test("escapeControlsInLines keeps lines and tabs, and nothing else that acts", () => {
  fc.assert(fc.property(text, (given) => {
    const shown = escapeControlsInLines(given);
    assert(!ACTS.test(shown.replaceAll(/\r\n|[\n\t]/g, "")));
    assertEquals(shown.split("\n").length, given.split("\n").length);
  }));
});

Deno.test("toMessage is one line of at most 400 characters", () => {
  fc.assert(fc.property(text, (given) => {
    const message = toMessage(given.repeat(20));
    assert(message.length <= 400 && !ACTS.test(message));
  }));
});

Deno.test("toSafeJson has the same value and nothing that acts", () => {
  fc.assert(
    fc.property(fc.dictionary(text, text), fc.constantFrom(undefined, 2), (value, indent) => {
      const json = toSafeJson(value, indent);
      assertEquals(JSON.parse(json), JSON.parse(JSON.stringify(value)));
      assert(!ACTS.test(json.replaceAll("\n", "")));
    }),
  );
});

Deno.test("toMessage keeps 399 characters of a longer text and cuts none in half", () => {
  assertEquals(toMessage("x".repeat(400)), "x".repeat(400));
  assertEquals(toMessage("x".repeat(401)), "x".repeat(399) + "…");
  assertEquals(toMessage("x".repeat(398) + "🌲🌲"), "x".repeat(398) + "…");
});

Deno.test("escapeCommandMessage and escapeCommandProperty are one line that GitHub reads back", () => {
  const decoded = (escaped: string) =>
    escaped.replaceAll(/%(25|0D|0A|3A|2C)/g, (_, code) => String.fromCharCode(parseInt(code, 16)));
  fc.assert(fc.property(text, (given) => {
    const shown = escapeControlsInLines(given);
    for (const escape of [escapeCommandMessage, escapeCommandProperty]) {
      assert(!/[\r\n]/.test(escape(given)));
      assertEquals(decoded(escape(given)), shown);
    }
    assert(!/[:,]/.test(escapeCommandProperty(given)));
  }));
  assertEquals(escapeCommandMessage("1 %: a, b\nc"), "1 %25: a, b%0Ac");
  assertEquals(escapeCommandProperty("1 %: a, b"), "1 %25%3A a%2C b");
});

Deno.test("escapeMarkdown leaves no markup, and is one line", () => {
  assertEquals(
    escapeMarkdown("a|b `c` <d> [e](f) *g* _h_ ~i~ $j$ \\ !k #l &amp; @m :n:"),
    "a\\|b \\`c\\` \\<d\\> \\[e\\]\\(f\\) \\*g\\* \\_h\\_ \\~i\\~ \\$j\\$ " +
      "\\\\ \\!k \\#l \\&amp; \\@m \\:n\\:",
  );
  assertEquals(
    escapeMarkdown("www.example.org and WWW.example.org, w.w. it is"),
    "www\\.example.org and WWW\\.example.org, w.w. it is",
  );
  fc.assert(fc.property(text, (given) => {
    const shown = escapeMarkdown(given);
    assert(!ACTS.test(shown));
    assertEquals(shown.replaceAll(/\\([\x21-\x7e])/g, "$1"), escapeControls(given));
  }));
});
