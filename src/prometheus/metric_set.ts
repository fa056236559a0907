import type { RegistryContentType } from "prom-client";
import { type Clock, LoopHold } from "../core/clock.ts";
import {
  type Definition,
  type Definitions,
  METRICS,
  PER_DATASET,
  type SHARED,
} from "./definitions.ts";
import { Counter, Gauge, Histogram, Registry } from "./prom_client.ts";

type Instrument<D extends Definition> = {
  counter: Counter;
  gauge: Gauge;
  histogram: Histogram;
}[D["type"]];

/** The instrument of each definition. */
export type Instruments<D extends Definitions> = { [K in keyof D]: Instrument<D[K]> };

/** The text format 0.0.4, or OpenMetrics 1.0. */
export type Format = "text" | "openmetrics";

/** Instruments, and one registry for each format that shows them with the same labels. */
export type MetricSet<D extends Definitions> = {
  metrics: Instruments<D>;
  registries: Record<Format, Registry>;
};

export type SharedMetrics = MetricSet<typeof SHARED>;
/** One set for each dataset. */
export type DatasetMetrics = MetricSet<typeof PER_DATASET>;

export const CONTENT_TYPES: Record<Format, RegistryContentType> = {
  text: Registry.PROMETHEUS_CONTENT_TYPE,
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
};

/** Creates the instruments of these definitions; all their samples carry `labels`. */
export function createMetricSet<D extends Definitions>(
  definitions: D,
  labels: Record<string, string>,
): MetricSet<D> {
  const registries = mapValues(CONTENT_TYPES, (contentType) => {
    const registry: Registry = new Registry();
    registry.setContentType(contentType);
    registry.setDefaultLabels(labels);
    return registry;
  });
  const metrics = mapValues(definitions, (each: Definition) => createInstrument(each, registries));
  return { registries, metrics: metrics as Instruments<D> };
}

/**
 * The exposition of all sets. Releases the event loop again and again, so that the metrics of many
 * datasets do not delay probing.
 */
export async function renderMetricSets(
  format: Format,
  shared: SharedMetrics,
  datasets: readonly DatasetMetrics[],
  clock: Clock,
): Promise<string> {
  const blocks: string[] = [];
  const hold = new LoopHold(clock);
  for (const [key, definition] of Object.entries<Definition>(METRICS)) {
    const sets = key in PER_DATASET ? datasets : [shared];
    const name = familyName(definition, format);
    const lines: string[] = [];
    for (const { registries } of sets) {
      const text = await registries[format].getSingleMetricAsString(name);
      // Each set repeats the HELP and TYPE lines, which a family has once.
      lines.push(...lines.length === 0 ? [text] : text.split("\n").slice(2));
      if (hold.isLong) await hold.release();
    }
    blocks.push(lines.join("\n"));
  }
  return format === "openmetrics" ? `${blocks.join("\n")}\n# EOF\n` : `${blocks.join("\n\n")}\n`;
}

/**
 * Creates an instrument that both registries show. prom-client breaks a counter that is registered
 * twice: rendering OpenMetrics strips the `_total` of its name for the text format too.
 */
function createInstrument(
  definition: Definition,
  { text, openmetrics }: Record<Format, Registry>,
): Counter | Gauge | Histogram {
  const { type, help, labels, buckets, exemplars } = definition;
  const name = familyName(definition, "openmetrics");
  const common = { name, help, labelNames: [...labels], registers: [openmetrics] };
  switch (type) {
    case "counter": {
      const counter = new Counter(common);
      // A read-only view of the same counter, under its name in the text format.
      const view: Counter = Object.create(counter, { name: { value: definition.name } });
      text.registerMetric(view);
      return counter;
    }
    case "gauge": {
      const gauge = new Gauge(common);
      text.registerMetric(gauge);
      return gauge;
    }
    case "histogram": {
      const enableExemplars = exemplars === true;
      const histogram = new Histogram({ ...common, buckets: [...buckets ?? []], enableExemplars });
      text.registerMetric(histogram);
      return histogram;
    }
  }
}

/** OpenMetrics names a counter's family without the suffix of its sample, which prom-client adds. */
function familyName({ type, name }: Definition, format: Format): string {
  return format === "openmetrics" && type === "counter" ? name.replace(/_total$/, "") : name;
}

function mapValues<K extends string, V, W>(
  record: Readonly<Record<K, V>>,
  change: (value: V) => W,
): Record<K, W> {
  const entries = Object.entries<V>(record).map(([key, value]) => [key, change(value)]);
  return Object.fromEntries(entries) as Record<K, W>;
}
