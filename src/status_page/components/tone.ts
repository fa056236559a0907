import type { DatasetState } from "../../core/verdict/states.ts";

/** A state as a reader sees it at a glance: a colour and a shape. */
export type Tone = "ok" | "failing" | "starting" | "warning";

export const TONES: Readonly<Record<DatasetState, Tone>> = {
  failing: "failing",
  no_news: "warning",
  unsteady: "warning",
  slow: "warning",
  working: "ok",
  starting: "starting",
};

const COLORS: Record<Tone, string> = {
  ok: "#1a7f4b",
  failing: "#c8281e",
  starting: "#6b7280",
  warning: "#b45309",
};

/** A shape for each tone, since not everybody can tell the colours apart. */
export const SHAPES: Record<Tone, string> = {
  ok: '<circle cx="12" cy="12" r="11" stroke="none"/><path fill="none" d="m7 12.5 3.5 3.5L17 9"/>',
  failing:
    '<path d="M7.5 1h9L23 7.5v9L16.5 23h-9L1 16.5v-9z" stroke="none"/><path fill="none" d="m8 8 8 8m0-8-8 8"/>',
  starting: '<circle cx="12" cy="12" r="11" stroke="none"/><path fill="none" d="M12 6v6.5l4 2.5"/>',
  warning: '<path d="M12 1.5 23.5 22H.5z" stroke="none"/><path fill="none" d="M12 9v6m0 3v.5"/>',
};

const STROKE = 'stroke="#fff" stroke-width="2.6" stroke-linecap="round"';

/** The address of the tone's shape in its colour, for the icon of the browser's tab. */
export function iconOf(tone: Tone): string {
  const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><g fill="${
    COLORS[tone]
  }" ${STROKE}>${SHAPES[tone]}</g></svg>`;
  // Nothing else in it must be escaped in an address.
  return `data:image/svg+xml,${icon.replaceAll('"', "'").replaceAll("#", "%23")}`;
}
