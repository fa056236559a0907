/** An exposition, of either format. */
export type Parsed = {
  /** Each family's type, by the name on its TYPE line. */
  types: Map<string, string>;
  samples: Sample[];
};

export type Sample = { name: string; labels: Record<string, string>; value: number };

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*?)\})? (\S+)( # \{.*)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/**
 * Reads an exposition well enough to compare two of them. It does not validate: promtool and the
 * strict OpenMetrics parser do. Throws on a line that is neither a sample nor a comment.
 */
export function parse(text: string): Parsed {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split("\n").filter(Boolean)) {
    const [, family, type] = line.match(/^# TYPE (\S+) (\S+)$/) ?? [];
    if (family && type) types.set(family, type);
    if (line.startsWith("#")) continue;
    const [, name, labels = "", value] = line.match(SAMPLE) ?? [];
    if (name === undefined || value === undefined) {
      throw new Error(`expected a sample, got ${line}`);
    }
    samples.push({
      name,
      labels: labelsOf(labels),
      value: Number(value.replace("Inf", "Infinity")),
    });
  }
  return { types, samples };
}

/** The value of each series, by a text of its name and its labels in a fixed order. */
export function valuesBySeries({ samples }: Parsed): Record<string, number> {
  const series = samples.map(({ name, labels, value }) => {
    const sorted = Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1);
    return [`${name}${JSON.stringify(Object.fromEntries(sorted))}`, value] as const;
  });
  return Object.fromEntries(series.sort(([a], [b]) => a < b ? -1 : 1));
}

/** The samples with this name and at least these labels. */
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

/** The sum of all samples with this name. */
export function sum(samples: readonly { name: string; value: number }[], name: string): number {
  return samples.filter((sample) => sample.name === name)
    .reduce((total, { value }) => total + value, 0);
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(LABEL)].map(([, label, value]) => [label, value]));
}
