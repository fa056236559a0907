import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { RegistryContentType } from "prom-client";
import { type Clock, sleep } from "./clock.ts";
import { PHASES, REASONS, type SettledTask, type State } from "./task.ts";

type Definition = {
  type: "counter" | "gauge" | "histogram";
  name: string;
  help: string;
  labels: readonly string[];
  buckets?: readonly number[];
  /** Buckets carry the trace id of a recent task in OpenMetrics. */
  exemplars?: true;
};

type Catalogue = Record<string, Definition>;

/** Buckets of task durations in seconds: 5 ms to the default deadline of a minute. */
const DURATION_BUCKETS = [
  ...[0.005, 0.01, 0.025, 0.05, 0.075],
  ...[0.1, 0.25, 0.5, 0.75, 1],
  ...[2.5, 5, 7.5, 10, 30, 60],
];

/** What is counted for each dataset; all of it carries the label `dataset_id` besides these. */
const PER_DATASET = {
  created: {
    type: "counter",
    name: "probe_tasks_created_total",
    help: "Number of created tasks.",
    labels: [],
  },
  succeeded: {
    type: "counter",
    name: "probe_tasks_succeeded_total",
    help: "Number of succeeded tasks.",
    labels: [],
  },
  failed: {
    type: "counter",
    name: "probe_tasks_failed_total",
    help: "Number of failed tasks.",
    labels: [],
  },
  lastDuration: {
    type: "gauge",
    name: "probe_task_duration",
    help: "The duration of the last succeeded task, in seconds.",
    labels: [],
  },
  duration: {
    type: "histogram",
    name: "probe_task_duration_seconds",
    help: "The duration of settled tasks.",
    labels: ["outcome"],
    buckets: DURATION_BUCKETS,
    exemplars: true,
  },
  failures: {
    type: "counter",
    name: "probe_task_failures_total",
    help: "Number of failed tasks by reason.",
    labels: ["reason"],
  },
  attempts: {
    type: "counter",
    name: "probe_task_attempts_total",
    help: "Number of requests made for settled tasks.",
    labels: ["result"],
  },
  lastSuccess: {
    type: "gauge",
    name: "probe_last_success_timestamp_seconds",
    help: "When the last succeeded task was settled, seconds since the epoch.",
    labels: [],
  },
} as const satisfies Catalogue;

/** What is counted once. */
const SHARED = {
  phaseDuration: {
    type: "histogram",
    name: "probe_task_phase_duration_seconds",
    help: "Time spent in each phase of a settled task's last attempt.",
    labels: ["phase"],
    buckets: [0.0005, 0.001, 0.0025, ...DURATION_BUCKETS],
  },
  tracked: {
    type: "gauge",
    name: "probe_tasks_tracked",
    help: "Number of tasks in the backlog.",
    labels: ["state"],
  },
  inFlight: {
    type: "gauge",
    name: "probe_tasks_in_flight",
    help: "Number of tasks that are not settled yet.",
    labels: [],
  },
  oldestPending: {
    type: "gauge",
    name: "probe_oldest_pending_task_age_seconds",
    help: "Age of the oldest task in flight; 0 when there is none.",
    labels: [],
  },
  dismissed: {
    type: "counter",
    name: "probe_tasks_dismissed_total",
    help: "Number of tasks removed from the backlog.",
    labels: [],
  },
  skipped: {
    type: "counter",
    name: "probe_slots_skipped_total",
    help: "Number of slots of the schedule that got no task.",
    labels: ["cause"],
  },
  lag: {
    type: "histogram",
    name: "probe_schedule_lag_seconds",
    help: "How long after its time a slot of the schedule ran.",
    labels: ["loop"],
    buckets: [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30],
  },
  tokenRequests: {
    type: "counter",
    name: "probe_token_requests_total",
    help: "Number of requests for a token to the identity provider.",
    labels: ["result"],
  },
  tokenExpiry: {
    type: "gauge",
    name: "probe_token_expiry_timestamp_seconds",
    help: "When the current token ends, seconds since the epoch.",
    labels: [],
  },
  certificateExpiry: {
    type: "gauge",
    name: "probe_tls_certificate_expiry_timestamp_seconds",
    help: "When the certificate that a host last showed ends, seconds since the epoch.",
    labels: ["host"],
  },
  heartbeats: {
    type: "counter",
    name: "probe_heartbeats_total",
    help: "Number of heartbeats sent.",
    labels: ["result"],
  },
  buildInfo: {
    type: "gauge",
    name: "probe_build_info",
    help: "What runs: always 1.",
    labels: ["version", "deno", "target"],
  },
  cpu: {
    type: "counter",
    name: "process_cpu_seconds_total",
    help: "User and system CPU time spent.",
    labels: [],
  },
  memory: {
    type: "gauge",
    name: "process_resident_memory_bytes",
    help: "Resident memory size.",
    labels: [],
  },
  heap: {
    type: "gauge",
    name: "process_heap_bytes",
    help: "Size of the JavaScript heap in use.",
    labels: [],
  },
  startTime: {
    type: "gauge",
    name: "process_start_time_seconds",
    help: "When the process started, seconds since the epoch.",
    labels: [],
  },
} as const satisfies Catalogue;

