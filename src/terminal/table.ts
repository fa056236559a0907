import stringWidth from "string-width";
import type { Backlog } from "../probing/backlog.ts";
import { settledMs, type State, type Task } from "../core/task.ts";
import { formatDateTime, formatDuration, offsetOf } from "../text/format.ts";

export type TableOptions = {
  /** Columns of the terminal; no line is wider. */
  width: number;
  utc: boolean;
  color: boolean;
};

/** What a table shows of a task. */
export type Row = {
  seqno: number;
  datasetId: string;
  state: State;
  createdMs: number;
  /** Null while pending, as are the two below. */
  settledMs: number | null;
  durationSeconds: number | null;
  attempts: number | null;
  /** Null unless failed. */
  reason: string | null;
};

type Column = { title: string; cells: string[]; right?: boolean };

const GREEN = "\x1b[32m";
const RED = "\x1b[31m";
const YELLOW = "\x1b[33m";
const BOLD = "\x1b[1m";
const RESET = "\x1b[0m";

/** Columns that give way, in turn, and down to which width. */
const SHRINKING = [["Dataset", 8], ["Reason", 12], ["Dataset", 4], ["Reason", 4]] as const;

/** Columns that are left out, in turn, where that is not enough. The state always stays. */
const DROPPED = "Attempts Succeeded Failed Created # Duration Dataset Reason".split(" ");

/** The table of the newest `rows` tracked tasks under a line that says what is shown. */
export function tableOf(
  backlog: Backlog,
  { datasetIds, nowMs, rows }: { datasetIds: readonly string[]; nowMs: number; rows: number },
  options: TableOptions,
): string {
  const { PENDING, SUCCEEDED, FAILED } = backlog.counts;
  const { tasks } = backlog.page({ limit: rows });
  const more = olderLine(PENDING + SUCCEEDED + FAILED - tasks.length);
  const shown = { severalDatasets: datasetIds.length > 1, nowMs, more };
  const lines = renderTable(tasks.reverse().map(rowOf), shown, options);
  const heading = headingOf(nowMs, tallyOf(backlog.counts), options);
  return ["", ...heading, ...lines, "", ""].join("\n");
}

/** What stands over a table: the time and what is shown, on two lines where one is too narrow. */
export function headingOf(nowMs: number, shown: string, { width, utc }: TableOptions): string[] {
  const time = timeOf(nowMs, utc);
  return time.length + 2 + shown.length > width ? [time, shown] : [`${time}  ${shown}`];
}

/** How many tasks there are of each state. */
export function tallyOf({ PENDING, SUCCEEDED, FAILED }: Record<State, number>): string {
  return `${PENDING + SUCCEEDED + FAILED} tracked: ` +
    `${PENDING} pending, ${SUCCEEDED} succeeded, ${FAILED} failed`;
}

/**
 * The last line of a table: how many older tasks are not in it, null for nobody knows how many;
 * empty when there are none.
 */
export function olderLine(older: number | null): string {
  if (older === null) return "… and older ones";
  return older > 0 ? `… and ${older} older` : "";
}

/** The last line of a table without rows, where only some of the tasks are asked for. */
export const NONE_FITS = "no tracked task fits";

/** A moment with its offset from UTC. */
export function timeOf(ms: number, utc: boolean): string {
  return `${formatDateTime(ms, utc)} ${offsetOf(ms, utc)}`;
}

/** What a table shows of this task. */
export function rowOf(task: Task): Row {
  const { seqno, datasetId, state, createdMs } = task;
  return {
    ...{ seqno, datasetId, state, createdMs },
    settledMs: settledMs(task),
    durationSeconds: task.state === "PENDING" ? null : task.durationSeconds,
    attempts: task.state === "PENDING" ? null : task.attempts.length,
    reason: task.state === "FAILED" ? task.reason : null,
  };
}

/**
 * Tasks as the lines of a table, in the order given, with the line `more` under them for those not
 * shown. Times of other days carry their date.
 */
