import { type TaskRow, taskToRow } from "../core/task_row.ts";
import type { State } from "../core/task.ts";
import type { Backlog } from "../probing/backlog.ts";
import { formatDateTime, formatDuration, formatOffset } from "../text/format.ts";
import { BOLD, styled, TASK_COLORS } from "./ansi.ts";
import { type Column, drawLine, layOut, type LayoutRules } from "./column_layout.ts";
import { shorten } from "./text_width.ts";

export type TableOptions = {
  /** Columns of the terminal; no line is wider. */
  width: number;
  utc: boolean;
  color: boolean;
  /** Leaves out columns before it cuts the ID of a dataset. */
  keepIds?: boolean;
};

/** What a table shows besides its rows. */
export type TableContext = {
  /** Whether there is a column for the dataset. */
  severalDatasets: boolean;
  /** Times of this moment's day are shown without their date. */
  nowMs: number;
  /** The last line, about the tasks that are not in the table; empty for none. */
  footer: string;
};

/** The state is in no rule: it always stays. */
const LAYOUT_RULES: LayoutRules = {
  shrunk: [
    { title: "Dataset", minWidth: 8 },
    { title: "Reason", minWidth: 12 },
    { title: "Dataset", minWidth: 4 },
    { title: "Reason", minWidth: 4 },
  ],
  dropped: ["Attempts", "Succeeded", "Failed", "Created", "#", "Duration", "Dataset", "Reason"],
};

/** The same for a screen, on which the IDs of datasets are whole as long as they can be. */
function layoutKeepingIds(width: number): LayoutRules {
  return {
    // What other columns tell as well.
    expendable: ["Attempts", "Succeeded", "Failed"],
    shrunk: [
      { title: "Dataset", minWidth: Math.max(4, Math.floor(width / 2)) },
      { title: "Reason", minWidth: 12 },
    ],
    dropped: ["Created", "#", "Reason", "Duration", "Dataset"],
  };
}

/** Less of a message would tell nothing. */
const MIN_MESSAGE_WIDTH = 16;

/** The last line of a table without rows, when only some of the tasks were asked for. */
export const NO_MATCH = "no tracked task matches";

/**
 * The newest `rows` tasks of the backlog, newest last, under a heading with these lines in it; ends
 * with an empty line.
 */
export function tableOf(
  backlog: Backlog,
  { datasetIds, nowMs, rows, states = [] }: {
    datasetIds: readonly string[];
    nowMs: number;
    rows: number;
    /** Lines with the states of the datasets. */
    states?: readonly string[];
  },
  options: TableOptions,
): string {
  const { PENDING, SUCCEEDED, FAILED } = backlog.counts;
  const { tasks } = backlog.page({ limit: rows });
  const context: TableContext = {
    severalDatasets: datasetIds.length > 1,
    nowMs,
    footer: footerFor(PENDING + SUCCEEDED + FAILED - tasks.length),
  };
  const heading = renderHeading(nowMs, describeCounts(backlog.counts), options);
  const table = renderTable(tasks.reverse().map(taskToRow), context, options);
  return ["", ...heading, ...states, ...table, "", ""].join("\n");
}

/** The lines over a table: the time and a summary, on two lines when one is too narrow. */
export function renderHeading(
  nowMs: number,
  summary: string,
  { width, utc }: Pick<TableOptions, "width" | "utc">,
): string[] {
  const time = formatMoment(nowMs, utc);
  const line = `${time}  ${summary}`;
  return line.length > width ? [time, summary] : [line];
}

/** How many tasks of each state are tracked. */
export function describeCounts({ PENDING, SUCCEEDED, FAILED }: Record<State, number>): string {
  return `${PENDING + SUCCEEDED + FAILED} tracked: ` +
    `${PENDING} pending, ${SUCCEEDED} succeeded, ${FAILED} failed`;
}

