import type { Clock } from "../core/clock.ts";
import { REASONS } from "../core/reasons.ts";
import { PHASES, settledMs, type SettledTask, type State, type Task } from "../core/task.ts";
import { SKIP_CAUSES, type SkippedSlots, type TaskObserver } from "../core/task_observer.ts";
import type { Verdict } from "../core/verdict/dataset_verdict.ts";
import { STATE_NUMBERS } from "../core/verdict/states.ts";
import { LABEL_VALUES, LOOPS, PER_DATASET, type Result, RESULTS, SHARED } from "./definitions.ts";
import {
  CONTENT_TYPES,
  createMetricSet,
  type DatasetMetrics,
  type Format,
  type Instruments,
  renderMetricSets,
  type SharedMetrics,
} from "./metric_set.ts";
import type { Histogram } from "./prom_client.ts";

/** What a scrape reads from the rest of the program when it starts. */
export type Readings = {
  tracked: Record<State, number>;
  oldestPendingAgeSeconds: number;
  /** Since the process started; a decrease is ignored. */
  cpuSeconds: number;
  residentBytes: number;
  heapBytes: number;
  /** On each dataset of the probe. */
  verdicts: Iterable<{ datasetId: string } & Pick<Verdict, "state" | "sinceMs">>;
};

/** An exposition, ready to be sent. */
export type Exposition = { contentType: string; body: Uint8Array<ArrayBuffer> };

export type MetricsOptions = {
  clock: Clock;
  appId: string;
  /** The label `environment` of every series; null for none. */
  environment: string | null;
  datasetIds: readonly string[];
  /** Added to the bucket bounds of task durations, so that the objective can be computed exactly. */
  latencyObjectiveSeconds: number;
  build: { version: string; deno: string; target: string };
  startTimeSeconds: number;
  read: () => Readings;
};

const encoder = new TextEncoder();

/**
 * Counts what happens to tasks and renders it for Prometheus. Every label set that is known at the
 * start is present with 0 from the start. Changes that arrive during rendering are applied after it,
 * so that an exposition shows one instant. All times passed in are wall-clock times.
 */
export class Metrics implements TaskObserver {
  #options: MetricsOptions;
  #shared: SharedMetrics;
  /** One set for each dataset, so that the exposition of many can be rendered in pieces. */
  #datasets: Map<string, DatasetMetrics>;
  #rendering: { format: Format; body: Promise<Exposition["body"]> } | null = null;
  #delayedChanges: (() => void)[] = [];
  #cpuSeconds = 0;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#shared = createMetricSet(SHARED, labelsOf(options));
    this.#datasets = createDatasetMetrics(options);
    initializeShared(this.#shared.metrics, options);
    for (const { metrics } of this.#datasets.values()) initializeDataset(metrics);
  }

  /** Throws when the task's dataset is not one of this probe's. */
  created({ datasetId }: Task): void {
    this.#changeDataset(datasetId, ({ created }) => created.inc());
  }

  /** Throws when the task's dataset is not one of this probe's. */
  settled(task: SettledTask): void {
    this.#changeDataset(task.datasetId, (metrics) => recordOutcome(metrics, task));
    this.#change((metrics) => recordPhases(metrics, task));
  }

  skipped({ cause, count }: SkippedSlots): void {
    this.#change((metrics) => metrics.skipped.inc({ cause }, count));
  }

  dismissed(count: number): void {
    this.#change((metrics) => metrics.dismissed.inc(count));
  }

  /** A slot of a loop ran `lagMs` after it was due. */
  slotRan(loop: typeof LOOPS[number], lagMs: number): void {
    this.#change((metrics) => metrics.lag.observe({ loop }, lagMs / 1e3));
  }

  tokenRequested(result: Result): void {
    this.#change((metrics) => metrics.tokenRequests.inc({ result }));
  }

  tokenExpires(expiresMs: number): void {
    this.#change((metrics) => metrics.tokenExpiry.set(expiresMs / 1e3));
  }

  certificateExpires(host: string, expiresMs: number): void {
    this.#change((metrics) => metrics.certificateExpiry.set({ host }, expiresMs / 1e3));
  }

  heartbeatSent(result: Result): void {
    this.#change((metrics) => metrics.heartbeats.inc({ result }));
  }

  /**
   * The exposition of one instant. Concurrent callers with the same format share one, so that a
   * flood of scrapes costs no more than one at a time. Rejects when a reading throws.
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
      const datasets = [...this.#datasets.values()];
      const text = await renderMetricSets(format, this.#shared, datasets, this.#options.clock);
      return encoder.encode(text);
    } finally {
      this.#rendering = null;
      for (const change of this.#delayedChanges.splice(0)) change();
    }
  }

  #change(change: (metrics: SharedMetrics["metrics"]) => void): void {
    this.#afterRendering(() => change(this.#shared.metrics));
  }

  #changeDataset(id: string, change: (metrics: DatasetMetrics["metrics"]) => void): void {
    const set = this.#datasets.get(id);
    if (!set) throw new Error(`expected a dataset of this probe, got ${id}`);
    this.#afterRendering(() => change(set.metrics));
  }

  #afterRendering(change: () => void): void {
    if (this.#rendering) this.#delayedChanges.push(change);
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
    for (const { datasetId, state, sinceMs } of readings.verdicts) {
      this.#changeDataset(datasetId, (metrics) => {
        metrics.state.set(STATE_NUMBERS[state]);
        metrics.stateSince.set(sinceMs / 1e3);
      });
    }
  }
}

function createDatasetMetrics(
  options: MetricsOptions,
): Map<string, DatasetMetrics> {
  const { datasetIds, latencyObjectiveSeconds } = options;
  const { duration } = PER_DATASET;
  const buckets = new Set([...duration.buckets, latencyObjectiveSeconds]);
  const definitions = {
    ...PER_DATASET,
    duration: { ...duration, buckets: [...buckets].sort((a, b) => a - b) },
  };
  return new Map(
    datasetIds.map((id) => [
      id,
      createMetricSet(definitions, { ...labelsOf(options), dataset_id: id }),
    ]),
  );
}

/** The labels that all series carry. */
function labelsOf({ appId, environment }: MetricsOptions): Record<string, string> {
  return { app_id: appId, ...environment === null ? {} : { environment } };
}

function initializeDataset(metrics: Instruments<typeof PER_DATASET>): void {
  for (const reason of REASONS) metrics.failures.inc({ reason }, 0);
  for (const result of RESULTS) metrics.attempts.inc({ result }, 0);
  for (const outcome of LABEL_VALUES.outcome) metrics.duration.zero({ outcome });
  // A 0 would claim a success in 1970 that took no time, and a state that has held since then.
  metrics.lastDuration.remove();
  metrics.lastSuccess.remove();
  metrics.stateSince.remove();
}

function initializeShared(
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
  // A 0 would claim a token that ended in 1970.
  metrics.tokenExpiry.remove();
  metrics.buildInfo.set(build, 1);
  metrics.startTime.set(startTimeSeconds);
}

function recordOutcome(metrics: Instruments<typeof PER_DATASET>, task: SettledTask): void {
  if (task.state === "SUCCEEDED") {
    metrics.succeeded.inc();
    metrics.lastDuration.set(task.durationSeconds);
    metrics.lastSuccess.set(settledMs(task) / 1e3);
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

/** prom-client's `observe` takes one object when exemplars are enabled, two arguments otherwise. */
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
