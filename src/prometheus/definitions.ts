import { REASONS } from "../core/reasons.ts";
import { PHASES, STATES } from "../core/task.ts";
import { SKIP_CAUSES } from "../core/task_observer.ts";
import { DATASET_STATES, STATE_DEFINITIONS, STATE_NUMBERS } from "../core/verdict/states.ts";

/** How a request ended. */
export const RESULTS = ["ok", "failed"] as const;
export type Result = typeof RESULTS[number];

/** What runs on a schedule. */
export const LOOPS = ["probe", "prune"] as const;

/** The values of the labels whose values are known beforehand. Their series start at 0. */
export const LABEL_VALUES = {
  outcome: ["succeeded", "failed"],
  reason: REASONS,
  result: RESULTS,
  phase: PHASES,
  state: STATES,
  cause: SKIP_CAUSES,
  loop: LOOPS,
} as const satisfies Record<string, readonly string[]>;

/** The labels that a definition may name, besides those that are added to all. */
type Label = keyof typeof LABEL_VALUES | "host" | "version" | "deno" | "target";

/** A metric: enough to register it, to document it, and to check who names it. */
export type Definition<L extends string = string> = {
  type: "counter" | "gauge" | "histogram";
  name: string;
  help: string;
  labels: readonly L[];
  buckets?: readonly number[];
  /** In OpenMetrics each bucket carries the trace id of a recent task. */
  exemplars?: true;
};

export type Definitions = Record<string, Definition>;

/** Buckets of task durations in seconds: 5 ms to the default deadline of a minute. */
const DURATION_BUCKETS = [
  ...[0.005, 0.01, 0.025, 0.05, 0.075],
  ...[0.1, 0.25, 0.5, 0.75, 1],
  ...[2.5, 5, 7.5, 10, 30, 60],
];

/** Metrics of each dataset. The label `dataset_id` is added to them. */
export const PER_DATASET = {
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
  state: {
    type: "gauge",
    name: "probe_dataset_state",
    help: `The verdict on the dataset: ${listStates()}.`,
    labels: [],
  },
  stateSince: {
    type: "gauge",
    name: "probe_dataset_state_since_timestamp_seconds",
    help: "Since when the verdict holds, seconds since the epoch.",
    labels: [],
  },
} as const satisfies Record<string, Definition<Label>>;

/** Metrics that exist once in a probe. */
export const SHARED = {
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
    help:
      "When the first certificate of the chain that a host last showed ends, seconds since the epoch.",
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
} as const satisfies Record<string, Definition<Label>>;

/**
 * Every metric of the probe: the only place with their names. `app_id` and, where it is known,
 * `environment` are added to all.
 */
export const METRICS: Readonly<
  Record<keyof typeof PER_DATASET | keyof typeof SHARED, Definition>
> = { ...withDatasetId(PER_DATASET), ...SHARED };

function withDatasetId<D extends Definitions>(definitions: D): Record<keyof D, Definition> {
  const entries = Object.entries(definitions).map(([key, definition]) => [
    key,
    { ...definition, labels: ["dataset_id", ...definition.labels] },
  ]);
  return Object.fromEntries(entries);
}

/** The number of each state and its word, the most urgent last. */
function listStates(): string {
  return DATASET_STATES.toReversed()
    .map((state) => `${STATE_NUMBERS[state]} ${STATE_DEFINITIONS[state].word}`)
    .join(", ");
}
