/**
 * The only escaper of the program, with one class of characters for terminals, logs, JSON, messages
 * and the status page: whatever acts on a terminal, moves or hides the text beside it, or ends a
 * line. That is Unicode's category C (controls, bidirectional marks, invisible and unassigned
 * characters, lone surrogates) with the line and paragraph separators.
 */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The same without tab and line ends. */
const UNSAFE_IN_LINES = /(?!\r\n|[\n\t])[\p{C}\p{Zl}\p{Zp}]/gu;

/** Most texts have nothing to escape, and this class is faster to search for. */
const OTHER_THAN_ASCII = /[^\x20-\x7e]/;

const HALF_CHARACTER_AT_END = /[\ud800-\udbff]$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A longer message is cut: it may hold a whole response. */
const MAX_MESSAGE_LENGTH = 400;

/** The text in one line, each unsafe character written as `\uXXXX`. */
export function escapeControls(text: string): string {
  return OTHER_THAN_ASCII.test(text) ? text.replace(UNSAFE, escaped) : text;
}

/** The text with its lines and tabs, every other unsafe character written as `\uXXXX`. */
export function escapeControlsInLines(text: string): string {
  return OTHER_THAN_ASCII.test(text) ? text.replace(UNSAFE_IN_LINES, escaped) : text;
}

/**
 * A message from elsewhere: one line, escaped, at most 400 characters. It holds no memory but its
 * own, at most 850 bytes.
 */
export function toMessage(text: string): string {
  const message = escapeControls(text);
  if (message.length <= MAX_MESSAGE_LENGTH) return detached(message);
  // The cut may fall inside a character of two code units.
  const start = message.slice(0, MAX_MESSAGE_LENGTH - 1).replace(HALF_CHARACTER_AT_END, "");
  return detached(`${start}…`);
}

/** A copy by itself: V8 keeps the whole of a text, such as a body, as long as a part of it. */
function detached(text: string): string {
  return decoder.decode(encoder.encode(text));
}

/** JSON with the same value in which no unsafe character stands by itself. */
export function toSafeJson(value: unknown, indent?: number): string {
  return escapeControlsInLines(JSON.stringify(value, null, indent));
}

const XML_ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/**
 * The text as content of an element of XML 1.0, with its lines and tabs; every other unsafe character
 * as `\uXXXX`, since XML has no way at all to write some of them.
 */
export function escapeXml(text: string): string {
  return escapeControlsInLines(text)
    .replace(/[&<>"]/g, (character) => XML_ENTITIES[character] ?? character);
}

/** The same as the value of an attribute in double quotes, where a bare line end would be a blank. */
export function escapeXmlAttribute(text: string): string {
  return escapeXml(text).replace(/[\t\r\n]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * The text in one line of Markdown, in a cell of a table too, where none of it is markup, and none a
 * link: GitHub makes one of `www.` alone.
 */
export function escapeMarkdown(text: string): string {
  return escapeControls(text).replace(/[\\`*_{}[\]<>()#!|~&$:@]|(?<=www)\./gi, "\\$&");
}

/** The text as the message of a workflow command of GitHub Actions. */
export function escapeCommandMessage(text: string): string {
  return escapeControlsInLines(text).replace(/[%\r\n]/g, percentEncoded);
}

/** The text as a property of such a command, such as the title of an annotation. */
export function escapeCommandProperty(text: string): string {
  return escapeControlsInLines(text).replace(/[%\r\n:,]/g, percentEncoded);
}

function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

/** As JSON writes it: a character beyond U+FFFF becomes two escapes. */
function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
  ).join("");
}
