/** One thing that was measured, once for each repeat. */
export type Figure = {
  what: string;
  unit: string;
  values: readonly number[];
  /** The same repeats divided by those of a peer in the same run. */
  ratio?: { to: string; values: readonly number[] };
  /** What is to be reached, now and later. */
  aim?: string;
};

/** A group of figures that are measured together, and that can be asked for by name. */
export type Line = {
  name: string;
  help: string;
  measure: (say: (progress: string) => void) => Promise<Figure[]>;
};

/** The figure for `ours`, with its ratio to `theirs`, repeat by repeat. */
export function compared(
  ours: Figure,
  theirs: Figure,
  aim?: string,
): Figure {
  const values = ours.values.map((value, repeat) => value / theirs.values[repeat]);
  return { ...ours, ratio: { to: theirs.what, values }, aim };
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The smallest of the values that at least `share` of them do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** How late slots were, in milliseconds. */
export type Lateness = {
  p50: number;
  p99: number;
  max: number;
  /** How much later the earliest slots of the last quarter were than those of the first one. */
  drift: number;
};

/** Sums up the lateness of slots, given in their order. */
export function latenessOf(lateMs: readonly number[]): Lateness {
  const quarter = Math.floor(lateMs.length / 4);
  return {
    p50: median(lateMs),
    p99: quantile(lateMs, 0.99),
    max: Math.max(...lateMs),
    // The earliest ones, since what holds a slot up can only make it later.
    drift: quantile(lateMs.slice(-quarter), 0.1) - quantile(lateMs.slice(0, quarter), 0.1),
  };
}

type Row = [line: string, what: string, median: string, spread: string, ratio: string, aim: string];

const TITLES: Row = ["", "", "median", "min–max", "ratio (min–max)", "aim"];

/** The figures of each line as one table. */
export function tableOf(lines: readonly { name: string; figures: readonly Figure[] }[]): string {
  const rows = [
    TITLES,
    ...lines.flatMap(({ name, figures }) =>
      figures.map((figure, i) => rowOf(i === 0 ? name : "", figure))
    ),
  ];
  const widths = TITLES.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const isNumber = (column: number) => column === 2 || column === 3;
  return rows.map((row) =>
    row.map((cell, column) =>
      isNumber(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column])
    ).join("  ").trimEnd() + "\n"
  ).join("");
}

function rowOf(line: string, { what, unit, values, ratio, aim = "" }: Figure): Row {
  return [
    line,
    what,
    `${rounded(median(values))} ${unit}`,
    spreadOf(values),
    ratio ? `${rounded(median(ratio.values))} × ${ratio.to} (${spreadOf(ratio.values)})` : "",
    aim,
  ];
}

function spreadOf(values: readonly number[]): string {
  if (values.length === 1) return "once";
  return `${rounded(Math.min(...values))}–${rounded(Math.max(...values))}`;
}

/** Three digits that matter. */
function rounded(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
