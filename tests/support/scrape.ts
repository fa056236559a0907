/** Just enough of the Prometheus text format to read what a probe says. */

type Sample = { name: string; labels: Record<string, string>; value: number };

/** One scrape of a probe. */
export type Scrape = {
  text: string;
  samples: Sample[];
  /** Type by name of the family. */
  types: Map<string, string>;
  /** The sum of the samples of that name that carry these labels; NaN when there is none. */
  value(name: string, labels?: Record<string, string>): number;
};

/** Reads `/metrics`, or another path with the same response. */
export async function scrape(url: string, path = "/metrics"): Promise<Scrape> {
  const response = await fetch(url + path);
  return parse(await response.text());
}

function parse(text: string): Scrape {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const [, family, type] = line.match(/^# TYPE (\S+) (\S+)$/) ?? [];
    if (family && type) types.set(family, type);
    const [, name, labels = "", value] = line.match(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/) ?? [];
    if (name) samples.push({ name, labels: parseLabels(labels), value: Number(value) });
  }
  return {
    text,
    types,
    samples,
    value(name, labels = {}) {
      const found = samples.filter((sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
      );
      return found.length === 0 ? NaN : found.reduce((sum, { value }) => sum + value, 0);
    },
  };
}

function parseLabels(text: string): Record<string, string> {
  const pairs = text.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g);
  return Object.fromEntries([...pairs].map(([, label, value]) => [label, value]));
}
