import { maxWidth, paddingOf, shorten } from "./text_width.ts";

/** A column of a table, with a cell for each row. */
export type Column = {
  title: string;
  cells: readonly string[];
  alignRight?: boolean;
};

/** What gives way, step by step, when a table is too wide for its terminal. */
export type LayoutRules = {
  /** Columns left out, in this order, before anything is cut. */
  expendable?: readonly string[];
  /** Columns whose cells are cut, in this order, each down to `minWidth`. */
  shrunk: readonly { title: string; minWidth: number }[];
  /** Columns left out, in this order, when cutting is not enough. */
  dropped: readonly string[];
  /** A last column, drawn where the others leave at least `minWidth` of the terminal to it. */
  spare?: { column: Column; minWidth: number };
};

/** A column and the width at which it is drawn. */
export type PlacedColumn = Column & { width: number };

export type Layout = { columns: PlacedColumn[]; gap: number };

/** The columns that fit into `maxColumns` terminal columns, as many and as wide as possible. */
export function layOut(
  columns: readonly Column[],
  { spare, ...rules }: LayoutRules,
  maxColumns: number,
): Layout {
  const layout = fit(columns, rules, maxColumns);
  if (!spare) return layout;
  const { column, minWidth } = spare;
  const natural = maxWidth([column.title, ...column.cells]);
  const left = maxColumns - totalWidth(layout) - layout.gap;
  if (left < Math.min(natural, minWidth)) return layout;
  return { ...layout, columns: [...layout.columns, { ...column, width: Math.min(natural, left) }] };
}

function fit(
  columns: readonly Column[],
  { expendable = [], shrunk, dropped }: LayoutRules,
  maxColumns: number,
): Layout {
  let remaining = columns.map((column) => ({
    ...column,
    width: maxWidth([column.title, ...column.cells]),
  }));
  for (const title of expendable) {
    if (totalWidth({ columns: remaining, gap: 1 }) <= maxColumns) break;
    remaining = remaining.filter((column) => column.title !== title);
  }
  for (const title of [null, ...dropped]) {
    remaining = remaining.filter((column) => column.title !== title);
    const layout = shrink(remaining, shrunk, maxColumns);
    if (totalWidth(layout) <= maxColumns) return layout;
  }
  // A column that no rule mentions stays, however narrow the terminal is.
  return { columns: remaining.map((column) => ({ ...column, width: maxColumns })), gap: 1 };
}

/** Narrows the gaps first, then cuts one column after the other until the table fits. */
function shrink(
  columns: readonly PlacedColumn[],
  rules: LayoutRules["shrunk"],
  maxColumns: number,
): Layout {
  const placed = columns.map((column) => ({ ...column }));
  const gap = totalWidth({ columns: placed, gap: 2 }) <= maxColumns ? 2 : 1;
  for (const { title, minWidth } of rules) {
    const surplus = totalWidth({ columns: placed, gap }) - maxColumns;
    if (surplus <= 0) break;
    const column = placed.find((each) => each.title === title);
    if (column) column.width = Math.max(Math.min(column.width, minWidth), column.width - surplus);
  }
  return { columns: placed, gap };
}

function totalWidth({ columns, gap }: Layout): number {
  return columns.reduce((sum, { width }) => sum + width + gap, -gap);
}

/** One line of the table; `paint` colours a cell's text without changing its width. */
export function drawLine(
  { columns, gap }: Layout,
  cellOf: (column: PlacedColumn) => string,
  paint: (text: string, column: PlacedColumn) => string = (text) => text,
): string {
  const cells = columns.map((column) => {
    const text = shorten(cellOf(column), column.width);
    const padding = paddingOf(text, column.width);
    const painted = text && paint(text, column);
    return column.alignRight ? padding + painted : painted + padding;
  });
  return cells.join(" ".repeat(gap)).trimEnd();
}
