import stringWidth from "string-width";
import type { DatasetStateRow } from "../probe_client/dataset_states.ts";
import { formatSpan } from "../text/format.ts";
import { GREEN, RED, styled, YELLOW } from "./ansi.ts";
import { timeFormatter } from "./table.ts";
import { maxWidth, shorten } from "./text_width.ts";

const COLORS: Readonly<Record<string, string>> = {
  failing: RED,
  no_news: YELLOW,
  unsteady: YELLOW,
  slow: YELLOW,
  working: GREEN,
};

const GAP = "  ";
/** The widest word of a state. */
const WORD_WIDTH = "unsteady".length;
/** A longer ID is cut. */
const MAX_ID_WIDTH = 40;

/**
 * A line for each dataset with its state, at most `maxLines`; the last one counts those that have no
 * line. No line is wider than `width`. `stripOf` draws the newest tasks of a dataset in the room that
 * is left.
 */
export function renderDatasetLines(
  datasets: readonly DatasetStateRow[],
  { nowMs, width, maxLines, utc, color, stripOf = () => "" }: {
    nowMs: number;
    width: number;
    maxLines: number;
    utc: boolean;
    color: boolean;
    stripOf?: (datasetId: string, width: number) => string;
  },
): string[] {
  const isWhole = datasets.length <= maxLines;
  const shown = datasets.slice(0, isWhole ? maxLines : Math.max(0, maxLines - 1));
  const idWidth = Math.min(MAX_ID_WIDTH, maxWidth(shown.map(({ datasetId }) => datasetId)));
  const detailWidth = maxWidth(shown.map((dataset) => detailOf(dataset, nowMs, utc)));
  const lines = shown.map((dataset) => {
    const { state, word, datasetId } = dataset;
    const id = padded(shorten(datasetId, idWidth), idWidth);
    const detail = detailOf(dataset, nowMs, utc);
    const text = shorten([padded(word, WORD_WIDTH), id, detail].join(GAP).trimEnd(), width);
    const used = [WORD_WIDTH, idWidth, detailWidth].reduce((sum, each) => sum + each + GAP.length);
    const strip = width > used ? stripOf(datasetId, width - used) : "";
    const line = strip ? padded(text, used) + strip : text;
    const colored = color ? COLORS[state] : undefined;
    return colored && line.startsWith(word)
      ? styled(colored, word) + line.slice(word.length)
      : line;
  });
  if (!isWhole) lines.push(shorten(describeRest(datasets.slice(shown.length)), width));
  return lines.slice(0, maxLines);
}

/** What the word of a state leaves out, as on the status page. */
function detailOf(
  { state, sinceMs, recent, reason }: DatasetStateRow,
  nowMs: number,
  utc: boolean,
): string {
  const { settled, failed, slow, windowSeconds } = recent;
  const of = `of ${settled} tasks in ${windowSeconds} s`;
  const since = `since ${timeFormatter(nowMs, utc)(sinceMs)} (${
    formatSpan((nowMs - sinceMs) / 1e3)
  })`;
  switch (state) {
    case "starting":
      return "";
    case "unsteady":
      return [`${failed} failed ${of}`, reason].filter(Boolean).join(", ");
    case "slow":
      return `${slow} slow ${of}`;
    case "failing":
      return [since, reason].filter(Boolean).join(", ");
    default:
      return since;
  }
}

function describeRest(rest: readonly DatasetStateRow[]): string {
  const words = new Map<string, number>();
  for (const { word } of rest) words.set(word, (words.get(word) ?? 0) + 1);
  const counts = [...words].map(([word, count]) => `${count} ${word}`).join(", ");
  return `… and ${rest.length} more: ${counts}`;
}

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - stringWidth(text)));
}
