import type { Samples } from "./ledger.ts";

/** One line of an exposition: how it begins, up to its value, and what its series is called. */
type Known = { start: string; name: string };

/** Series by how their lines begin, for those that have been seen. */
const known = new Map<string, Known>();

/** How the lines began of the last exposition: those of the next one are mostly the same. */
let last: Known[] = [];

/**
 * The samples of an exposition, text or OpenMetrics, by name and labels in alphabetical order; the
 * label that all share is left out, and every series of the probe's must have it.
 */
export function readExposition(text: string, appId: string): Samples {
  const samples: Samples = new Map();
  const lines: Known[] = [];
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const before = last[lines.length];
    const series = before && line.startsWith(before.start) ? before : seriesOf(line, appId);
    lines.push(series);
    const { start, name } = series;
    if (samples.has(name)) throw new Error(`${name} stands there twice`);
    samples.set(name, valueOf(line, start.length));
  }
  last = lines;
  return samples;
}

/** The value that stands there, before an exemplar. */
function valueOf(line: string, from: number): number {
  const end = line.indexOf(" ", from);
  return Number(end === -1 ? line.slice(from) : line.slice(from, end));
}

function seriesOf(line: string, appId: string): Known {
  const [start] = line.match(/^[^{ ]+(\{.*?\})? /) ?? [];
  if (start === undefined) throw new Error(`${line} has no value`);
  const found = known.get(start) ?? { start, name: nameOf(start.trimEnd(), appId) };
  known.set(start, found);
  return found;
}

function nameOf(series: string, appId: string): string {
  const [, name = series, inBraces = ""] = series.match(/^([^{]+)\{(.*)\}$/) ?? [];
  const labels: string[] = inBraces.match(/\w+="[^"]*"/g) ?? [];
  const own = `app_id="${appId}"`;
  if (!labels.includes(own)) throw new Error(`${series} has no ${own}`);
  const others = labels.filter((label) => label !== own).sort();
  return others.length === 0 ? name : `${name}{${others.join()}}`;
}