/** Every metric of the probe, the only place with their names. All carry the label `app_id` too. */
export const CATALOGUE: Readonly<
  Record<keyof typeof PER_DATASET | keyof typeof SHARED, Definition>
> = {
  ...mapValues(PER_DATASET, (each: Definition) => ({
    ...each,
    labels: ["dataset_id", ...each.labels],
  })),
  ...SHARED,
};

/** Why a slot got no task: the loop was held up, or too many tasks were in flight. */
export const SKIP_CAUSES = ["late", "in_flight"] as const;
export type SkipCause = typeof SKIP_CAUSES[number];

/** How a request ended. */
const RESULTS = ["ok", "failed"] as const;
type Result = typeof RESULTS[number];

const LOOPS = ["probe", "prune"] as const;

type Instrument<D extends Definition> = {
  counter: Counter;
  gauge: Gauge;
  histogram: Histogram;
}[D["type"]];
type Instruments<C extends Catalogue> = { [K in keyof C]: Instrument<C[K]> };

/** Metrics of a catalogue in one format, with labels that all their samples carry. */
type Page<C extends Catalogue> = {
  registry: Registry<RegistryContentType>;
  metrics: Instruments<C>;
};

/**
 * One exposition format. The datasets have pages of their own, so that an exposition of many can be
 * rendered in pieces.
 */
type Book = {
  contentType: RegistryContentType;
  shared: Page<typeof SHARED>;
  datasets: Map<string, Page<typeof PER_DATASET>>;
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
export type Exposition = { contentType: string; body: string };

export type MetricsOptions = {
  clock: Clock;
  appId: string;
  datasetIds: readonly string[];
  build: { version: string; deno: string; target: string };
  startTimeSeconds: number;
  read: () => Readings;
};

type Format = "text" | "openmetrics";

/** How long rendering may hold the loop before it lets others run. */
const LONGEST_HOLD_MS = 2;

/**
 * Counts what happens and renders it for Prometheus. Every label set that can be known beforehand
 * is there with 0 from the start.
 *
 * Every metric is kept twice, once for each format: prom-client 15 renames a counter that is shared
 * by a text and an OpenMetrics registry. While an exposition is rendered, changes wait, so that it
 * shows one instant.
 */
export class Metrics {
  #options: MetricsOptions;
  #books: Record<Format, Book>;
  #rendering: { format: Format; body: Promise<string> } | null = null;
  #waiting: (() => void)[] = [];
  #cpuSeconds = 0;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#books = {
      text: newBook(Registry.PROMETHEUS_CONTENT_TYPE, options),
      openmetrics: newBook(Registry.OPENMETRICS_CONTENT_TYPE, options),
    };
    this.#change(({ metrics }) => startShared(metrics, options));
    for (const id of options.datasetIds) this.#changeDataset(id, startDataset);
  }

  created(datasetId: string): void {
    this.#changeDataset(datasetId, ({ created }) => created.inc());
  }

  /** Records everything about a settled task; `settledMs` is its wall-clock time. */
  settled(task: SettledTask, settledMs: number): void {
    this.#changeDataset(task.datasetId, (metrics) => recordOutcome(metrics, task, settledMs));
    this.#change(({ metrics }) => recordPhases(metrics, task));
  }

  tokenRequested(result: Result): void {
    this.#change(({ metrics }) => metrics.tokenRequests.inc({ result }));
  }

  /** `expiresMs` is on the wall clock, as everywhere here. */
  tokenExpires(expiresMs: number): void {
    this.#change(({ metrics }) => metrics.tokenExpiry.set(expiresMs / 1e3));
  }

  certificateExpires(host: string, expiresMs: number): void {
    this.#change(({ metrics }) => metrics.certificateExpiry.set({ host }, expiresMs / 1e3));
  }

  heartbeat(result: Result): void {
    this.#change(({ metrics }) => metrics.heartbeats.inc({ result }));
  }

  dismissed(count: number): void {
    this.#change(({ metrics }) => metrics.dismissed.inc(count));
  }

  skipped(cause: SkipCause, count: number): void {
    this.#change(({ metrics }) => metrics.skipped.inc({ cause }, count));
  }

  lag(loop: typeof LOOPS[number], lagMs: number): void {
    this.#change(({ metrics }) => metrics.lag.observe({ loop }, lagMs / 1e3));
  }

  /**
   * The state of one instant. Who asks while the same format is being rendered gets that one, so
   * that a flood of scrapes costs no more than one at a time.
   */
  async render(format: Format): Promise<Exposition> {
    while (this.#rendering && this.#rendering.format !== format) await this.#rendering.body;
    if (!this.#rendering) {
      this.#read();
      this.#rendering = { format, body: this.#renderNow(this.#books[format]) };
    }
    return { contentType: this.#books[format].contentType, body: await this.#rendering.body };
  }

  async #renderNow(book: Book): Promise<string> {
    try {
      return await write(book, this.#options.clock);
    } finally {
      this.#rendering = null;
      for (const change of this.#waiting.splice(0)) change();
    }
  }

  #change(change: (page: Page<typeof SHARED>) => void): void {
    this.#apply(({ shared }) => change(shared));
  }

  #changeDataset(id: string, change: (metrics: Instruments<typeof PER_DATASET>) => void): void {
    this.#apply(({ datasets }) => {
      const page = datasets.get(id);
      if (!page) throw new Error(`${id} is not a dataset of this probe`);
      change(page.metrics);
    });
  }

  #apply(change: (book: Book) => void): void {
    const both = () => Object.values(this.#books).forEach(change);
    if (this.#rendering) this.#waiting.push(both);
    else both();
  }

  #read(): void {
    const readings = this.#options.read();
    const cpuSeconds = Math.max(0, readings.cpuSeconds - this.#cpuSeconds);
    this.#cpuSeconds += cpuSeconds;
    this.#change(({ metrics: { tracked, inFlight, oldestPending, cpu, memory, heap } }) => {
      for (const [state, count] of Object.entries(readings.tracked)) tracked.set({ state }, count);
      inFlight.set(readings.tracked.PENDING);
      oldestPending.set(readings.oldestPendingAgeSeconds);
      cpu.inc(cpuSeconds);
      memory.set(readings.residentBytes);
      heap.set(readings.heapBytes);
    });
  }
}

