import type { Panel } from "./panels.ts";

/** Grafana's grid. */
const WIDTH = 24;

/** A heading and lines of panels under each other; the panels of a line share its width. */
export type Row = { title: string; lines: Line[] };
type Line = { height: number; panels: Panel[] };

export function row(title: string, lines: Line[]): Row {
  return { title, lines };
}

export function line(height: number, ...panels: Panel[]): Line {
  return { height, panels };
}

/** Gives each heading and panel its number and its place. */
export function layOut(rows: Row[]) {
  let id = 0;
  let y = 0;
  return rows.flatMap(({ title, lines }) => {
    const heading = {
      type: "row",
      id: ++id,
      title,
      collapsed: false,
      gridPos: { x: 0, y: y++, w: WIDTH, h: 1 },
      panels: [],
    } as const;
    const placed = lines.flatMap(({ height, panels }) => {
      const edgeOf = (index: number) => Math.round(index * WIDTH / panels.length);
      const inLine = panels.map((panel, i) => ({
        ...panel,
        id: ++id,
        gridPos: { x: edgeOf(i), y, w: edgeOf(i + 1) - edgeOf(i), h: height },
      }));
      y += height;
      return inLine;
    });
    return [heading, ...placed];
  });
}
