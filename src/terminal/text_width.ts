import stringWidth from "string-width";

const ELLIPSIS = "…";

const segmenter = new Intl.Segmenter();

/** The largest number of terminal columns that one of the texts takes; 0 without texts. */
export function maxWidth(texts: readonly string[]): number {
  // A spread into Math.max would overflow the stack with many rows.
  return texts.reduce((max, text) => Math.max(max, stringWidth(text)), 0);
}

/** The spaces that the text lacks to take `width` columns. */
export function paddingOf(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - stringWidth(text)));
}

/** The text in at least `width` columns. */
export function padEnd(text: string, width: number): string {
  return text + paddingOf(text, width);
}

/** The text in at most `width` columns; the middle is cut out, since both ends of an ID identify it. */
export function shorten(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  if (width < 1) return "";
  const room = width - 1;
  const start = clip(text, Math.ceil(room / 2));
  return start + ELLIPSIS + clip(text, room - stringWidth(start), { fromEnd: true });
}

/** As many whole characters of the text as fit into `width` columns, from its start or its end. */
function clip(text: string, width: number, { fromEnd = false } = {}): string {
  const characters = Array.from(segmenter.segment(text), ({ segment }) => segment);
  if (fromEnd) characters.reverse();
  let used = 0;
  const firstTooWide = characters.findIndex((each) => (used += stringWidth(each)) > width);
  const kept = firstTooWide === -1 ? characters : characters.slice(0, firstTooWide);
  return (fromEnd ? kept.reverse() : kept).join("");
}
