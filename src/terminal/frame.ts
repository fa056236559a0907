import stringWidth from "string-width";
import type { TaskList } from "../probe_client/task_list.ts";
import {
  NONE_FITS,
  olderLine,
  renderTable,
  type Row,
  shorten,
  timeFormat,
  timeOf,
} from "./table.ts";
import { formatDuration } from "../text/format.ts";

/** What a frame shows. */
export type Watched = {
  url: string;
  /** What is left out, said in words; empty when nothing is. */
  filter: string;
  taskList: TaskList;
  /** The newest tasks of every state, newest last. */
  recent: Row[];
  /** When the probe last answered. */
  seenMs: number;
  /** Since when it does not answer, and why; null while it does. */
  lost: { sinceMs: number; why: string } | null;
};

export type FrameOptions = {
  columns: number;
  rows: number;
  /** Tasks in the table at most; null for as many as fit. */
  mostRows: number | null;
  utc: boolean;
  color: boolean;
};

const BOLD = "\x1b[1m";
const RED = "\x1b[31m";
const ALARM = "\x1b[1;7;31m";
const RESET = "\x1b[0m";

const BARS = "▁▂▃▄▅▆▇█";
const FAILURE = "×";

/** From this height on there is room for an empty line. */
const ROOMY_ROWS = 16;

/** The lines of one picture of a running probe: none wider than the terminal, nor more than fit. */
export function frameOf(watched: Watched, options: FrameOptions): string[] {
  const { taskList: { rows, older, severalDatasets }, seenMs } = watched;
  const { columns, utc, color } = options;
  const head = [
    titleOf(watched, options),
    ...lostLine(watched, options),
    tallyLine(watched, options),
    ...durationsLine(watched, options),
    ...options.rows >= ROOMY_ROWS ? [""] : [],
  ];
  const room = Math.max(0, options.rows - head.length - 1);
  const fitting = (most: number) => Math.min(rows.length, most, options.mostRows ?? Infinity);
  // The line that counts the rest takes a task's place.
  const number = fitting(room) === rows.length && older === 0 ? rows.length : fitting(room - 1);
  const hidden = rows.length - Math.max(0, number);
  const more = rows.length === 0 && older === 0 && watched.filter
    ? NONE_FITS
    : olderLine(older === null ? null : older + hidden);
  const shown = { severalDatasets, nowMs: seenMs, more };
  const table = renderTable(rows.slice(hidden), shown, { width: columns, utc, color });
  return [...head, ...table].slice(0, options.rows);
}

/** Where the probe is and when it last answered. */
function titleOf(
  { url, taskList, seenMs }: Watched,
  { columns, utc, color }: FrameOptions,
): string {
  const long = timeOf(seenMs, utc);
  const clock = columns >= 60 ? long : long.slice(11, 19);
  const room = columns - clock.length - 2;
  if (room < 8) return shorten(clock, columns);
  const name = shorten([url, taskList.appId].filter(Boolean).join("  "), room);
  const gap = " ".repeat(Math.max(0, columns - stringWidth(name) - clock.length));
  return (color ? BOLD + name + RESET : name) + gap + clock;
}

function lostLine({ lost, seenMs }: Watched, { columns, utc, color }: FrameOptions): string[] {
  if (!lost) return [];
  const since = timeFormat(seenMs, utc)(lost.sinceMs);
  const text = shorten(`LOST since ${since}, trying again: ${lost.why}`, columns);
  return [color ? ALARM + text + RESET : text];
}

/** The success ratio and the numbers behind it, as many of them as fit. */
function tallyLine(watched: Watched, { columns, color }: FrameOptions): string {
  const { taskList: { tracked }, recent, filter } = watched;
  const number = (state: Row["state"]) => recent.filter((row) => row.state === state).length;
  const counts = tracked ??
    { PENDING: number("PENDING"), SUCCEEDED: number("SUCCEEDED"), FAILED: number("FAILED") };
  const { PENDING, SUCCEEDED, FAILED } = counts;
  const words = [
    ratioOf(SUCCEEDED, FAILED),
    `${FAILED} failed`,
    `${PENDING} pending`,
    `${PENDING + SUCCEEDED + FAILED} ${tracked ? "tracked" : "looked at"}${filter}`,
  ];
  const line = words.reduce((text, word) => {
    const longer = `${text}   ${word}`;
    return stringWidth(longer) <= columns ? longer : text;
  });
  const fitted = shorten(line, columns);
  const failed = `${FAILED} failed`;
  return color && FAILED > 0 ? fitted.replace(failed, RED + failed + RESET) : fitted;
}

/** Rounded down: nothing but all is 100 %. */
function ratioOf(succeeded: number, failed: number): string {
  const settled = succeeded + failed;
  if (settled === 0) return "no task has settled yet";
  return `${(Math.floor(succeeded / settled * 1e3) / 10).toFixed(1)} % succeeded`;
}

/** How much room the words behind the bars take. */
const LABEL_COLUMNS = "  up to 999 ms".length;

/** A bar for the duration of each of the newest settled tasks, and a cross for each failure. */
function durationsLine({ recent }: Watched, { columns, color }: FrameOptions): string[] {
  const room = columns < LABEL_COLUMNS + 8 ? columns : columns - LABEL_COLUMNS;
  const shown = recent.filter(({ state }) => state !== "PENDING").slice(-room);
  if (shown.length === 0) return [];
  const successes = shown.filter(({ state }) => state === "SUCCEEDED");
  const longest = Math.max(...successes.map(({ durationSeconds }) => durationSeconds ?? 0), 0);
  const bars = shown.map(({ state, durationSeconds }) => {
    if (state === "FAILED") return color ? RED + FAILURE + RESET : FAILURE;
    return BARS[Math.min(7, Math.floor((durationSeconds ?? 0) / longest * 8))] ?? BARS[0];
  });
  const label = successes.length > 0 ? `  up to ${formatDuration(longest)}` : "";
  return [bars.join("") + (shown.length + label.length <= columns ? label : "")];
}
