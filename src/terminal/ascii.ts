/** What stands for the characters that a frame draws, each as wide. */
const SUBSTITUTES: Readonly<Record<string, string>> = {
  "▁": ".",
  "▂": ":",
  "▃": "-",
  "▄": "=",
  "▅": "+",
  "▆": "*",
  "▇": "#",
  "█": "@",
  "×": "x",
  "·": ".",
  "…": "~",
};

const DRAWN = new RegExp(`[${Object.keys(SUBSTITUTES).join("")}]`, "g");

/** The line for a terminal that draws plain characters alone. */
export function toAscii(line: string): string {
  return line.replaceAll(DRAWN, (character) => SUBSTITUTES[character] ?? character);
}

/** Whether a terminal of this type has no font with blocks, as the console of Linux. */
export function isPlain(terminalType: string | undefined): boolean {
  return /^(linux|dumb|unknown|ansi|cons|sun|vt\d|pc)/.test(terminalType ?? "");
}
