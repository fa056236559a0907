import { PER_DATASET, SHARED } from "../../src/prometheus/definitions.ts";
import type { Config } from "../../src/config/config.ts";
import { PHASES, type Phases, type SettledTask } from "../../src/core/task.ts";
import { REASONS } from "../../src/core/reasons.ts";
import type { Books } from "./books.ts";
import type { SimulatedTime } from "./time.ts";

/** Values by series, as {@linkcode readExposition} names them. */
export type Samples = Map<string, number>;

/** What an exposition must say. */
export class Ledger {
  readonly #datasets: Map<string, DatasetLedger>;
  readonly #phases = new Map(
    PHASES.map((phase) => {
      return [
        phase,
        new Distribution(SHARED.phaseDuration.name, { phase }, SHARED.phaseDuration.buckets),
      ];
    }),
  );
  readonly #lags = {
    probe: new Distribution(SHARED.lag.name, { loop: "probe" }, SHARED.lag.buckets),
    prune: new Distribution(SHARED.lag.name, { loop: "prune" }, SHARED.lag.buckets),
  };
  #knowsPhases = true;

  constructor(
    { datasetIds, sloLatencySeconds }: Config,
    private readonly books: Books,
    private readonly time: SimulatedTime,
  ) {
    this.#datasets = new Map(
      datasetIds.map((id) => [id, new DatasetLedger(id, sloLatencySeconds)]),
    );
  }

  created(datasetId: string): void {
    this.#of(datasetId).created++;
  }

  lag(loop: "probe" | "prune", lagMs: number): void {
    this.#lags[loop].observe(lagMs / 1e3);
  }

  settled(task: SettledTask): void {
    this.#of(task.datasetId).settled(task);
    for (const phase of PHASES) {
      const seconds = task.phases[phase];
      if (seconds !== undefined) this.#phases.get(phase)?.observe(seconds);
    }
  }

  /** The phases of a task that nobody has seen: from then on they are not compared. */
  unknownPhases(): Phases {
    this.#knowsPhases = false;
    return {};
  }

  /** What stands in an exposition of this moment; NaN for what cannot be known. */
  samples(): Samples {
    const { books, time } = this;
    const { tokens } = books;
    const samples: Samples = new Map();
    for (const dataset of this.#datasets.values()) dataset.write(samples);
    for (const phase of this.#phases.values()) phase.write(samples, this.#knowsPhases);
    for (const lag of Object.values(this.#lags)) lag.write(samples);
    samples.set('probe_tasks_tracked{state="PENDING"}', books.pending.size);
    samples.set('probe_tasks_tracked{state="SUCCEEDED"}', books.succeeded.length);
    samples.set('probe_tasks_tracked{state="FAILED"}', books.failed.length);
    samples.set("probe_tasks_in_flight", books.pending.size);
    const [oldest] = books.pending.values();
    const age = oldest ? (time.nowMs - oldest.task.createdMonotonicMs) / 1e3 : 0;
    samples.set("probe_oldest_pending_task_age_seconds", age);
    samples.set("probe_tasks_dismissed_total", books.dismissed);
    samples.set('probe_slots_skipped_total{cause="late"}', books.skipped.late);
    samples.set('probe_slots_skipped_total{cause="in_flight"}', books.skipped.in_flight);
    samples.set('probe_token_requests_total{result="ok"}', tokens.ok);
    samples.set('probe_token_requests_total{result="failed"}', tokens.failed);
    samples.set('probe_heartbeats_total{result="ok"}', books.beats.ok);
    samples.set('probe_heartbeats_total{result="failed"}', books.beats.failed);
    if (tokens.shownExpiryMs !== null) {
      samples.set("probe_token_expiry_timestamp_seconds", tokens.shownExpiryMs / 1e3);
    }
    for (const [host, endsMs] of books.certificates) {
      samples.set(`probe_tls_certificate_expiry_timestamp_seconds{host="${host}"}`, endsMs / 1e3);
    }
    return samples;
  }

  #of(datasetId: string): DatasetLedger {
    return this.#datasets.get(datasetId) as DatasetLedger;
  }
}

class DatasetLedger {
  created = 0;
  #ended = { SUCCEEDED: 0, FAILED: 0 };
  #attempts = { ok: 0, failed: 0 };
  #reasons = new Map<string, number>(REASONS.map((reason) => [reason, 0]));
  #durations: { SUCCEEDED: Distribution; FAILED: Distribution };
  #last: { seconds: number; atSeconds: number } | null = null;
  #labels: string;

  constructor(id: string, sloLatencySeconds: number) {
    this.#labels = `dataset_id="${id}"`;
    const { name, buckets } = PER_DATASET.duration;
    const bounds = [...new Set([...buckets, sloLatencySeconds])].sort((a, b) => a - b);
    this.#durations = {
      SUCCEEDED: new Distribution(name, { dataset_id: id, outcome: "succeeded" }, bounds),
      FAILED: new Distribution(name, { dataset_id: id, outcome: "failed" }, bounds),
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

/** A histogram. */
class Distribution {
  #bounds: readonly number[];
  #counts: number[];
  #names: string[];
  #sumName: string;
  #countName: string;
  #sum = 0;
  #count = 0;

  constructor(name: string, labels: { [label: string]: string }, bounds: readonly number[]) {
    const series = (suffix: string, more: { [label: string]: string }) => {
      const pairs = Object.entries({ ...labels, ...more }).sort(([a], [b]) => a < b ? -1 : 1);
      return `${name}${suffix}{${pairs.map(([label, value]) => `${label}="${value}"`).join()}}`;
    };
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
    this.#names = [...bounds.map(String), "+Inf"].map((le) => series("_bucket", { le }));
    this.#sumName = series("_sum", {});
    this.#countName = series("_count", {});
  }

  observe(value: number): void {
    const place = this.#bounds.findIndex((bound) => value <= bound);
    if (place >= 0) this.#counts[place]++;
    this.#sum += value;
    this.#count++;
  }

  write(samples: Samples, isKnown = true): void {
    let count = 0;
    this.#counts.forEach((here, i) => {
      count += here;
      samples.set(this.#names[i], isKnown ? count : NaN);
    });
    samples.set(this.#names[this.#counts.length], isKnown ? this.#count : NaN);
    samples.set(this.#sumName, isKnown ? this.#sum : NaN);
    samples.set(this.#countName, isKnown ? this.#count : NaN);
  }
}
