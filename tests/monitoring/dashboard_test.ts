import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { HttpServer } from "../../local/http_server/http_server.ts";
import type { taskToJson } from "../../src/core/task_json.ts";
import { STATE_NUMBERS } from "../../src/core/verdict/states.ts";
import { METRICS } from "../../src/prometheus/definitions.ts";
import { fastSuccesses } from "../../src/prometheus/slo.ts";
import type { StatusDocument } from "../../src/server/status_document.ts";
import { startServer } from "./prometheus.ts";
import { at } from "../support/at.ts";
import { eventually, startLoop, test } from "../support/program.ts";
import { WITHOUT_PROMETHEUS } from "../support/prometheus_tools.ts";
import { startEmulator } from "../support/targets.ts";
import { type Grafana, OBJECTIVES, reader, type Row } from "../prometheus/dashboard/grafana.ts";

/** The number of the dashboard for no state at all. */
const NO_PROBE = 6;
const { working: WORKING, unsteady: UNSTEADY, failing: FAILING } = STATE_NUMBERS;

const SCRAPE_INTERVAL = "200ms";

const MAX_IN_FLIGHT = 6;

/** Queries that must have no result at the end of the test. */
const EMPTY_AT_THE_END = {
  "Failed by reason, total A":
    "nothing has failed since the last start; the test looks at it before",
  "Certificates end in A": "the emulator speaks plain HTTP",
};

/** By far longer than the slow responses here. */
const LONGER_THAN_SLOW_MS = 3_000;

test("the dashboard shows the figures of a real probe that Prometheus scrapes", async () => {
  const startedMs = Date.now();
  await using emulator = startEmulator({ seed: 3, requireToken: true });
  const env = {
    DATASET_ID: "one,two",
    OKDATA_API_URL: `${emulator.url}/metadata/datasets`,
    OKDATA_TOKEN_URL: `${emulator.url}/auth/realms/api-catalog/protocol/openid-connect/token`,
    OKDATA_CLIENT_ID: "local-client",
    OKDATA_CLIENT_SECRET: "local-secret",
    HEARTBEAT_URL: `${emulator.url}/heartbeat`,
    OKDATA_ENVIRONMENT: "prod",
    APP_ID: "first",
    TASK_INTERVAL_SECONDS: "0.1",
    RETRIES: "1",
    SLO_LATENCY_SECONDS: String(OBJECTIVES.latencySeconds),
    // Nothing times out, so that no task settles while the emulator holds its request.
    TASK_TIMEOUT_SECONDS: "3600",
    REQUEST_TIMEOUT_SECONDS: "3600",
    MAX_IN_FLIGHT_TASKS: String(MAX_IN_FLIGHT),
  };
  await using first = await startLoop({ env });
  await using prometheus = await startScraping(new URL(first.url).host);
  const grafana = reader(prometheus.url, startedMs / 1e3);
  const state = async () => await grafana.value("State");
  const stateIs = (wanted: number) =>
    eventually(`state ${wanted}`, async () => await state() === wanted, 20_000);
  const bothAre = (wanted: number) =>
    eventually(`both datasets ${wanted}`, async () => {
      const states = (await grafana.rows("Datasets")).map(({ value }) => value);
      return String(states) === String([wanted, wanted]);
    });
  // It takes two scrapes with a success between them.
  const durationsOfBoth = () =>
    eventually("durations of both", async () => {
      const last = await grafana.rows("Last");
      return String(last.map(({ metric }) => metric.dataset_id)) === "one,two";
    });

  await stateIs(WORKING);
  await bothAre(WORKING);
  await durationsOfBoth();
  const incidentsAre = (wanted: number) =>
    eventually(
      `${wanted} incidents`,
      async () => String(await grafana.values("Incidents")) === String(wanted),
    );
  await incidentsAre(0);
  assertEquals(await grafana.values("Probes"), [1, 0]);
  assertEquals(await grafana.values("Probes", { environment: "dev" }), [0], "it is in prod");
  assertEquals(await grafana.values("Failed by reason, total"), []);

  await put(emulator, { status: 500 });
  await stateIs(FAILING);
  await bothAre(FAILING);
  await eventually(
    "the duration of the last success is outdated",
    async () => (await grafana.values("Last")).length === 0,
  );
  const successes = (await tasksOf(first)).filter((task) => task.state === "SUCCEEDED");
  const lastMs = ["one", "two"].map((id) =>
    Math.max(
      ...successes.map((task) => task.dataset_id === id ? Date.parse(task.settled ?? "") : 0),
    )
  );
  const lastSuccess = (Date.now() - Math.min(...lastMs)) / 1e3;
  assertAlmostEquals(await grafana.value("Last success"), lastSuccess, 2);
  const since = (await statusOf(first)).datasets.map(({ since }) => Date.parse(since));
  assertEquals(await grafana.value("Since"), Math.min(...since));
  const inTable = (await grafana.values("Datasets")).slice(2, 4);
  assertEquals(inTable.toSorted(), since.toSorted());
  await incidentsAre(2);

  await put(emulator, { body: "broken_json" });
  await eventually(
    "the other reason",
    async () =>
      (await grafana.rows("Failed by reason, total")).some(({ metric, value }) =>
        metric.reason === "invalid_response" && value >= 5
      ),
  );
  assertEquals(await state(), FAILING);

  await put(emulator, { status: 500, status_percent: 60 });
  await stateIs(UNSTEADY);
  await put(emulator, { fixed_delay_seconds: OBJECTIVES.latencySeconds + 0.05 });
  const [newest] = await tasksOf(first);
  await eventually("slow successes", async () => await grafana.value("Fast successes") < 1);
  await eventually("no task is tried again", async () => {
    return (await pendingOf(first)).every(({ seqno }) => seqno > (newest?.seqno ?? 0));
  });

  // No request gets a response: once MAX_IN_FLIGHT tasks wait for one, the counters stand still.
  await put(emulator, { hang_percent: 100 });
  await eventually("no task is settled any more", async () => {
    const pending = await pendingOf(first);
    const newestMs = Math.max(...pending.map(({ created }) => Date.parse(created)));
    // A task that began before that has had its response by now.
    return pending.length === MAX_IN_FLIGHT && newestMs < Date.now() - LONGER_THAN_SLOW_MS;
  });
  const stillFromMs = Date.now();
  await eventually(
    "Prometheus has the last figures",
    async () => await grafana.raw(`timestamp(${METRICS.inFlight.name})`) * 1e3 > stillFromMs,
  );
  await assertSameFigures(first, emulator, grafana);

  first.kill("SIGKILL");
  await stateIs(NO_PROBE);
  assertEquals(await grafana.values("Probes"), [0, 1]);
  await put(emulator, {});
  const { port } = new URL(first.url);
  await using _second = await startLoop({ env: { ...env, APP_ID: "second", PORT: port } });
  await stateIs(WORKING);
  await durationsOfBoth();
  assertEquals(await grafana.values("Probes"), [1, 0]);

  await assertRestartIsSeen(grafana);
  const silent = await grafana.silent();
  assertEquals(silent.sort(), Object.keys(EMPTY_AT_THE_END).sort());
}, { ignore: WITHOUT_PROMETHEUS });

