import { assert, assertEquals } from "@std/assert";
import { taskWarningsOf, warningsOf } from "../../../src/config/hints/relations.ts";
import { configOf } from "../../support/fake_runtime.ts";

const warnings = (env: Record<string, string>) => warningsOf(configOf(env));

Deno.test("warningsOf has nothing to say about the defaults, for one dataset and for 200", () => {
  assertEquals(warnings({}), []);
  const ids = Array.from({ length: 200 }, (_, i) => `dataset-${i}`).join();
  assertEquals(warnings({ DATASET_ID: ids }), []);
});

Deno.test("a one-off run is warned of what it does itself, and a run without retries of none", () => {
  const [warning, ...others] = warnings({ TASK_TIMEOUT_SECONDS: "1", DISMISS_TASK_SECONDS: "1" });
  assert(others.length > 1);
  const config = configOf({ TASK_TIMEOUT_SECONDS: "1", DISMISS_TASK_SECONDS: "1" });
  assertEquals(taskWarningsOf(config), [warning]);
  assertEquals(taskWarningsOf({ ...config, retries: 0 }), []);
});

const CASES: [env: Record<string, string>, expected: string][] = [
  [
    { TASK_TIMEOUT_SECONDS: "10" },
    "TASK_TIMEOUT_SECONDS=10 is not more than REQUEST_TIMEOUT_SECONDS=10: " +
    "an attempt that gets no response is never tried again",
  ],
  [
    { TASK_TIMEOUT_SECONDS: "5" },
    "TASK_TIMEOUT_SECONDS=5 is not more than REQUEST_TIMEOUT_SECONDS=10: " +
    "an attempt that gets no response is never tried again",
  ],
  [
    { SLO_LATENCY_SECONDS: "60" },
    "SLO_LATENCY_SECONDS=60 is not less than TASK_TIMEOUT_SECONDS=60: " +
    "no task that succeeds is ever too slow",
  ],
  [
    { DISMISS_TASK_SECONDS: "59", CLEAN_TASKS_INTERVAL_SECONDS: "1" },
    "DISMISS_TASK_SECONDS=59 is less than TASK_TIMEOUT_SECONDS=60: " +
    "a task that times out may be removed as soon as it has failed",
  ],
  [
    {
      DISMISS_TASK_SECONDS: "60",
      CLEAN_TASKS_INTERVAL_SECONDS: "1",
      TASK_INTERVAL_SECONDS: "61",
    },
    "DISMISS_TASK_SECONDS=60 is less than TASK_INTERVAL_SECONDS=61: " +
    "the last task may be removed before the next one is created",
  ],
  [
    { DISMISS_TASK_SECONDS: "299" },
    "DISMISS_TASK_SECONDS=299 is less than CLEAN_TASKS_INTERVAL_SECONDS=300: " +
    "tasks are kept for up to 599 s",
  ],
  [
    {
      DISMISS_TASK_SECONDS: "0.1",
      CLEAN_TASKS_INTERVAL_SECONDS: "0.2",
      TASK_INTERVAL_SECONDS: "0.1",
      TASK_TIMEOUT_SECONDS: "0.1",
      REQUEST_TIMEOUT_SECONDS: "0.05",
      SLO_LATENCY_SECONDS: "0.05",
    },
    "DISMISS_TASK_SECONDS=0.1 is less than CLEAN_TASKS_INTERVAL_SECONDS=0.2: " +
    "tasks are kept for up to 0.3 s",
  ],
  [
    { DATASET_ID: "a,b,c", MAX_TRACKED_TASKS: "2" },
    "MAX_TRACKED_TASKS=2 is less than the 3 datasets: some have no task to look at",
  ],
  [
    { MAX_TRACKED_TASKS: "6" },
    "MAX_TRACKED_TASKS=6 is less than the 7 tasks that may be in flight: more than that is kept, " +
    "since none of them is removed",
  ],
  [
    { DATASET_ID: "a,b,c", TASK_INTERVAL_SECONDS: "0.012", OKDATA_API_URL: "https://a.example" },
    "TASK_INTERVAL_SECONDS=0.012 with 3 datasets is 250 tasks a second over TLS: a probe can close " +
    "228 TLS connections a second, and skips the slots beyond that",
  ],
  [{ HEARTBEAT_METHOD: "get" }, "HEARTBEAT_METHOD has no effect without HEARTBEAT_URL"],
  [{ PROMETHEUS_LOCATION: "x" }, "PROMETHEUS_LOCATION has no effect without PROMETHEUS_URL"],
  [
    { PROMETHEUS_BEARER_TOKEN: "t0ken" },
    "PROMETHEUS_BEARER_TOKEN has no effect without PROMETHEUS_URL",
  ],
  [
    { PROMETHEUS_BEARER_TOKEN_FILE: "/run/token" },
    "PROMETHEUS_BEARER_TOKEN_FILE has no effect without PROMETHEUS_URL",
  ],
];

for (const [env, expected] of CASES) {
  Deno.test(`warningsOf warns of ${Object.entries(env).join("; ").replaceAll(",", "=")}`, () => {
    assertEquals(warnings(env), [expected]);
  });
}

Deno.test("warningsOf accepts values that just fit each other", () => {
  assertEquals(
    warnings({
      ...{ TASK_TIMEOUT_SECONDS: "10", SLO_LATENCY_SECONDS: "9.999" },
      REQUEST_TIMEOUT_SECONDS: "9.999",
      ...{ DISMISS_TASK_SECONDS: "300", TASK_INTERVAL_SECONDS: "300" },
      ...{ MAX_TRACKED_TASKS: "1", MAX_IN_FLIGHT_TASKS: "1000" },
      ...{ HEARTBEAT_METHOD: "POST", HEARTBEAT_URL: "http://beat.example" },
      ...{ PROMETHEUS_LOCATION: "x", PROMETHEUS_URL: "http://prometheus.example" },
    }),
    [],
  );
  const PROMETHEUS_LOCATION = "x";
  for (const name of ["PUBLIC_URL", "DASHBOARD_URL"]) {
    assertEquals(warnings({ PROMETHEUS_LOCATION, [name]: "https://a.example/{location}" }), []);
  }
});
