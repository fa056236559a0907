import { type DatasetState, STATE_DEFINITIONS } from "../core/verdict/states.ts";

const COLORS: Readonly<Record<DatasetState, string>> = {
  failing: "#c8281e",
  no_news: "#b45309",
  unsteady: "#b45309",
  slow: "#b45309",
  working: "#1a7f4b",
  starting: "#6b7280",
};

const HEIGHT = 20;
const PADDING = 6;
/** A mean; `textLength` makes the text fit whatever font the reader has. */
const CHARACTER_WIDTH = 6.6;
const MAX_ID_CHARACTERS = 40;

/** The path's last part, as `abc123.svg`; null when it is not the name of a badge. */
export function datasetOfBadge(file: string): string | null {
  return file.endsWith(".svg") ? file.slice(0, -".svg".length) : null;
}

/** A badge with a dataset's ID and its state, as SVG that loads nothing. */
export function badgeOf(datasetId: string, state: DatasetState): string {
  const { word } = STATE_DEFINITIONS[state];
  const id = datasetId.length > MAX_ID_CHARACTERS
    ? `${datasetId.slice(0, MAX_ID_CHARACTERS - 1)}…`
    : datasetId;
  const [left, right] = [widthOf(id), widthOf(word)];
  const title = escapeXml(`${datasetId}: ${word}`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${left + right}" height="${HEIGHT}" ` +
    `role="img" aria-label="${title}"><title>${title}</title>` +
    `<rect width="${left}" height="${HEIGHT}" fill="#3b4046"/>` +
    `<rect x="${left}" width="${right}" height="${HEIGHT}" fill="${COLORS[state]}"/>` +
    `<g fill="#fff" font-family="Verdana,Geneva,sans-serif" font-size="11">` +
    `${textAt(PADDING, id)}${textAt(left + PADDING, word)}</g></svg>\n`;
}

function widthOf(text: string): number {
  return Math.ceil(text.length * CHARACTER_WIDTH) + 2 * PADDING;
}

function textAt(x: number, text: string): string {
  const length = widthOf(text) - 2 * PADDING;
  return `<text x="${x}" y="14" textLength="${length}">${escapeXml(text)}</text>`;
}

function escapeXml(text: string): string {
  return text.replaceAll(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
