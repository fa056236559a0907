/** Values by series, as {@linkcode readExposition} names them. */
export type Samples = Map<string, number>;

/** A line of an exposition: its text up to the value, and the name of its series. */
type Series = { start: string; name: string };

/** All series that were seen, by the start of their lines: parsing a name is slow. */
const known = new Map<string, Series>();

/** The series of the last exposition: the next one has mostly the same lines. */
let last: Series[] = [];

/**
 * The samples of an exposition, text or OpenMetrics, by name and labels in alphabetical order,
 * without `app_id`. Throws when a series has no `app_id` or is repeated.
 */
export function readExposition(text: string, appId: string): Samples {
  const samples: Samples = new Map();
  const lines: Series[] = [];
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const before = last[lines.length];
    const series = before && line.startsWith(before.start) ? before : seriesOf(line, appId);
    lines.push(series);
    const { start, name } = series;
    if (samples.has(name)) throw new Error(`${name} is repeated`);
    samples.set(name, valueOf(line, start.length));
  }
  last = lines;
  return samples;
}

/** The value from that index on, without an exemplar. */
function valueOf(line: string, from: number): number {
  const end = line.indexOf(" ", from);
  return Number(end === -1 ? line.slice(from) : line.slice(from, end));
}

function seriesOf(line: string, appId: string): Series {
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
  // The same for all series of a process, as definitions_test.ts checks.
  const others = labels.filter((label) => label !== own && !label.startsWith("environment="))
    .sort();
  return others.length === 0 ? name : `${name}{${others.join()}}`;
}
