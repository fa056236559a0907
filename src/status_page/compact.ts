import type { Parts } from "./parts.ts";

/**
 * HTML without what a parser adds by itself, which is a tenth of a page of tables: the end tags of
 * cells, rows, options and shapes, quotes of the most frequent attributes, escapes of quotes outside
 * of attributes, and those of ampersands in links to the page, whose fields have no name that could be
 * read as a character.
 */
export function compactHtml(html: string): string {
  return html
    .replaceAll(/<\/(?:td|th|tr|option)>/g, "")
    .replaceAll(/><\/(?:path|rect|use)>/g, "/>")
    .replaceAll(/ (class|scope|datetime)="([\w:.-]+)"(?=[ >])/g, " $1=$2")
    .replaceAll(/ href="\?[^"]*"/g, (link) => link.replaceAll("&amp;", "&"))
    .replaceAll(/>[^<]+/g, (text) => text.replaceAll("&quot;", '"').replaceAll("&#39;", "'"));
}

/** The same in parts. Nothing that becomes shorter begins before such a tag and ends in it. */
export function* compactParts(html: string): Parts<string> {
  let compact = "";
  for (const piece of html.split(/(?=<(?:section|tr)[ >])/)) {
    compact += compactHtml(piece);
    yield;
  }
  return compact;
}
