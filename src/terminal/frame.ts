import stringWidth from "string-width";
import type { TaskRow } from "../core/task_row.ts";
import type { ProbeStatus } from "../probe_client/probe_status.ts";
import type { TaskList } from "../probe_client/task_list.ts";
import { formatDuration, formatShare } from "../text/format.ts";
import { ALARM, BOLD, RED, styled } from "./ansi.ts";
import { renderDatasetLines } from "./dataset_lines.ts";
import { footerFor, formatMoment, NO_MATCH, renderTable, timeFormatter } from "./table.ts";
import { describeRatios } from "./ratios.ts";
import { toAscii } from "./ascii.ts";
import { paddingOf, shorten } from "./text_width.ts";

/** Since when a probe does not respond, and why. */
export type ProbeLoss = { sinceMs: number; cause: string };

/** What a frame shows: the state of a watched probe. */
export type FrameContent = {
  url: string;
  /** Says which tasks are listed; empty when all are. */
  filter: string;
  taskList: TaskList;
  /** The newest tasks of every state, newest last, whatever the filter. */
  recent: TaskRow[];
  /** Null when the probe is too old to tell the states of its datasets. */
  status: ProbeStatus | null;
  /** When the probe last responded, milliseconds since the epoch. */
  respondedMs: number;
  /** Null while the probe responds. */
  lost: ProbeLoss | null;
};

export type FrameOptions = {
  columns: number;
  rows: number;
  /** The most tasks in the table; null for as many as fit. */
  maxTasks: number | null;
  utc: boolean;
  color: boolean;
  /** Whether the terminal draws plain characters alone. */
  ascii: boolean;
};

/** Datasets have at most this share of the lines; the tasks have the rest. */
const MAX_DATASETS_SHARE = 1 / 3;

const NOTHING_SETTLED = "no task has settled yet";

const TOO_OLD = "no states: this probe is older than /status";

const BARS = "▁▂▃▄▅▆▇█";
const FAILURE = "×";

/** From this height on an empty line stands over the table. */
const MIN_ROWS_FOR_SPACING = 16;

/** A narrower terminal shows the time without date and offset. */
const MIN_COLUMNS_FOR_DATE = 60;

/** In a narrower space the address would be unrecognizable. */
const MIN_ADDRESS_COLUMNS = 8;

/** Fewer bars than this are shown without the label beside them. */
const MIN_BARS_WITH_LABEL = 8;

/** The lines of one frame: at most `rows` lines, none wider than `columns`. */
export function renderFrame(content: FrameContent, options: FrameOptions): string[] {
  const head = [
    addressLine(content, options),
    ...lossLine(content, options),
    ...datasetLines(content, options),
    countsLine(content, options),
    ...durationsLine(content, options),
    ...options.rows >= MIN_ROWS_FOR_SPACING ? [""] : [],
  ];
  const table = tableLines(content, options, options.rows - head.length);
  const lines = [...head, ...table].slice(0, options.rows);
  return options.ascii ? lines.map(toAscii) : lines;
}

/**
 * The table of the newest tasks that fit into `height` lines. The newest is the last line of them,
 * however few there are, so that the eye finds it.
 */
function tableLines(
  { taskList: { rows, older, severalDatasets }, filter, respondedMs }: FrameContent,
  { columns, maxTasks, utc, color }: FrameOptions,
  height: number,
): string[] {
  const space = Math.max(0, height - 1);
  const limit = maxTasks ?? Infinity;
  const fitsWhole = older === 0 && rows.length <= Math.min(space, limit);
  // Otherwise the line that counts the others takes one task's place.
  const shown = fitsWhole ? rows.length : Math.max(0, Math.min(rows.length, space - 1, limit));
  const hidden = rows.length - shown;
  const isEmpty = rows.length === 0 && older === 0;
  const others = isEmpty && filter ? NO_MATCH : footerFor(older === null ? null : older + hidden);
  const context = { severalDatasets, nowMs: respondedMs, footer: "" };
  const options = { width: columns, utc, color, keepIds: true };
  const [titles = "", ...tasks] = renderTable(rows.slice(hidden), context, options);
  const table = [titles, ...others ? [shorten(others, columns)] : [], ...tasks];
  const used = Math.min(height, limit + 2);
  return [...Array(Math.max(0, used - table.length)).fill(""), ...table];
}

/** The environment, the probe's address, and when it last responded. */
function addressLine(
  { url, taskList, status, respondedMs }: FrameContent,
  { columns, utc, color }: FrameOptions,
): string {
  const moment = formatMoment(respondedMs, utc);
  const time = columns >= MIN_COLUMNS_FOR_DATE
    ? moment
    : moment.slice("2026-11-23 ".length, "2026-11-23 22:01:30".length);
  const space = columns - time.length - 2;
  if (space < MIN_ADDRESS_COLUMNS) return shorten(time, columns);
  const parts = [status?.environment, url, taskList.appId].filter(Boolean);
  const address = shorten(parts.join("  "), space);
  const gap = paddingOf(address, columns - time.length);
  return (color ? styled(BOLD, address) : address) + gap + time;
}

