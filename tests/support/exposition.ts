/** What an exposition says, in either format. */
export type Parsed = {
  /** Type by the name on its TYPE line. */
  types: Map<string, string>;
  samples: Sample[];
};

export type Sample = { name: string; labels: Record<string, string>; value: number };

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*?)\})? (\S+)( # \{.*)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/**
 * Reads an exposition just well enough to compare two of them; whether it is a valid one is for
 * promtool and the strict parser to say. Throws on a line that is no sample and no comment.
 */
export function parse(text: string): Parsed {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split("\n").filter(Boolean)) {
    const [, family, type] = line.match(/^# TYPE (\S+) (\S+)$/) ?? [];
    if (family && type) types.set(family, type);
    if (line.startsWith("#")) continue;
    const [, name, labels = "", value] = line.match(SAMPLE) ?? [];
    if (name === undefined) throw new Error(`no sample: ${line}`);
    samples.push({
      name,
      labels: labelsOf(labels),
      value: Number((value ?? "").replace("Inf", "Infinity")),
    });
  }
  return { types, samples };
}

/** Each series' value, by its name and sorted labels as one text. */
export function valuesBySeries({ samples }: Parsed): Record<string, number> {
  const series = samples.map(({ name, labels, value }) => {
    const sorted = Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1);
    return [`${name}${JSON.stringify(Object.fromEntries(sorted))}`, value] as const;
  });
  return Object.fromEntries(series.sort(([a], [b]) => a < b ? -1 : 1));
}

/** The samples of that name that carry these labels, and perhaps others. */
export function select(
  { samples }: Parsed,
  name: string,
  labels: Record<string, string> = {},
): Sample[] {
  const wanted = Object.entries(labels);
  return samples.filter((sample) =>
    sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value)
  );
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(LABEL)].map(([, label, value]) => [label, value]));
}
