import type { Bar, Strip } from "../../../history/bars.ts";
import {
  halved,
  knownPart,
  lookOf,
  partlyKnownMs,
  slownessOf,
  totalOf,
  worstBar,
} from "../../strips.ts";
import { countText, spanText } from "../../words.ts";
import { Time, Zone } from "../parts.tsx";

const DAY_SECONDS = 86_400;

/** The window of a strip, as people read it, and the words for one of its bars. */
export type StripWords = { window: string; bar: string };

export const DAY: StripWords = { window: "24\u00a0h", bar: "15 minutes" };
export const QUARTER: StripWords = { window: "90\u00a0days", bar: "day" };

/** The layers of a strip, each with the height of its middle: the style sheet has their widths. */
const LAYERS = [
  { name: "ok", y: 16, has: (bar: Bar) => lookOf(bar) === "ok" },
  { name: "some", y: 15, has: (bar: Bar) => lookOf(bar) === "some" },
  { name: "most", y: 12, has: (bar: Bar) => lookOf(bar) === "most" },
  { name: "slow", y: 2.5, has: (bar: Bar) => slownessOf(bar) === "slow" },
  { name: "slower", y: 4, has: (bar: Bar) => slownessOf(bar) === "slower" },
] as const;

/** The bars of a longer strip, in characters of its lines, become half as many: the page is small. */
const MAX_LENGTH = 120;

/**
 * A strip of bars: colour and height by the share of failures, a mark above where tasks were slow,
 * nothing where nothing is known. Neighbours that look alike are one line, which the style sheet
 * cuts into bars: 200 bytes where the day was calm.
 */
export function StripBars(
  { strip, words, nowMs, isDescribed = false }: {
    strip: Strip;
    words: StripWords;
    nowMs: number;
    /** The page has the sentence beside it. */
    isDescribed?: boolean;
  },
) {
  let { bars } = strip;
  let layers = layersOf(bars);
  while (lengthOf(layers) > MAX_LENGTH) layers = layersOf(bars = halved(bars));
  return (
    <svg
      class="strip"
      viewBox={`0 0 ${bars.length} 24`}
      preserveAspectRatio="none"
      role={isDescribed ? undefined : "img"}
      aria-hidden={isDescribed || undefined}
    >
      {isDescribed || <title>{stripText(strip, words, nowMs)}</title>}
      {layers.map(({ name, lines }) => lines !== "" && <path class={name} d={lines} />)}
    </svg>
  );
}

function layersOf(bars: readonly Bar[]) {
  return LAYERS.map(({ name, y, has }) => ({ name, lines: linesOf(bars, has, y) }));
}

function lengthOf(layers: readonly { lines: string }[]): number {
  return layers.reduce((sum, { lines }) => sum + lines.length, 0);
}

/** A horizontal line for each run of bars that `has` holds for. */
function linesOf(bars: readonly Bar[], has: (bar: Bar) => boolean, y: number): string {
  let lines = "";
  for (let i = 0; i < bars.length; i++) {
    const start = i;
    while (i < bars.length && has(bars[i] as Bar)) i++;
    if (i > start) lines += `M${start} ${y}h${i - start}`;
  }
  return lines;
}

/** The window of a strip, or how much of it is known. */
function knownText(strip: Strip, { window }: StripWords, nowMs: number): string {
  const knownMs = partlyKnownMs(strip, nowMs);
  return knownMs === null ? window : spanText(knownMs);
}

/** A strip in one sentence: `24 h: 3 of 8,640 tasks failed, worst 15 minutes from 13:30 UTC`. */
export function stripText(strip: Strip, words: StripWords, nowMs: number): string {
  const { counts, worst, slow } = sentenceOf(strip, words, nowMs);
  const text = worst?.map((part) => typeof part === "string" ? part : timeOf(part)).join("") ?? "";
  return `${counts}${text}${text && !isOfDays(strip) ? " UTC" : ""}${slow}`;
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19).replace(/:00$/, "");
}

/** The same sentence with times that the script converts to the reader's zone. */
export function StripSentence({ strip, words, nowMs }: {
  strip: Strip;
  words: StripWords;
  nowMs: number;
}) {
  const { counts, worst, slow } = sentenceOf(strip, words, nowMs);
  return (
    <>
      {counts}
      {worst?.map((part) => typeof part === "string" ? part : <Time ms={part} nowMs={nowMs} />)}
      {worst && !isOfDays(strip) && (
        <>
          {" "}
          <Zone />
        </>
      )}
      {slow}
    </>
  );
}

function sentenceOf(strip: Strip, words: StripWords, nowMs: number) {
  const { settled, failed, slow } = totalOf(strip);
  const known = knownText(strip, words, nowMs);
  const worst = worstBar(strip.bars);
  const tasks = `${countText(settled)} task${settled === 1 ? "" : "s"}`;
  return {
    counts: settled === 0
      ? `${known}: no task was settled`
      : `${known}: ${failed === 0 ? "none" : countText(failed)} of ${tasks} failed`,
    worst: worst && [", worst ", ...partsOf(worst, strip, words)],
    slow: slow > 0 ? `, ${countText(slow)} slow` : "",
  };
}

/** The words for a bar, with times as numbers: of one that is known in part, they name that part. */
function partsOf(bar: Bar, strip: Strip, { bar: name }: StripWords): (string | number)[] {
  const { startMs, endMs, isWhole } = knownPart(bar, strip);
  if (isOfDays(strip)) return [`${name} ${new Date(bar.startMs).toISOString().slice(0, 10)}`];
  if (isWhole) return [`${name} from `, startMs];
  return endMs === null ? ["since ", startMs] : ["from ", startMs, " to ", endMs];
}

function isOfDays({ barSeconds }: Strip): boolean {
  return barSeconds === DAY_SECONDS;
}