function lossLine(
  { lost, respondedMs }: FrameContent,
  { columns, utc, color }: FrameOptions,
): string[] {
  if (!lost) return [];
  const since = timeFormatter(respondedMs, utc)(lost.sinceMs);
  const line = shorten(`PROBE LOST since ${since}, retrying: ${lost.cause}`, columns);
  return [color ? styled(ALARM, line) : line];
}

function datasetLines(
  { status, respondedMs }: FrameContent,
  { columns: width, rows, utc, color }: FrameOptions,
): string[] {
  if (!status) return [shorten(TOO_OLD, width)];
  return renderDatasetLines(status.datasets, {
    nowMs: respondedMs,
    width,
    maxLines: Math.max(1, Math.floor(rows * MAX_DATASETS_SHARE)),
    utc,
    color,
    strips: true,
  });
}

/** The shares of successes and the counts of tracked tasks, as many of them as fit. */
function countsLine(
  { taskList: { tracked }, status, recent, filter }: FrameContent,
  { columns, color }: FrameOptions,
): string {
  const countRecent = (state: TaskRow["state"]) =>
    recent.filter((row) => row.state === state).length;
  const { PENDING, SUCCEEDED, FAILED } = tracked ?? {
    PENDING: countRecent("PENDING"),
    SUCCEEDED: countRecent("SUCCEEDED"),
    FAILED: countRecent("FAILED"),
  };
  const failures = `${FAILED} failed`;
  const ratios = status ? describeRatios(status.datasets) : [];
  const [first = ratioOfTracked(SUCCEEDED, SUCCEEDED + FAILED), ...others] = ratios;
  const parts = [
    first.replace(" in ", " succeeded in "),
    ...others.map((ratio) => `, ${ratio}`),
    `   ${failures}`,
    `   ${PENDING} pending`,
    `   ${PENDING + SUCCEEDED + FAILED} ${tracked ? "tracked" : "fetched"}${filter}`,
  ];
  const line = parts.reduce((fitting, part) =>
    stringWidth(fitting + part) <= columns ? fitting + part : fitting
  );
  const fitted = shorten(line, columns);
  return color && FAILED > 0 ? fitted.replace(failures, styled(RED, failures)) : fitted;
}

/** The ratio of a probe that tells none yet, or never: it is about the tasks that it tracks. */
function ratioOfTracked(succeeded: number, settled: number): string {
  const tasks = settled === 1 ? "1 task" : `${settled} tasks`;
  return settled === 0 ? NOTHING_SETTLED : `${formatShare(succeeded, settled)} in ${tasks}`;
}

const MAX_LABEL_WIDTH = "  up to 999 ms".length;

/**
 * A bar for the duration of each of the newest settled tasks, and a cross for each failure; none for
 * several datasets, whose durations have nothing in common.
 */
function durationsLine(
  { recent, status, taskList }: FrameContent,
  { columns, color }: FrameOptions,
): string[] {
  if (taskList.severalDatasets || (status && status.datasets.length > 1)) return [];
  const hasLabel = columns >= MAX_LABEL_WIDTH + MIN_BARS_WITH_LABEL;
  const room = hasLabel ? columns - MAX_LABEL_WIDTH : columns;
  const { bars, count, longest } = barsOf(recent, room, color);
  if (count === 0) return [];
  const label = longest === null ? "" : `  up to ${formatDuration(longest)}`;
  return [bars + (count + label.length <= columns ? label : "")];
}

/** Bars of the newest settled rows, how many they are, and the longest duration of a success. */
function barsOf(
  rows: readonly TaskRow[],
  columns: number,
  color: boolean,
): { bars: string; count: number; longest: number | null } {
  const settled = rows.filter(({ state }) => state !== "PENDING").slice(-columns);
  const durations = settled.filter(({ state }) => state === "SUCCEEDED")
    .map(({ durationSeconds }) => durationSeconds ?? 0);
  const longest = Math.max(...durations, 0);
  const cross = color ? styled(RED, FAILURE) : FAILURE;
  const bars = settled.map(({ state, durationSeconds }) =>
    state === "FAILED" ? cross : barOf(durationSeconds ?? 0, longest)
  );
  return {
    bars: bars.join(""),
    count: settled.length,
    longest: durations.length > 0 ? longest : null,
  };
}

function barOf(seconds: number, longest: number): string {
  const level = longest > 0 ? Math.floor(seconds / longest * BARS.length) : 0;
  return BARS.charAt(Math.min(level, BARS.length - 1));
}
