import type { RegistryContentType } from "prom-client";
import {
  type Definition,
  type Definitions,
  LOOPS,
  METRICS,
  PER_DATASET,
  type Result,
  RESULTS,
  SHARED,
} from "./definitions.ts";
import { SKIP_CAUSES, type SkipCause } from "../core/task_observer.ts";
import { type Clock, sleep } from "../core/clock.ts";
import { Counter, Gauge, Histogram, Registry } from "./prom_client.ts";
import { PHASES, type SettledTask, type State } from "../core/task.ts";
import { REASONS } from "../core/reasons.ts";

type Instrument<D extends Definition> = {
  counter: Counter;
  gauge: Gauge;
  histogram: Histogram;
}[D["type"]];
type Instruments<C extends Definitions> = { [K in keyof C]: Instrument<C[K]> };

type Format = "text" | "openmetrics";

/** Metrics of a catalogue, in a registry for each format, with labels that all their samples carry. */
type Page<C extends Definitions> = {
  metrics: Instruments<C>;
  registries: Record<Format, Registry>;
};

/** What a scrape reads from the rest of the program at the moment it starts. */
export type Readings = {
  tracked: Record<State, number>;
  oldestPendingAgeSeconds: number;
  cpuSeconds: number;
  residentBytes: number;
  heapBytes: number;
};

/** An exposition, ready to be sent. */
export type Exposition = { contentType: string; body: Uint8Array<ArrayBuffer> };

export type MetricsOptions = {
  clock: Clock;
  appId: string;
  datasetIds: readonly string[];
  /** Durations are told apart at this many seconds too, whatever the other buckets are. */
  latencyObjectiveSeconds: number;
  build: { version: string; deno: string; target: string };
  startTimeSeconds: number;
  read: () => Readings;
};

const CONTENT_TYPES: Record<Format, RegistryContentType> = {
  text: Registry.PROMETHEUS_CONTENT_TYPE,
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
};

/** How long rendering may hold the loop before it lets others run. */
const MAX_HOLD_MS = 2;

const encoder = new TextEncoder();

/**
 * Counts what happens and renders it for Prometheus. Every label set that can be known beforehand
 * is there with 0 from the start. While an exposition is rendered, changes wait, so that it shows
 * one instant.
 */
