import { at } from "../support/at.ts";

/** The bound that the median of some values should keep. */
export type Aim = { atMost: number } | { atLeast: number };

/** One thing that was measured, once for each repeat. */
export type Figure = {
  what: string;
  unit: string;
  values: readonly number[];
  aim?: Aim;
  /** The same repeats divided by those of peers in the same run. */
  ratios?: readonly Ratio[];
};

/** The values of a figure divided by those of a peer. */
export type Ratio = { to: string; values: readonly number[]; aim?: Aim };

/** What a line reports to its run. */
export type Run = {
  /** Shows progress to people. */
  say(progress: string): void;
  /** Notes what cannot be measured here, and why. */
  leaveOut(what: string, why: string): void;
};

/** A group of figures that are measured together, and that can be asked for by name. */
export type Line = {
  name: string;
  help: string;
  /** Whether it leaves the machine nearly idle, so that it is measured beside others that do. */
  isCalm?: boolean;
  measure(run: Run): Promise<Figure[]>;
};

/** The results of a line. */
export type Measured = {
  name: string;
  seconds: number;
  figures: readonly Figure[];
  leftOut: readonly string[];
};

/** The lines in their order: each alone, but those in a row that are calm together. */
export function sideBySide(lines: readonly Line[]): Line[][] {
  const groups: Line[][] = [];
  for (const line of lines) {
    const last = groups.at(-1);
    if (line.isCalm && last?.at(-1)?.isCalm) last.push(line);
    else groups.push([line]);
  }
  return groups;
}

/** The figure for `ours` with one more ratio: that to `theirs`, repeat by repeat. */
export function compared(ours: Figure, theirs: Figure, aim?: Aim): Figure {
  const values = ours.values.map((value, repeat) => value / at(theirs.values, repeat));
  return { ...ours, ratios: [...ours.ratios ?? [], { to: theirs.what, values, aim }] };
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = at(sorted, middle);
  return sorted.length % 2 === 1 ? upper : (at(sorted, middle - 1) + upper) / 2;
}

/** The smallest of the values that at least `share` of them do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return at(sorted, Math.max(0, Math.ceil(share * sorted.length) - 1));
}

/** Whether the median of the values keeps the bound, in words, and by how much it does not. */
export function verdict(values: readonly number[], aim: Aim): string {
  const middle = median(values);
  const [bound, excess] = "atMost" in aim
    ? [aim.atMost, middle - aim.atMost]
    : [aim.atLeast, aim.atLeast - middle];
  if (excess <= 0) return "met";
  return bound === 0 ? "missed" : `missed by ${rounded(100 * excess / bound)} %`;
}

export const TITLES = ["Line", "Figure", "Median (least to most)", "Ratio", "Aim"];

/** The figures of each line as rows of a table under `TITLES`. */
export function rowsOf(lines: readonly Measured[]): string[][] {
  return lines.flatMap(({ name, figures }) => figures.map((figure) => [name, ...cellsOf(figure)]));
}

function cellsOf({ what, unit, values, aim, ratios = [] }: Figure): string[] {
  const aims = [
    ...aim ? [judged(values, aim, unit)] : [],
    ...ratios.flatMap(({ to, values, aim }) => aim ? [judged(values, aim, `× ${to}`)] : []),
  ];
  return [
    what,
    `${spread(values)} ${unit}`,
    ratios.map(({ to, values }) => `${spread(values)} × ${to}`).join("; "),
    aims.join("; "),
  ];
}

function judged(values: readonly number[], aim: Aim, unit: string): string {
  const bound = "atMost" in aim ? `at most ${aim.atMost}` : `at least ${aim.atLeast}`;
  return `${bound} ${unit}: ${verdict(values, aim)}`;
}

/** The table for a terminal, and under it what was left out. */
export function tableOf(lines: readonly Measured[]): string {
  const rows = [TITLES, ...rowsOf(lines)];
  const widths = TITLES.map((_, column) => {
    return Math.max(...rows.map((row) => row[column]?.length ?? 0));
  });
  const table = rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd() + "\n"
  );
  const notes = lines.flatMap(({ leftOut }) => leftOut).map((note) => `left out: ${note}\n`);
  return [...table, ...notes.length > 0 ? ["\n", ...notes] : []].join("");
}

function spread(values: readonly number[]): string {
  const middle = rounded(median(values));
  if (values.length === 1) return middle;
  return `${middle} (${rounded(Math.min(...values))} to ${rounded(Math.max(...values))})`;
}

/** Three significant digits. */
function rounded(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