/** While the counters stand still, dashboard, probe and emulator have the same figures. */
async function assertSameFigures(probe: { url: string }, emulator: HttpServer, grafana: Grafana) {
  const tasks = await tasksOf(probe);
  const settled = tasks.filter(({ state }) => state !== "PENDING");
  const failed = settled.filter(({ state }) => state === "FAILED");
  const succeeded = settled.length - failed.length;

  const totals = ["Created, total", "Succeeded, total", "Failed, total"];
  assertEquals(
    await grafana.value("Created, total", { dataset_id: "one" }),
    tasks.filter((task) => task.dataset_id === "one").length,
  );
  assertEquals(
    (await Promise.all(totals.map((title) => grafana.values(title)))).flat(),
    [tasks.length, succeeded, failed.length],
  );
  assertEquals(tasks.length - settled.length, MAX_IN_FLIGHT);

  const reasons = Object.groupBy(failed, ({ reason }) => reason ?? "none");
  assert(reasons.server_error && reasons.invalid_response);
  assertEquals(
    byLabel(await grafana.rows("Failed by reason, total"), "reason"),
    Object.fromEntries(Object.entries(reasons).map(([reason, { length }]) => [reason, length])),
  );

  const attempts = settled.flatMap(({ attempts }) => attempts);
  assert(attempts.length > settled.length, "nothing was tried again");
  const { by_status, requests } = emulator.counts();
  for (const status of [200, 500]) {
    assertEquals(attempts.filter((each) => each.status === status).length, by_status[status]);
  }
  assertEquals(requests, attempts.length + MAX_IN_FLIGHT);

  // An increase misses the tasks before the first scrape.
  const unseen = await grafana.raw(atFirstScrape("succeeded"));
  assertEquals(await grafana.raw(atFirstScrape("failed")), 0);
  const expected = (succeeded - unseen) / (settled.length - unseen);
  assertAlmostEquals(await grafana.value("Success ratio"), expected, 0.02);
  const left = await grafana.value("Error budget left, 30 days");
  assertAlmostEquals(left, 1 - (1 - expected) / (1 - OBJECTIVES.availability), 0.2);

  const seconds = settled.filter(({ state }) => state === "SUCCEEDED")
    .map(({ duration_seconds }) => duration_seconds ?? NaN);
  const isFast = (each: number) => each <= OBJECTIVES.latencySeconds;
  assert(seconds.some((each) => !isFast(each)));
  const unseenFast = await grafana.raw(
    `sum(min_over_time(${fastSuccesses(OBJECTIVES)}[$__range]))`,
  );
  const fast = (seconds.filter(isFast).length - unseenFast) / (succeeded - unseen);
  assertAlmostEquals(await grafana.value("Fast successes"), fast, 0.02);
  const mean = await grafana.value("Average");
  assert(mean >= Math.min(...seconds) && mean <= Math.max(...seconds));
  const bounds = [...METRICS.duration.buckets ?? [], OBJECTIVES.latencySeconds].sort((a, b) =>
    a - b
  );
  const max = await grafana.value("Max, at most");
  const slowestBound = bounds.find((bound) => bound >= Math.max(...seconds)) ?? Infinity;
  assert(bounds.includes(max) && max <= slowestBound, `${max} above ${slowestBound}`);
}

