import { assert, assertEquals } from "@std/assert";
import { settledMs } from "../../src/core/task.ts";
import { LABEL_VALUES, METRICS } from "../../src/prometheus/definitions.ts";
import { select } from "../support/exposition.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";
import { APP_ID, DATASETS, FORMATS, lifeOf, newMetrics, scraped } from "./sample_metrics.ts";

for (const format of FORMATS) {
  Deno.test(`every metric has its TYPE line from the start: ${format}`, async () => {
    const { types } = await scraped(newMetrics(), format);

    const expected = Object.values(METRICS).map(({ name, type }) => {
      const isStripped = format === "openmetrics" && type === "counter";
      return [isStripped ? name.replace(/_total$/, "") : name, type];
    });
    assertEquals<string[][]>([...types].sort(), expected.sort());
  });

  Deno.test(`every known label set is present with 0 from the start: ${format}`, async () => {
    const parsed = await scraped(newMetrics(), format);

    const counted = Object.values(METRICS)
      .filter(({ name }) => name.startsWith("probe_") && !STARTS_OTHERWISE.includes(name));
    for (const { name, type, labels } of counted) {
      for (const known of combinations(labels)) {
        const names = type === "histogram" ? [`${name}_count`, `${name}_sum`] : [name];
        for (const each of names) {
          const samples = select(parsed, each, known);
          assertEquals(samples.map(({ value }) => value), [0], `${each} ${JSON.stringify(known)}`);
        }
      }
    }
  });

  Deno.test(`the last success has no sample before there is one: ${format}`, async () => {
    const metrics = newMetrics();
    const names = ["probe_task_duration", "probe_last_success_timestamp_seconds"];
    for (const task of [undefined, failed(pending({ datasetId: DATASETS[0] }))]) {
      if (task) metrics.settled(task);
      const parsed = await scraped(metrics, format);
      for (const name of names) assertEquals(select(parsed, name), []);
    }

    const task = succeeded(pending({ datasetId: DATASETS[0] }), 0.25);
    metrics.settled(task);
    const parsed = await scraped(metrics, format);
    const samples = names.flatMap((name) => select(parsed, name));
    assertEquals(samples.map(({ labels }) => labels.dataset_id), [DATASETS[0], DATASETS[0]]);
    assertEquals(samples.map(({ value }) => value), [0.25, settledMs(task) / 1e3]);
  });

  Deno.test(`every series of the probe carries app_id and environment at all times: ${format}`, async () => {
    for (const { metrics } of lifeOf(newMetrics())) {
      const { samples } = await scraped(metrics, format);
      for (const { name, labels } of samples) {
        if (!name.startsWith("probe_")) continue;
        assertEquals([labels.app_id, labels.environment], [APP_ID, "dev"], name);
      }
    }
  });
}

/** The promised names, repeated here so that the loss of one fails a test. */
const PROMISED_METRICS: readonly string[] = [
  "probe_tasks_created_total",
  "probe_tasks_succeeded_total",
  "probe_tasks_failed_total",
  "probe_task_duration",
  "probe_task_duration_seconds",
  "probe_task_failures_total",
  "probe_task_attempts_total",
  "probe_last_success_timestamp_seconds",
  "probe_dataset_state",
  "probe_dataset_state_since_timestamp_seconds",
  "probe_task_phase_duration_seconds",
  "probe_tasks_tracked",
  "probe_tasks_in_flight",
  "probe_oldest_pending_task_age_seconds",
  "probe_tasks_dismissed_total",
  "probe_slots_skipped_total",
  "probe_schedule_lag_seconds",
  "probe_token_requests_total",
  "probe_token_expiry_timestamp_seconds",
  "probe_tls_certificate_expiry_timestamp_seconds",
  "probe_heartbeats_total",
  "probe_build_info",
  "process_cpu_seconds_total",
  "process_resident_memory_bytes",
  "process_heap_bytes",
  "process_start_time_seconds",
];

Deno.test("the names of the metrics are exactly the promised ones", () => {
  assertEquals(
    Object.values(METRICS).map(({ name }) => name),
    PROMISED_METRICS,
    "a new metric goes into PROMISED_METRICS of tests/prometheus/definitions_test.ts too",
  );
});

/** The promised label values, repeated here so that the loss of one fails a test. */
const KNOWN_VALUES = {
  dataset_id: DATASETS,
  outcome: ["succeeded", "failed"],
  phase: ["token", "resolve", "connect", "tls", "processing", "transfer"],
  reason: [
    "timeout",
    "dns",
    "connect",
    "tls",
    "reset",
    "auth",
    "identity_provider",
    "unauthorized",
    "not_found",
    "rate_limited",
    "server_error",
    "http",
    "invalid_response",
    "internal",
  ],
  result: ["ok", "failed"],
  state: ["PENDING", "SUCCEEDED", "FAILED"],
  cause: ["late", "in_flight"],
  loop: ["probe", "prune"],
};

/** Metrics whose first sample is not 0. */
const STARTS_OTHERWISE: readonly string[] = [
  "probe_build_info",
  // These have no sample before the first token, certificate or success.
  "probe_token_expiry_timestamp_seconds",
  "probe_tls_certificate_expiry_timestamp_seconds",
  "probe_task_duration",
  "probe_last_success_timestamp_seconds",
  "probe_dataset_state_since_timestamp_seconds",
];

Deno.test("the known values of labels are exactly the promised ones", () => {
  const { dataset_id: _, ...known } = KNOWN_VALUES;
  assertEquals<Record<string, readonly string[]>>(
    LABEL_VALUES,
    known,
    "a new value goes into KNOWN_VALUES of tests/prometheus/definitions_test.ts too",
  );
});

function valuesOf(label: string): readonly string[] {
  const known: Record<string, readonly string[]> = KNOWN_VALUES;
  const values = known[label];
  assert(values, `no known values of the label ${label}`);
  return values;
}

/** Every combination of the known values of these labels. */
function combinations(labels: readonly string[]): Record<string, string>[] {
  return labels.reduce<Record<string, string>[]>(
    (sets, label) =>
      sets.flatMap((set) => valuesOf(label).map((value) => ({ ...set, [label]: value }))),
    [{}],
  );
}