export function renderTable(
  rows: readonly Row[],
  { severalDatasets, nowMs, more }: { severalDatasets: boolean; nowMs: number; more: string },
  { width, utc, color }: TableOptions,
): string[] {
  const time = timeFormat(nowMs, utc);
  // A settled task's date is that of its creation, unless it shows its own.
  const at = (row: Row, state: State) =>
    row.state === state ? timeFormat(row.createdMs, utc)(row.settledMs ?? 0) : "";
  const column = (title: string, cell: (row: Row) => string, right = false): Column => ({
    title,
    cells: rows.map(cell),
    right,
  });

  const all = [
    column("#", ({ seqno }) => String(seqno), true),
    ...severalDatasets ? [column("Dataset", ({ datasetId }) => datasetId)] : [],
    column("State", ({ state }) => state),
    column("Created", ({ createdMs }) => time(createdMs)),
    column("Succeeded", (row) => at(row, "SUCCEEDED")),
    column("Failed", (row) => at(row, "FAILED")),
    column(
      "Duration",
      ({ durationSeconds }) => durationSeconds === null ? "" : formatDuration(durationSeconds),
      true,
    ),
    column("Attempts", ({ attempts }) => String(attempts ?? ""), true),
    column("Reason", ({ reason }) => reason ?? ""),
  ];
  const { columns, gap, widths } = fit(all, width);

  const line = (cells: string[], paint: (cell: string, title: string) => string) =>
    cells
      .map((cell, i) => {
        const { left, shown, right } = padded(cell, widths[i], columns[i].right);
        // Nothing stands to the right of the last column.
        const rest = i === cells.length - 1 ? "" : right;
        return left + (shown && color ? paint(shown, columns[i].title) : shown) + rest;
      })
      .join(" ".repeat(gap)).trimEnd();
  const heading = line(columns.map(({ title }) => title), (text) => text);
  return [
    color ? BOLD + heading + RESET : heading,
    ...rows.map(({ state }, row) =>
      line(columns.map(({ cells }) => cells[row]), (cell, title) => {
        return title === "State" ? colorOf(state) + cell + RESET : cell;
      })
    ),
    ...more ? [shorten(more, width)] : [],
  ];
}

function colorOf(state: State): string {
  return { PENDING: YELLOW, SUCCEEDED: GREEN, FAILED: RED }[state];
}

/** Times of day for the day of `nowMs`, with the date for other days. */
export function timeFormat(nowMs: number, utc: boolean): (ms: number) => string {
  const today = formatDateTime(nowMs, utc).slice(0, 10);
  return (ms) => {
    const text = formatDateTime(ms, utc);
    return text.startsWith(today) ? text.slice(11) : text.slice(5);
  };
}

type Layout = { columns: Column[]; gap: number; widths: number[] };

/** The columns that fit and their widths: those that matter least go first. */
function fit(all: Column[], width: number): Layout {
  const natural = new Map(all.map(({ title, cells }) => [title, widest([title, ...cells])]));
  let columns = all;
  for (const dropped of ["", ...DROPPED]) {
    columns = columns.filter(({ title }) => title !== dropped);
    const layout = shrink(columns, columns.map(({ title }) => natural.get(title) ?? 0), width);
    if (totalOf(layout) <= width) return layout;
  }
  return { columns, gap: 1, widths: [width] };
}

/** Narrower gaps first, then what can be cut without being lost. */
function shrink(columns: Column[], widths: number[], width: number): Layout {
  const gap = totalOf({ widths, gap: 2 }) <= width ? 2 : 1;
  for (const [title, shortest] of SHRINKING) {
    const column = columns.findIndex((each) => each.title === title);
    const surplus = totalOf({ widths, gap }) - width;
    if (column < 0 || surplus <= 0) continue;
    widths[column] = Math.max(Math.min(widths[column], shortest), widths[column] - surplus);
  }
  return { columns, gap, widths };
}

function totalOf({ widths, gap }: { widths: number[]; gap: number }): number {
  return widths.reduce((sum, each) => sum + each + gap, -gap);
}

function widest(texts: string[]): number {
  return texts.reduce((most, text) => Math.max(most, stringWidth(text)), 0);
}

function padded(text: string, width: number, isRight = false) {
  const shown = shorten(text, width);
  const space = " ".repeat(Math.max(0, width - stringWidth(shown)));
  return isRight ? { left: space, shown, right: "" } : { left: "", shown, right: space };
}

/** Cuts the middle out of what is too wide, since both ends of an ID tell it apart. */
export function shorten(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  if (width < 1) return "";
  const room = width - 1;
  const start = clip(text, Math.ceil(room / 2));
  return `${start}…${clip(text, room - stringWidth(start), { fromEnd: true })}`;
}

const segmenter = new Intl.Segmenter();

/** As much of the text as fits the width, from its start or its end. */
export function clip(text: string, width: number, { fromEnd = false } = {}): string {
  const characters = Array.from(segmenter.segment(text), ({ segment }) => segment);
  if (fromEnd) characters.reverse();
  let used = 0;
  const over = characters.findIndex((character) => (used += stringWidth(character)) > width);
  const kept = over === -1 ? characters : characters.slice(0, over);
  return (fromEnd ? kept.reverse() : kept).join("");
}