/** The exposition of a book, written in pieces that let others run. */
async function write(book: Book, clock: Clock): Promise<string> {
  const datasets = [...book.datasets.values()];
  const blocks: string[] = [];
  let sinceMs = clock.monotonic();
  for (const key of Object.keys(CATALOGUE)) {
    const pages = key in PER_DATASET ? datasets : [book.shared];
    const lines: string[] = [];
    for (const { registry, metrics } of pages as Page<Catalogue>[]) {
      const { name } = metrics[key] as Instrument<Definition> & { name: string };
      const text = await registry.getSingleMetricAsString(name);
      // Each page's family begins with the two lines of its name and its type.
      const samples = text.split("\n").slice(2);
      lines.push(...lines.length === 0 ? [text] : samples);
      if (clock.monotonic() - sinceMs > LONGEST_HOLD_MS) {
        await sleep(clock, 0);
        sinceMs = clock.monotonic();
      }
    }
    blocks.push(lines.join("\n"));
  }
  return book.contentType === Registry.OPENMETRICS_CONTENT_TYPE
    ? `${blocks.join("\n")}\n# EOF\n`
    : `${blocks.join("\n\n")}\n`;
}

function newBook(contentType: RegistryContentType, { appId, datasetIds }: MetricsOptions): Book {
  return {
    contentType,
    shared: newPage(SHARED, contentType, { app_id: appId }),
    datasets: new Map(datasetIds.map((id) => [
      id,
      newPage(PER_DATASET, contentType, { app_id: appId, dataset_id: id }),
    ])),
  };
}

function newPage<C extends Catalogue>(
  catalogue: C,
  contentType: RegistryContentType,
  labels: Record<string, string>,
): Page<C> {
  const registry: Registry<RegistryContentType> = new Registry();
  registry.setContentType(contentType);
  registry.setDefaultLabels(labels);
  const metrics = mapValues(catalogue, (each: Definition) => define(each, registry));
  return { registry, metrics: metrics as Instruments<C> };
}

function define(
  { type, name, help, labels, buckets, exemplars }: Definition,
  registry: Registry<RegistryContentType>,
): Counter | Gauge | Histogram {
  const openMetrics = registry.contentType === Registry.OPENMETRICS_CONTENT_TYPE;
  const common = { help, labelNames: [...labels], registers: [registry] };
  switch (type) {
    case "counter":
      // OpenMetrics names the family without the suffix of its sample, which prom-client adds.
      return new Counter({ ...common, name: openMetrics ? name.replace(/_total$/, "") : name });
    case "gauge":
      return new Gauge({ ...common, name });
    case "histogram": {
      const enableExemplars = openMetrics && exemplars === true;
      return new Histogram({ ...common, name, buckets: [...buckets ?? []], enableExemplars });
    }
  }
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
