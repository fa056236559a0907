import { PER_DATASET, SHARED } from "../../../src/prometheus/definitions.ts";
import type { Config } from "../../../src/config/config.ts";
import { PHASES, type Phases, type SettledTask } from "../../../src/core/task.ts";
import { REASONS } from "../../../src/core/reasons.ts";
import type { Samples } from "../readers/exposition.ts";
import type { Invariants } from "./invariants.ts";
import type { SimulatedTime } from "../world/time.ts";

/** The samples that `/metrics` must show. */
export class ExpectedMetrics {
  /** Ends of certificates on the wall clock, by host. */
  readonly certificates = new Map<string, number>();
  readonly #datasets: Map<string, DatasetMetrics>;
  readonly #phases = new Map(
    PHASES.map((phase) => {
      return [
        phase,
        new Histogram(SHARED.phaseDuration.name, { phase }, SHARED.phaseDuration.buckets),
      ];
    }),
  );
  readonly #lags = {
    probe: new Histogram(SHARED.lag.name, { loop: "probe" }, SHARED.lag.buckets),
    prune: new Histogram(SHARED.lag.name, { loop: "prune" }, SHARED.lag.buckets),
  };
  #knowsPhases = true;

  constructor(
    { datasetIds, sloLatencySeconds }: Config,
    private readonly time: SimulatedTime,
    private readonly expected: Pick<Invariants, "ledger" | "tokens" | "heartbeats" | "verdicts">,
  ) {
    this.#datasets = new Map(
      datasetIds.map((id) => [id, new DatasetMetrics(id, sloLatencySeconds)]),
    );
  }

  created(datasetId: string): void {
    this.#of(datasetId).created++;
  }

  slotRan(loop: "probe" | "prune", lagMs: number): void {
    this.#lags[loop].observe(lagMs / 1e3);
  }

  settled(task: SettledTask): void {
    this.#of(task.datasetId).settled(task);
    for (const phase of PHASES) {
      const seconds = task.phases[phase];
      if (seconds !== undefined) this.#phases.get(phase)?.observe(seconds);
    }
  }

  /** The phases of a task that could not be read: from now on phases are not compared. */
  unknownPhases(): Phases {
    this.#knowsPhases = false;
    return {};
  }

  /** The samples at this moment; NaN where a value cannot be known. */
  samples(): Samples {
    const { ledger, tokens, heartbeats, verdicts } = this.expected;
    const samples: Samples = new Map();
    verdicts.write(samples);
    for (const dataset of this.#datasets.values()) dataset.write(samples);
    for (const phase of this.#phases.values()) phase.write(samples, this.#knowsPhases);
    for (const lag of Object.values(this.#lags)) lag.write(samples);
    samples.set('probe_tasks_tracked{state="PENDING"}', ledger.pending.size);
    samples.set('probe_tasks_tracked{state="SUCCEEDED"}', ledger.succeeded.length);
    samples.set('probe_tasks_tracked{state="FAILED"}', ledger.failed.length);
    samples.set("probe_tasks_in_flight", ledger.pending.size);
    const [oldest] = ledger.pending.values();
    const age = oldest ? (this.time.nowMs - oldest.task.createdMonotonicMs) / 1e3 : 0;
    samples.set("probe_oldest_pending_task_age_seconds", age);
    samples.set("probe_tasks_dismissed_total", ledger.dismissed);
    samples.set('probe_slots_skipped_total{cause="late"}', ledger.skipped.late);
    samples.set('probe_slots_skipped_total{cause="in_flight"}', ledger.skipped.in_flight);
    samples.set('probe_token_requests_total{result="ok"}', tokens.ok);
    samples.set('probe_token_requests_total{result="failed"}', tokens.failed);
    samples.set('probe_heartbeats_total{result="ok"}', heartbeats.sent.ok);
    samples.set('probe_heartbeats_total{result="failed"}', heartbeats.sent.failed);
    if (tokens.expiryMs !== null) {
      samples.set("probe_token_expiry_timestamp_seconds", tokens.expiryMs / 1e3);
    }
    for (const [host, endsMs] of this.certificates) {
      samples.set(`probe_tls_certificate_expiry_timestamp_seconds{host="${host}"}`, endsMs / 1e3);
    }
    return samples;
  }

  #of(datasetId: string): DatasetMetrics {
    const dataset = this.#datasets.get(datasetId);
    if (!dataset) throw new Error(`${datasetId} is not a dataset of the configuration`);
    return dataset;
  }
}

class DatasetMetrics {
  created = 0;
  #ended = { SUCCEEDED: 0, FAILED: 0 };
  #attempts = { ok: 0, failed: 0 };
  #reasons = new Map<string, number>(REASONS.map((reason) => [reason, 0]));
  #durations: { SUCCEEDED: Histogram; FAILED: Histogram };
  #last: { seconds: number; atSeconds: number } | null = null;
  #labels: string;

  constructor(id: string, sloLatencySeconds: number) {
    this.#labels = `dataset_id="${id}"`;
    const { name, buckets } = PER_DATASET.duration;
    const bounds = [...new Set([...buckets, sloLatencySeconds])].sort((a, b) => a - b);
    this.#durations = {
      SUCCEEDED: new Histogram(name, { dataset_id: id, outcome: "succeeded" }, bounds),
      FAILED: new Histogram(name, { dataset_id: id, outcome: "failed" }, bounds),
    };
  }

  settled(task: SettledTask): void {
    const { durationSeconds, state } = task;
    this.#ended[state]++;
    this.#durations[state].observe(durationSeconds);
    for (const { reason } of task.attempts) this.#attempts[reason === null ? "ok" : "failed"]++;
    if (task.state === "FAILED") {
      this.#reasons.set(task.reason, (this.#reasons.get(task.reason) ?? 0) + 1);
    } else {
      this.#last = { seconds: durationSeconds, atSeconds: task.createdMs / 1e3 + durationSeconds };
    }
  }

  write(samples: Samples): void {
    const labels = this.#labels;
    samples.set(`probe_tasks_created_total{${labels}}`, this.created);
    samples.set(`probe_tasks_succeeded_total{${labels}}`, this.#ended.SUCCEEDED);
    samples.set(`probe_tasks_failed_total{${labels}}`, this.#ended.FAILED);
    for (const [reason, count] of this.#reasons) {
      samples.set(`probe_task_failures_total{${labels},reason="${reason}"}`, count);
    }
    samples.set(`probe_task_attempts_total{${labels},result="ok"}`, this.#attempts.ok);
    samples.set(`probe_task_attempts_total{${labels},result="failed"}`, this.#attempts.failed);
    for (const distribution of Object.values(this.#durations)) distribution.write(samples);
    if (this.#last === null) return;
    samples.set(`probe_task_duration{${labels}}`, this.#last.seconds);
    samples.set(`probe_last_success_timestamp_seconds{${labels}}`, this.#last.atSeconds);
  }
}

/** A histogram as it stands in an exposition. */
class Histogram {
  /** Each with how many values lie between its bound and the one before. */
  #buckets: { bound: number; series: string; count: number }[];
  #sumSeries: string;
  #countSeries: string;
  #sum = 0;
  #count = 0;

  constructor(name: string, labels: { [label: string]: string }, bounds: readonly number[]) {
    const seriesOf = (suffix: string, more: { [label: string]: string } = {}) => {
      const pairs = Object.entries({ ...labels, ...more }).sort(([a], [b]) => a < b ? -1 : 1);
      return `${name}${suffix}{${pairs.map(([label, value]) => `${label}="${value}"`).join()}}`;
    };
    this.#buckets = [...bounds, Infinity].map((bound) => {
      const le = bound === Infinity ? "+Inf" : String(bound);
      return { bound, series: seriesOf("_bucket", { le }), count: 0 };
    });
    this.#sumSeries = seriesOf("_sum");
    this.#countSeries = seriesOf("_count");
  }

  observe(value: number): void {
    const bucket = this.#buckets.find(({ bound }) => value <= bound);
    if (bucket) bucket.count++;
    this.#sum += value;
    this.#count++;
  }

  write(samples: Samples, isKnown = true): void {
    let total = 0;
    for (const { series, count } of this.#buckets) {
      total += count;
      samples.set(series, isKnown ? total : NaN);
    }
    samples.set(this.#sumSeries, isKnown ? this.#sum : NaN);
    samples.set(this.#countSeries, isKnown ? this.#count : NaN);
  }
}