/** How many there were at the first scrape. */
function atFirstScrape(key: "succeeded" | "failed"): string {
  return `sum(min_over_time(${METRICS[key].name}[$__range]))`;
}

/** The range shows both runs of the probe, each with its start, and one build. */
async function assertRestartIsSeen(grafana: Grafana) {
  assertEquals(await grafana.choices(), {
    job: ["probe"],
    environment: ["prod"],
    location: ["here"],
    app_id: ["first", "second"],
    dataset_id: ["one", "two"],
  });
  // A range has one point each second.
  const { starts, builds } = await eventually("both starts", async () => {
    const { Starts: starts = [], Builds: builds = [] } = await grafana.annotations();
    return starts.length > 1 && { starts, builds };
  });
  assertEquals(starts.map(({ metric }) => metric.app_id), ["first", "second"]);
  for (const { metric, value } of starts) {
    const started = await grafana.raw(
      `last_over_time(${METRICS.startTime.name}{app_id="${metric.app_id}"}[$__range])`,
    );
    assertEquals(value, started * 1e3);
  }
  const { deno, target, version = "" } = at(builds, 0).metric;
  assertEquals([builds.length, deno, target, /\d/.test(version)], [
    1,
    Deno.version.deno,
    Deno.build.target,
    true,
  ]);
}

async function startScraping(address: string) {
  const folder = await Deno.makeTempDir({ prefix: "dashboard-" });
  const remove = () => Deno.remove(folder, { recursive: true });
  try {
    const configuration = {
      global: { scrape_interval: SCRAPE_INTERVAL, scrape_timeout: SCRAPE_INTERVAL },
      scrape_configs: [{
        job_name: "probe",
        static_configs: [{ targets: [address], labels: { location: "here" } }],
      }],
    };
    // JSON is YAML.
    await Deno.writeTextFile(`${folder}/prometheus.json`, JSON.stringify(configuration));
    const { url, stop } = await startServer("prometheus", [
      `--config.file=${folder}/prometheus.json`,
      `--storage.tsdb.path=${folder}/data`,
    ]);
    return { url, [Symbol.asyncDispose]: () => stop().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function put({ url }: { url: string }, faults: Record<string, unknown>): Promise<void> {
  const response = await fetch(`${url}/faults`, { method: "PUT", body: JSON.stringify(faults) });
  assertEquals(response.status, 200, await response.text());
}

async function tasksOf({ url }: { url: string }): Promise<ReturnType<typeof taskToJson>[]> {
  const { tasks, next } = await (await fetch(`${url}/tasks?limit=1000`)).json();
  assertEquals(next, null);
  return tasks;
}

async function pendingOf(probe: { url: string }) {
  return (await tasksOf(probe)).filter(({ state }) => state === "PENDING");
}

async function statusOf({ url }: { url: string }): Promise<StatusDocument> {
  return await (await fetch(`${url}/status`)).json();
}

function byLabel(rows: Row[], label: string): Record<string, number> {
  return Object.fromEntries(rows.map(({ metric, value }) => [metric[label] ?? "", value]));
}
