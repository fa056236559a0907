import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { RegistryContentType } from "prom-client";
import { type Phase, PHASES, type Reason, REASONS, type SettledTask, type State } from "./task.ts";

type Definition = {
  type: "counter" | "gauge" | "histogram";
  name: string;
  help: string;
  labels: readonly string[];
  buckets?: readonly number[];
  /** Buckets carry the trace id of a recent task in OpenMetrics. */
  exemplars?: true;
};

/** Buckets of task durations in seconds: 5 ms to the default deadline of a minute. */
const DURATION_BUCKETS = [
  ...[0.005, 0.01, 0.025, 0.05, 0.075],
  ...[0.1, 0.25, 0.5, 0.75, 1],
  ...[2.5, 5, 7.5, 10, 30, 60],
];

/**
 * Every metric of the probe, the only place with their names. All carry the label `app_id` too.
 */
export const CATALOGUE = {
  created: {
    type: "counter",
    name: "probe_tasks_created_total",
    help: "Number of created tasks.",
    labels: ["dataset_id"],
  },
  succeeded: {
    type: "counter",
    name: "probe_tasks_succeeded_total",
    help: "Number of succeeded tasks.",
    labels: ["dataset_id"],
  },
  failed: {
    type: "counter",
    name: "probe_tasks_failed_total",
    help: "Number of failed tasks.",
    labels: ["dataset_id"],
  },
  lastDuration: {
    type: "gauge",
    name: "probe_task_duration",
    help: "The duration of the last succeeded task, in seconds.",
    labels: ["dataset_id"],
  },
  duration: {
    type: "histogram",
    name: "probe_task_duration_seconds",
    help: "The duration of settled tasks.",
    labels: ["dataset_id", "outcome"],
    buckets: DURATION_BUCKETS,
    exemplars: true,
  },
  phaseDuration: {
    type: "histogram",
    name: "probe_task_phase_duration_seconds",
    help: "Time spent in each phase of a settled task's last attempt.",
    labels: ["phase"],
    buckets: [0.0005, 0.001, 0.0025, ...DURATION_BUCKETS],
  },
  failures: {
    type: "counter",
    name: "probe_task_failures_total",
    help: "Number of failed tasks by reason.",
    labels: ["dataset_id", "reason"],
  },
  attempts: {
    type: "counter",
    name: "probe_task_attempts_total",
    help: "Number of requests made for settled tasks.",
    labels: ["dataset_id", "result"],
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
  lastSuccess: {
    type: "gauge",
    name: "probe_last_success_timestamp_seconds",
    help: "When the last succeeded task was settled, seconds since the epoch.",
    labels: ["dataset_id"],
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
} as const satisfies Record<string, Definition>;

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
type Instruments = { [K in keyof typeof CATALOGUE]: Instrument<typeof CATALOGUE[K]> };

/** One exposition format: its registry and what is recorded into it. */
type Book = { registry: Registry<RegistryContentType>; instruments: Instruments };

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
  appId: string;
  datasetIds: readonly string[];
  build: { version: string; deno: string; target: string };
  startTimeSeconds: number;
  read: () => Readings;
};

/**
 * Counts what happens and renders it for Prometheus. Every label set that can be known beforehand
 * is there with 0 from the start.
 *
 * Every metric is kept twice, once for each format: prom-client 15 renames a counter that is shared
 * by a text and an OpenMetrics registry. While an exposition is rendered, changes wait, so that it
 * shows one instant.
 */
export class Metrics {
  #text: Book;
  #openMetrics: Book;
  #options: MetricsOptions;
  #rendering: Promise<unknown> | null = null;
  #waiting: ((instruments: Instruments) => void)[] = [];
  #cpuSeconds = 0;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#text = newBook(Registry.PROMETHEUS_CONTENT_TYPE, options.appId);
    this.#openMetrics = newBook(Registry.OPENMETRICS_CONTENT_TYPE, options.appId);
    this.#change((instruments) => startAtZero(instruments, options));
  }

  created(datasetId: string): void {
    this.#change(({ created }) => created.inc({ dataset_id: datasetId }));
  }

  /** Records everything about a settled task; `settledMs` is its wall-clock time. */
  settled(task: SettledTask, settledMs: number): void {
    this.#change((instruments) => recordSettled(instruments, task, settledMs));
  }

  tokenRequested(result: Result): void {
    this.#change(({ tokenRequests }) => tokenRequests.inc({ result }));
  }

  /** `expiresMs` is on the wall clock, as everywhere here. */
  tokenExpires(expiresMs: number): void {
    this.#change(({ tokenExpiry }) => tokenExpiry.set(expiresMs / 1e3));
  }

  certificateExpires(host: string, expiresMs: number): void {
    this.#change(({ certificateExpiry }) => certificateExpiry.set({ host }, expiresMs / 1e3));
  }

  heartbeat(result: Result): void {
    this.#change(({ heartbeats }) => heartbeats.inc({ result }));
  }

  dismissed(count: number): void {
    this.#change(({ dismissed }) => dismissed.inc(count));
  }

  skipped(cause: SkipCause, count: number): void {
    this.#change(({ skipped }) => skipped.inc({ cause }, count));
  }

  lag(loop: typeof LOOPS[number], lagMs: number): void {
    this.#change(({ lag }) => lag.observe({ loop }, lagMs / 1e3));
  }

  /** The state of one instant, as text 0.0.4 or as OpenMetrics 1.0. */
  async render(format: "text" | "openmetrics"): Promise<Exposition> {
    while (this.#rendering) await this.#rendering;
    const { registry } = format === "text" ? this.#text : this.#openMetrics;
    this.#read();
    const rendering = registry.metrics();
    this.#rendering = rendering;
    try {
      return { contentType: registry.contentType, body: await rendering };
    } finally {
      this.#rendering = null;
      for (const change of this.#waiting.splice(0)) this.#change(change);
    }
  }

  #change(change: (instruments: Instruments) => void): void {
    if (this.#rendering) {
      this.#waiting.push(change);
      return;
    }
    change(this.#text.instruments);
    change(this.#openMetrics.instruments);
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

function newBook(contentType: RegistryContentType, appId: string): Book {
  const registry: Registry<RegistryContentType> = new Registry();
  registry.setContentType(contentType);
  registry.setDefaultLabels({ app_id: appId });
  const instruments = Object.fromEntries(
    Object.entries(CATALOGUE).map(([key, each]) => [key, define(each, registry)]),
  );
  return { registry, instruments: instruments as Instruments };
}

function define(
  { type, name, help, labels, buckets, exemplars }: Definition,
  registry: Registry<RegistryContentType>,
): Counter | Gauge | Histogram {
  const common = { help, labelNames: [...labels], registers: [registry] };
  switch (type) {
    case "counter":
      return new Counter({ ...common, name });
    case "gauge":
      return new Gauge({ ...common, name });
    case "histogram": {
      const openMetrics = registry.contentType === Registry.OPENMETRICS_CONTENT_TYPE;
      const enableExemplars = openMetrics && exemplars === true;
      return new Histogram({ ...common, name, buckets: [...buckets ?? []], enableExemplars });
    }
  }
}

function startAtZero(instruments: Instruments, options: MetricsOptions): void {
  for (const dataset_id of options.datasetIds) {
    instruments.created.inc({ dataset_id }, 0);
    instruments.succeeded.inc({ dataset_id }, 0);
    instruments.failed.inc({ dataset_id }, 0);
    for (const reason of REASONS) instruments.failures.inc({ dataset_id, reason }, 0);
    for (const result of RESULTS) instruments.attempts.inc({ dataset_id, result }, 0);
    for (const outcome of ["succeeded", "failed"]) {
      instruments.duration.zero({ dataset_id, outcome });
    }
  }
  for (const phase of PHASES) instruments.phaseDuration.zero({ phase });
  for (const cause of SKIP_CAUSES) instruments.skipped.inc({ cause }, 0);
  for (const loop of LOOPS) instruments.lag.zero({ loop });
  for (const result of RESULTS) {
    instruments.tokenRequests.inc({ result }, 0);
    instruments.heartbeats.inc({ result }, 0);
  }
  // No token is not a token that ended in 1970.
  instruments.tokenExpiry.remove();
  instruments.buildInfo.set(options.build, 1);
  instruments.startTime.set(options.startTimeSeconds);
}

function recordSettled(instruments: Instruments, task: SettledTask, settledMs: number): void {
  const dataset_id = task.datasetId;
  const succeeded = task.state === "SUCCEEDED";
  if (succeeded) {
    instruments.succeeded.inc({ dataset_id });
    instruments.lastDuration.set({ dataset_id }, task.durationSeconds);
    instruments.lastSuccess.set({ dataset_id }, settledMs / 1e3);
  } else {
    instruments.failed.inc({ dataset_id });
    instruments.failures.inc({ dataset_id, reason: task.reason satisfies Reason });
  }
  observe(
    instruments.duration,
    { dataset_id, outcome: succeeded ? "succeeded" : "failed" },
    task.durationSeconds,
    task.traceId,
  );
  for (const { reason } of task.attempts) {
    instruments.attempts.inc({ dataset_id, result: reason === null ? "ok" : "failed" });
  }
  for (const [phase, seconds] of Object.entries(task.phases)) {
    instruments.phaseDuration.observe({ phase: phase as Phase }, seconds);
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
