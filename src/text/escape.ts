import { oneLine } from "../http_client/errors.ts";

/** Characters that move or hide what stands beside them, or that nobody sees. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The same but for what ends and divides lines. */
const UNSEEN_IN_LINES = /(?!\r\n|[\n\t])[\p{C}\p{Zl}\p{Zp}]/gu;

/** A text from elsewhere as it may stand in a table: nothing in it moves or hides anything. */
export function legible(text: string): string {
  return oneLine(text).replace(UNSEEN, escaped);
}

/** The same for a text of several lines, which stay. */
export function legibleLines(text: string): string {
  return text.replace(UNSEEN_IN_LINES, escaped);
}

function escaped(character: string): string {
  return `\\u${character.codePointAt(0)?.toString(16).padStart(4, "0")}`;
}