export class Metrics {
  #options: MetricsOptions;
  #shared: Page<typeof SHARED>;
  /** Each has a page of its own, so that an exposition of many can be rendered in pieces. */
  #datasets: Map<string, Page<typeof PER_DATASET>>;
  #rendering: { format: Format; body: Promise<Exposition["body"]> } | null = null;
  #waiting: (() => void)[] = [];
  #cpuSeconds = 0;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#shared = newPage(SHARED, { app_id: options.appId });
    this.#datasets = newDatasetPages(options);
    startShared(this.#shared.metrics, options);
    for (const { metrics } of this.#datasets.values()) startDataset(metrics);
  }

  created(datasetId: string): void {
    this.#changeDataset(datasetId, ({ created }) => created.inc());
  }

  /** Records everything about a settled task; `settledMs` is its wall-clock time. */
  settled(task: SettledTask, settledMs: number): void {
    this.#changeDataset(task.datasetId, (metrics) => recordOutcome(metrics, task, settledMs));
    this.#change((metrics) => recordPhases(metrics, task));
  }

  tokenRequested(result: Result): void {
    this.#change((metrics) => metrics.tokenRequests.inc({ result }));
  }

  /** `expiresMs` is on the wall clock, as everywhere here. */
  tokenExpires(expiresMs: number): void {
    this.#change((metrics) => metrics.tokenExpiry.set(expiresMs / 1e3));
  }

  certificateExpires(host: string, expiresMs: number): void {
    this.#change((metrics) => metrics.certificateExpiry.set({ host }, expiresMs / 1e3));
  }

  heartbeat(result: Result): void {
    this.#change((metrics) => metrics.heartbeats.inc({ result }));
  }

  dismissed(count: number): void {
    this.#change((metrics) => metrics.dismissed.inc(count));
  }

  skipped(cause: SkipCause, count: number): void {
    this.#change((metrics) => metrics.skipped.inc({ cause }, count));
  }

  lag(loop: typeof LOOPS[number], lagMs: number): void {
    this.#change((metrics) => metrics.lag.observe({ loop }, lagMs / 1e3));
  }

  /**
   * The state of one instant. Who asks while the same format is being rendered gets that one, so
   * that a flood of scrapes costs no more than one at a time.
   */
  async render(format: Format): Promise<Exposition> {
    while (this.#rendering && this.#rendering.format !== format) await this.#rendering.body;
    if (!this.#rendering) {
      this.#read();
      this.#rendering = { format, body: this.#renderNow(format) };
    }
    return { contentType: CONTENT_TYPES[format], body: await this.#rendering.body };
  }

  async #renderNow(format: Format): Promise<Exposition["body"]> {
    try {
      const pages = [...this.#datasets.values()];
      return encoder.encode(await write(format, this.#shared, pages, this.#options.clock));
    } finally {
      this.#rendering = null;
      for (const change of this.#waiting.splice(0)) change();
    }
  }

  #change(change: (metrics: Instruments<typeof SHARED>) => void): void {
    this.#afterRendering(() => change(this.#shared.metrics));
  }

  #changeDataset(id: string, change: (metrics: Instruments<typeof PER_DATASET>) => void): void {
    const page = this.#datasets.get(id);
    if (!page) throw new Error(`${id} is not a dataset of this probe`);
    this.#afterRendering(() => change(page.metrics));
  }

  #afterRendering(change: () => void): void {
    if (this.#rendering) this.#waiting.push(change);
    else change();
  }

  #read(): void {
    const readings = this.#options.read();
    const cpuSeconds = Math.max(0, readings.cpuSeconds - this.#cpuSeconds);
    this.#cpuSeconds += cpuSeconds;
    this.#change(({ tracked, inFlight, oldestPending, cpu, memory, heap }) => {
      for (const [state, count] of Object.entries(readings.tracked)) tracked.set({ state }, count);
      inFlight.set(readings.tracked.PENDING);
      oldestPending.set(readings.oldestPendingAgeSeconds);
      cpu.inc(cpuSeconds);
      memory.set(readings.residentBytes);
      heap.set(readings.heapBytes);
    });
  }
}

/** The exposition of all pages, written in pieces that let others run. */
async function write(
  format: Format,
  shared: Page<typeof SHARED>,
  datasets: readonly Page<typeof PER_DATASET>[],
  clock: Clock,
): Promise<string> {
  const blocks: string[] = [];
  let sinceMs = clock.monotonic();
  for (const [key, definition] of Object.entries<Definition>(METRICS)) {
    const pages = key in PER_DATASET ? datasets : [shared];
    const name = familyName(definition, format);
    const lines: string[] = [];
    for (const { registries } of pages) {
      const text = await registries[format].getSingleMetricAsString(name);
      // Each page's family begins with the two lines of its name and its type.
      lines.push(...lines.length === 0 ? [text] : text.split("\n").slice(2));
      if (clock.monotonic() - sinceMs > MAX_HOLD_MS) {
        await sleep(clock, 0);
        sinceMs = clock.monotonic();
      }
    }
    blocks.push(lines.join("\n"));
  }
  return format === "openmetrics" ? `${blocks.join("\n")}\n# EOF\n` : `${blocks.join("\n\n")}\n`;
}

function newDatasetPages(
  { appId, datasetIds, latencyObjectiveSeconds }: MetricsOptions,
): Map<string, Page<typeof PER_DATASET>> {
  const { duration } = PER_DATASET;
  const buckets = new Set([...duration.buckets, latencyObjectiveSeconds]);
  const catalogue = {
    ...PER_DATASET,
    duration: { ...duration, buckets: [...buckets].sort((a, b) => a - b) },
  };
  return new Map(
    datasetIds.map((id) => [id, newPage(catalogue, { app_id: appId, dataset_id: id })]),
  );
}

function newPage<C extends Definitions>(catalogue: C, labels: Record<string, string>): Page<C> {
  const registries = mapValues(CONTENT_TYPES, (contentType) => {
    const registry: Registry = new Registry();
    registry.setContentType(contentType);
    registry.setDefaultLabels(labels);
    return registry;
  });
  const metrics = mapValues(catalogue, (each: Definition) => define(each, registries));
  return { registries, metrics: metrics as Instruments<C> };
}

/** Makes a metric that both registries show. */
function define(
  definition: Definition,
  { text, openmetrics }: Record<Format, Registry>,
): Counter | Gauge | Histogram {
  const { type, help, labels, buckets, exemplars } = definition;
  const name = familyName(definition, "openmetrics");
  const common = { name, help, labelNames: [...labels], registers: [openmetrics] };
  switch (type) {
    case "counter": {
      const counter = new Counter(common);
      // The same counter under the name that the text has for it; only to be read.
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

function startDataset(metrics: Instruments<typeof PER_DATASET>): void {
  for (const reason of REASONS) metrics.failures.inc({ reason }, 0);
  for (const result of RESULTS) metrics.attempts.inc({ result }, 0);
  for (const outcome of ["succeeded", "failed"]) metrics.duration.zero({ outcome });
  // No success is not a success in 1970, and not one in no time.
  metrics.lastDuration.remove();
  metrics.lastSuccess.remove();
}

function startShared(
  metrics: Instruments<typeof SHARED>,
  { build, startTimeSeconds }: MetricsOptions,
): void {
  for (const phase of PHASES) metrics.phaseDuration.zero({ phase });
  for (const cause of SKIP_CAUSES) metrics.skipped.inc({ cause }, 0);
  for (const loop of LOOPS) metrics.lag.zero({ loop });
  for (const result of RESULTS) {
    metrics.tokenRequests.inc({ result }, 0);
    metrics.heartbeats.inc({ result }, 0);
  }
  metrics.tokenExpiry.remove();
  metrics.buildInfo.set(build, 1);
  metrics.startTime.set(startTimeSeconds);
}

function recordOutcome(
  metrics: Instruments<typeof PER_DATASET>,
  task: SettledTask,
  settledMs: number,
): void {
  if (task.state === "SUCCEEDED") {
    metrics.succeeded.inc();
    metrics.lastDuration.set(task.durationSeconds);
    metrics.lastSuccess.set(settledMs / 1e3);
  } else {
    metrics.failed.inc();
    metrics.failures.inc({ reason: task.reason });
  }
  const outcome = task.state.toLowerCase();
  observe(metrics.duration, { outcome }, task.durationSeconds, task.traceId);
  for (const { reason } of task.attempts) {
    metrics.attempts.inc({ result: reason === null ? "ok" : "failed" });
  }
}

function recordPhases(metrics: Instruments<typeof SHARED>, { phases }: SettledTask): void {
  for (const [phase, seconds] of Object.entries(phases)) {
    metrics.phaseDuration.observe({ phase }, seconds);
  }
}

/** With exemplars switched on, prom-client's `observe` takes its arguments in another shape. */
function observe(
  histogram: Histogram,
  labels: Record<string, string>,
  value: number,
  traceId: string,
): void {
  const { enableExemplars } = histogram as Histogram & { enableExemplars: boolean };
  if (enableExemplars) histogram.observe({ labels, value, exemplarLabels: { trace_id: traceId } });
  else histogram.observe(labels, value);
}

function mapValues<K extends string, V, W>(
  record: Readonly<Record<K, V>>,
  change: (value: V) => W,
): Record<K, W> {
  const entries = Object.entries<V>(record).map(([key, value]) => [key, change(value)]);
  return Object.fromEntries(entries) as Record<K, W>;
}
