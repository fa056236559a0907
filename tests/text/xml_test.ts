import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { XmlDocument, type XmlElement } from "npm:libxml2-wasm@0.7.2";
import { renderXml } from "../../src/text/xml.ts";

Deno.test("renderXml indents elements, leaves out what is null, and closes what is empty", () => {
  assertEquals(
    renderXml({
      name: "a",
      attributes: { one: 1, none: null },
      children: [{ name: "b", children: [{ name: "c" }] }, { name: "d", children: ["x\ny"] }],
    }),
    `<?xml version="1.0" encoding="UTF-8"?>
<a one="1">
  <b>
    <c/>
  </b>
  <d>x
y</d>
</a>
`,
  );
});

Deno.test("renderXml adds no blanks to a text that has an element in it", () => {
  const text = { name: "a", children: ["x ", { name: "b" }, " y"] };
  assertEquals(renderXml(text).split("\n")[1], "<a>x <b/> y</a>");
});

Deno.test("renderXml writes texts that every parser reads back, whatever they hold", () => {
  const hostile = [
    ...[
      "]]>",
      "&amp;",
      "<![CDATA[",
      "<!--",
      "\0",
      "\x1b[2J",
      "\ud800",
      "\udc00x",
      "\ufffe",
      "\uffff",
    ],
    ...["\u2028", "\u0085", "\t\r\n", "a\rb", '"', "'", "\u{10ffff}", "😀"],
  ];
  const anyText = fc.array(
    fc.oneof(fc.constantFrom(...hostile), fc.string({ unit: "grapheme-ascii" })),
  ).map((parts) => parts.join(""));
  fc.assert(fc.property(anyText, anyText, (attribute, content) => {
    const xml = renderXml({ name: "a", attributes: { b: attribute }, children: [content] });
    using document = XmlDocument.fromString(xml);
    const root = document.root as XmlElement;
    assertEquals(root.attr("b")?.content, readable(attribute));
    assertEquals(root.content, readable(content).replaceAll("\r\n", "\n"));
  }));
});

/** What a reader gets: characters that XML cannot hold, or that act on a terminal, are spelt out. */
function readable(text: string): string {
  return text.replaceAll(
    /(?!\r\n|[\n\t])[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) =>
      Array.from(
        { length: character.length },
        (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
      ).join(""),
  );
}
