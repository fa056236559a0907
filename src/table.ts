import stringWidth from "string-width";
import { settledMs, type Task } from "./task.ts";
import { formatDateTime, formatSeconds } from "./times.ts";

export type TableOptions = {
  /** Columns of the terminal; the table shrinks to them as far as it can. */
  width: number;
  utc: boolean;
  color: boolean;
};

type Column = { title: string; cells: string[]; right?: boolean };

const GREEN = "\x1b[32m";
const RED = "\x1b[31m";
const YELLOW = "\x1b[33m";
const BOLD = "\x1b[1m";
const RESET = "\x1b[0m";

/** Columns that give way, in turn, and down to which width. */
const SHRINKING = [["Dataset", 8], ["Reason", 12], ["Dataset", 4], ["Reason", 4]] as const;

/**
 * Tasks as a table, in the order given, with the line `more` under it for those not shown. The
 * dataset has a column when there is more than one. Times of other days carry their date.
 */
export function renderTable(
  tasks: readonly Task[],
  { datasetIds, nowMs, more }: { datasetIds: readonly string[]; nowMs: number; more: string },
  { width, utc, color }: TableOptions,
): string {
  const time = timeFormat(nowMs, utc);
  // A settled task's date is that of its creation, unless it shows its own.
  const at = (task: Task, state: Task["state"]) =>
    task.state === state ? timeFormat(task.createdMs, utc)(settledMs(task) ?? 0) : "";
  const settled = (task: Task) => task.state === "PENDING" ? undefined : task;

  const columns: Column[] = [
    { title: "#", cells: tasks.map((task) => String(task.seqno)), right: true },
    { title: "Dataset", cells: tasks.map((task) => task.datasetId) },
    { title: "State", cells: tasks.map((task) => task.state) },
    { title: "Created", cells: tasks.map((task) => time(task.createdMs)) },
    { title: "Succeeded", cells: tasks.map((task) => at(task, "SUCCEEDED")) },
    { title: "Failed", cells: tasks.map((task) => at(task, "FAILED")) },
    {
      title: "Duration",
      cells: tasks.map((task) => formatSeconds(settled(task)?.durationSeconds)),
      right: true,
    },
    {
      title: "Attempts",
      cells: tasks.map((task) => String(settled(task)?.attempts.length ?? "")),
      right: true,
    },
    { title: "Reason", cells: tasks.map((task) => task.state === "FAILED" ? task.reason : "") },
  ];
  if (datasetIds.length === 1) columns.splice(1, 1);

  const { gap, widths } = fit(columns, width);
  const line = (cells: string[]) =>
    cells
      .map((cell, i) => pad(cell, widths[i], columns[i].right))
      .join(" ".repeat(gap)).trimEnd();
  const paint = (text: string, code: string) => color ? code + text + RESET : text;
  const lines = [paint(line(columns.map(({ title }) => title)), BOLD)];
  tasks.forEach((task, row) => {
    const code = { PENDING: YELLOW, SUCCEEDED: GREEN, FAILED: RED }[task.state];
    const text = line(columns.map(({ cells }) => cells[row]));
    lines.push(text.replace(task.state, paint(task.state, code)));
  });
  if (more) lines.push(more);
  return lines.join("\n") + "\n";
}

function timeFormat(nowMs: number, utc: boolean): (ms: number) => string {
  const today = formatDateTime(nowMs, utc).slice(0, 10);
  return (ms) => {
    const text = formatDateTime(ms, utc);
    return text.startsWith(today) ? text.slice(11) : text.slice(5);
  };
}

/** Column widths that fit: narrower gaps first, then what can be cut without being lost. */
function fit(columns: Column[], width: number): { gap: number; widths: number[] } {
  const widths = columns.map(({ title, cells }) =>
    Math.max(stringWidth(title), ...cells.map((cell) => stringWidth(cell)))
  );
  const total = (gap: number) => widths.reduce((sum, each) => sum + each + gap, -gap);
  const gap = total(2) <= width ? 2 : 1;
  for (const [title, shortest] of SHRINKING) {
    const column = columns.findIndex((each) => each.title === title);
    const surplus = total(gap) - width;
    if (column < 0 || surplus <= 0) continue;
    widths[column] = Math.max(Math.min(widths[column], shortest), widths[column] - surplus);
  }
  return { gap, widths };
}

function pad(text: string, width: number, right = false): string {
  const shown = stringWidth(text) <= width ? text : shorten(text, width);
  const space = " ".repeat(Math.max(0, width - stringWidth(shown)));
  return right ? space + shown : shown + space;
}

/** Cuts the middle out, since both ends of an ID tell it apart. Dataset IDs are ASCII. */
function shorten(text: string, width: number): string {
  const start = Math.ceil((width - 1) / 2);
  return text.slice(0, start) + "…" + text.slice(text.length - (width - 1 - start));
}
