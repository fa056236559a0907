import stringWidth from "string-width";
import { OUTCOMES } from "../core/verdict/newest_outcomes.ts";
import type { DatasetStateRow } from "../probe_client/probe_status.ts";
import { formatSpan } from "../text/format.ts";
import { DATASET_COLORS, RED, styled, YELLOW } from "./ansi.ts";
import { describeRatios } from "./ratios.ts";
import { timeFormatter } from "./table.ts";
import { maxWidth, paddingOf, padEnd, shorten } from "./text_width.ts";

const GAP = "  ";
/** The widest word of a state. */
const WORD_WIDTH = "unsteady".length;
/** Where an ID would take all of the room, it is cut down to this share of it. */
const MAX_ID_SHARE = 1 / 2;

/** What a strip draws for an outcome, and its colour. */
const MARKS: Readonly<Record<string, Mark>> = {
  [OUTCOMES.succeeded]: { mark: "▁" },
  [OUTCOMES.slow]: { mark: "▅", color: YELLOW },
  [OUTCOMES.failed]: { mark: "×", color: RED },
};
const UNKNOWN_OUTCOME: Mark = { mark: "·" };
type Mark = { mark: string; color?: string };

export type DatasetLinesOptions = {
  nowMs: number;
  width: number;
  maxLines: number;
  utc: boolean;
  color: boolean;
  /** Whether the newest outcomes are drawn. */
  strips: boolean;
};

/** What stands behind the ID, from much to little: the first that has room is taken. */
const PLANS = [
  { ratios: Infinity, detail: "whole", minStrip: 20 },
  { ratios: 1, detail: "whole", minStrip: 20 },
  { ratios: 0, detail: "whole", minStrip: 12 },
  { ratios: 0, detail: "short", minStrip: 8 },
  { ratios: 0, detail: "span", minStrip: 8 },
  { ratios: 0, detail: "none", minStrip: 8 },
  { ratios: 0, detail: "none", minStrip: 0 },
] as const;
type Plan = typeof PLANS[number];
type Detail = Plan["detail"];

/** The parts of a line behind its word. */
type Parts = { dataset: DatasetStateRow; ratios: string; detail: string };
type Widths = { id: number; strip: number; ratios: number };

/**
 * A line for each dataset with its state, its newest outcomes, ratios, and since when; at most
 * `maxLines`, of which the last one counts those that have no line. No line is wider than `width`.
 * IDs are cut last.
 */
export function renderDatasetLines(
  datasets: readonly DatasetStateRow[],
  options: DatasetLinesOptions,
): string[] {
  const { width, maxLines } = options;
  const isWhole = datasets.length <= maxLines;
  const shown = datasets.slice(0, isWhole ? maxLines : Math.max(0, maxLines - 1));
  const { parts, widths } = layOut(shown, options);
  const lines = parts.map((each) => drawLine(each, widths, options));
  if (!isWhole) lines.push(shorten(describeRest(datasets.slice(shown.length)), width));
  return lines.slice(0, maxLines);
}

/** The parts that fit beside the IDs, all lines alike. */
function layOut(
  datasets: readonly DatasetStateRow[],
  { width, nowMs, utc, strips }: DatasetLinesOptions,
): { parts: Parts[]; widths: Widths } {
  const idWidth = maxWidth(datasets.map(({ datasetId }) => datasetId));
  const longest = strips ? Math.max(0, ...datasets.map(({ outcomes }) => outcomes.length)) : 0;
  const attempts = [
    { id: idWidth, plans: PLANS },
    { id: Math.min(idWidth, Math.floor(width * MAX_ID_SHARE)), plans: PLANS.slice(0, -1) },
    { id: width - WORD_WIDTH - GAP.length, plans: PLANS.slice(-1) },
  ];
  for (const { id, plans } of attempts) {
    for (const plan of plans) {
      const parts = datasets.map((dataset) => partsOf(dataset, plan, nowMs, utc));
      const ratios = maxWidth(parts.map((each) => each.ratios));
      const detail = maxWidth(parts.map((each) => each.detail));
      const used = [WORD_WIDTH, id, ratios, detail].filter((each) => each > 0)
        .reduce((sum, each) => sum + each + GAP.length, -GAP.length);
      const room = Math.max(0, width - used - GAP.length);
      const fits = used <= width && room >= Math.min(plan.minStrip, longest);
      const strip = plan.minStrip > 0 ? Math.min(longest, room) : 0;
      if (fits) return { parts, widths: { id, strip, ratios } };
    }
  }
  const parts = datasets.map((dataset) => ({ dataset, ratios: "", detail: "" }));
  return { parts, widths: { id: idWidth, strip: 0, ratios: 0 } };
}

function partsOf(
  dataset: DatasetStateRow,
  plan: Plan,
  nowMs: number,
  utc: boolean,
): Parts {
  const ratios = describeRatios([dataset]).slice(0, plan.ratios).join(", ");
  return { dataset, ratios, detail: detailOf(dataset, plan.detail, nowMs, utc) };
}

function drawLine(
  { dataset: { word, state, datasetId, outcomes }, ratios, detail }: Parts,
  widths: Widths,
  { width, color }: DatasetLinesOptions,
): string {
  const marks = Array.from(
    outcomes.slice(Math.max(0, outcomes.length - widths.strip)),
    (outcome) => MARKS[outcome] ?? UNKNOWN_OUTCOME,
  );
  const lineWith = (paint: (text: string, color?: string) => string) =>
    [
      paint(word, DATASET_COLORS[state]) + paddingOf(word, WORD_WIDTH),
      padEnd(shorten(datasetId, widths.id), widths.id),
      ...widths.strip > 0
        ? [
          // The newest tasks of all datasets stand under each other.
          " ".repeat(widths.strip - marks.length) +
          marks.map((each) => paint(each.mark, each.color)).join(""),
        ]
        : [],
      ...widths.ratios > 0 ? [padEnd(ratios, widths.ratios)] : [],
      detail,
    ].join(GAP).trimEnd();
  const plain = lineWith((text) => text);
  if (stringWidth(plain) > width) return shorten(plain, width);
  return color ? lineWith((text, style) => style ? styled(style, text) : text) : plain;
}

/** What the word of a state leaves out, as on the status page. */
function detailOf(
  { state, sinceMs, recent, reason }: DatasetStateRow,
  detail: Detail,
  nowMs: number,
  utc: boolean,
): string {
  if (detail === "none" || state === "starting") return "";
  const { settled, failed, slow, coveredSeconds } = recent;
  const withReason = (text: string) => detail === "span" || !reason ? text : `${text}, ${reason}`;
  const share = (count: number, what: string) =>
    detail === "whole"
      ? `${count} ${what} of ${settled} ${settled === 1 ? "task" : "tasks"} in ${
        Math.max(1, Math.floor(coveredSeconds))
      } s`
      : `${count} of ${settled} ${what}`;
  if (state === "unsteady") return withReason(share(failed, "failed"));
  if (state === "slow") return share(slow, "slow");
  const span = formatSpan((nowMs - sinceMs) / 1e3);
  const since = detail === "whole"
    ? `since ${timeFormatter(nowMs, utc)(sinceMs)} (${span})`
    : `for ${span}`;
  return state === "failing" ? withReason(since) : since;
}

function describeRest(rest: readonly DatasetStateRow[]): string {
  const words = new Map<string, number>();
  for (const { word } of rest) words.set(word, (words.get(word) ?? 0) + 1);
  const counts = [...words].map(([word, count]) => `${count} ${word}`).join(", ");
  return `… and ${rest.length} more: ${counts}`;
}