/** The last line of a table that leaves out `older` tasks; null for an unknown number of them. */
export function footerFor(older: number | null): string {
  if (older === null) return "… and older ones";
  return older > 0 ? `… and ${older} older` : "";
}

/** A date and time with its offset from UTC. */
export function formatMoment(ms: number, utc: boolean): string {
  return `${formatDateTime(ms, utc)} ${formatOffset(ms, utc)}`;
}

/** Formats a time without its date when it is of the same day as `nowMs`, otherwise without its year. */
export function timeFormatter(nowMs: number, utc: boolean): (ms: number) => string {
  const today = formatDateTime(nowMs, utc).slice(0, "2026-11-23".length);
  return (ms) => {
    const dateTime = formatDateTime(ms, utc);
    return dateTime.startsWith(today)
      ? dateTime.slice("2026-11-23 ".length)
      : dateTime.slice("2026-".length);
  };
}

/**
 * The rows in the order given, under their titles and over the footer, as lines without line ends.
 * What does not fit the width is cut or left out.
 */
export function renderTable(
  rows: readonly TaskRow[],
  context: TableContext,
  { width, utc, color, keepIds = false }: TableOptions,
): string[] {
  // What goes into a pipe keeps the columns that programs know.
  const spare = Number.isFinite(width) && rows.some(({ message }) => message !== null)
    ? { column: messageColumn(rows), minWidth: MIN_MESSAGE_WIDTH }
    : undefined;
  const rules = keepIds && context.severalDatasets ? layoutKeepingIds(width) : LAYOUT_RULES;
  const layout = layOut(columnsOf(rows, context, utc), { ...rules, spare }, width);
  const titles = drawLine(layout, ({ title }) => title);
  const lines = rows.map(({ state }, i) =>
    drawLine(
      layout,
      ({ cells }) => cells[i] ?? "",
      (text, { title }) => color && title === "State" ? styled(TASK_COLORS[state], text) : text,
    )
  );
  return [
    color ? styled(BOLD, titles) : titles,
    ...lines,
    ...context.footer ? [shorten(context.footer, width)] : [],
  ];
}

/** What the reason means this time, for a terminal that has room beside the other columns. */
function messageColumn(rows: readonly TaskRow[]): Column {
  return { title: "Message", cells: rows.map(({ message }) => message ?? "") };
}

function columnsOf(
  rows: readonly TaskRow[],
  { severalDatasets, nowMs }: TableContext,
  utc: boolean,
): Column[] {
  const formatCreated = timeFormatter(nowMs, utc);
  // The date of the settlement is left out when the creation stands beside it with the same one.
  const formatSettled = ({ createdMs, settledMs }: TaskRow) =>
    settledMs === null ? "" : timeFormatter(createdMs, utc)(settledMs);

  const columns: Column[] = [
    { title: "#", cells: rows.map(({ seqno }) => String(seqno)), alignRight: true },
    { title: "Dataset", cells: rows.map(({ datasetId }) => datasetId) },
    { title: "State", cells: rows.map(({ state }) => state) },
    { title: "Created", cells: rows.map(({ createdMs }) => formatCreated(createdMs)) },
    {
      title: "Succeeded",
      cells: rows.map((row) => row.state === "SUCCEEDED" ? formatSettled(row) : ""),
    },
    {
      title: "Failed",
      cells: rows.map((row) => row.state === "FAILED" ? formatSettled(row) : ""),
    },
    {
      title: "Duration",
      cells: rows.map(({ durationSeconds: seconds }) =>
        seconds === null ? "" : formatDuration(seconds)
      ),
      alignRight: true,
    },
    {
      title: "Attempts",
      cells: rows.map(({ attempts }) => attempts === null ? "" : String(attempts)),
      alignRight: true,
    },
    { title: "Reason", cells: rows.map(({ reason }) => reason ?? "") },
  ];
  return columns.filter(({ title }) => severalDatasets || title !== "Dataset");
}
