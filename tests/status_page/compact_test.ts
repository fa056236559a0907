import { assertEquals } from "@std/assert";
import { compactHtml, compactParts } from "../../src/status_page/compact.ts";

Deno.test("compact HTML has plain ampersands in links to the page alone", () => {
  assertEquals(
    compactHtml('<a href="?a=1&amp;q=%26copy">&amp;copy</a><a href="https://x/?a&amp;copy"></a>'),
    '<a href="?a=1&q=%26copy">&amp;copy</a><a href="https://x/?a&amp;copy"></a>',
  );
});

Deno.test("compact HTML keeps quotes where a value is more than a word, or a tag ends itself", () => {
  assertEquals(
    compactHtml(
      '<i class="ok"><b class="a b" id="c"><rect class="tls"></rect> class=&quot;d&quot; </b>',
    ),
    '<i class=ok><b class="a b" id="c"><rect class="tls"/> class="d" </b>',
  );
});

Deno.test("compact HTML leaves out end tags that a parser adds, and escapes of quotes in text", () => {
  assertEquals(
    compactHtml(
      '<tr><td title="&quot;a&quot;">&quot;b&quot; &lt;td&gt; it&#39;s</td></tr><path d="M0"></path>',
    ),
    `<tr><td title="&quot;a&quot;">"b" &lt;td&gt; it's<path d="M0"/>`,
  );
});

Deno.test("compactParts makes in parts what compactHtml makes at once", () => {
  const row = '<tr class="ok"><td>&quot;a&quot;</td><td><path d="M0"></path></td></tr> &#39;\n';
  const html = `<main><section id="a"><table>${row}${row}</table></section> &quot;</main>`;
  const parts = compactParts(html);
  let count = 0;
  let part = parts.next();
  for (; !part.done; part = parts.next()) count++;
  assertEquals([part.value, count], [compactHtml(html), 4]);
});
