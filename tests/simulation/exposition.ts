import type { Samples } from "./ledger.ts";

/** Names by which the series of expositions are written, for those that are known. */
const known = new Map<string, string>();

/**
 * The samples of an exposition, text or OpenMetrics, by name and labels in alphabetical order; the
 * label that all share is left out, and every series of the probe's must have it.
 */
export function readExposition(text: string, appId: string): Samples {
  const samples: Samples = new Map();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const exemplar = line.indexOf(" # ");
    const sample = exemplar === -1 ? line : line.slice(0, exemplar);
    const space = sample.lastIndexOf(" ");
    const series = sample.slice(0, space);
    let name = known.get(series);
    if (name === undefined) known.set(series, name = nameOf(series, appId));
    if (samples.has(name)) throw new Error(`${name} stands there twice`);
    samples.set(name, Number(sample.slice(space + 1)));
  }
  return samples;
}

function nameOf(series: string, appId: string): string {
  const [, name = series, inBraces = ""] = series.match(/^([^{]+)\{(.*)\}$/) ?? [];
  const labels: string[] = inBraces.match(/\w+="[^"]*"/g) ?? [];
  const own = `app_id="${appId}"`;
  if (!labels.includes(own)) throw new Error(`${series} has no ${own}`);
  const others = labels.filter((label) => label !== own).sort();
  return others.length === 0 ? name : `${name}{${others.join()}}`;
}
