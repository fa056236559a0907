import { systemClock } from "../../src/core/clock.ts";
import { assert, assertEquals } from "@std/assert";
import { METRICS } from "../../src/prometheus/definitions.ts";
import { Metrics } from "../../src/prometheus/metrics.ts";
import { PHASES, settledMs, type SettledTask } from "../../src/core/task.ts";
import { REASONS } from "../../src/core/reasons.ts";
import { eventually, startLoop } from "../support/program.ts";
import { createAuthority } from "../support/certificates.ts";
import { serverWith } from "../support/server.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";
import { parse, select, valuesBySeries } from "../support/exposition.ts";
import { startPrometheus } from "./prometheus.ts";
import { renderText } from "../support/render.ts";
import {
  checkOpenMetrics,
  checkText,
  WITHOUT_PARSERS,
  WITHOUT_PROMETHEUS,
} from "../support/prometheus_tools.ts";
import { type Account, startWitness } from "./witness.ts";

const APP_ID = "0a1b2c3d";
const DATASETS = ["my-data", "other.data"];
const FORMATS = ["text", "openmetrics"] as const;
type Format = typeof FORMATS[number];

const TEXT = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";

// ------------------------------------------------------- a real Prometheus

Deno.test({
  name: "Prometheus scrapes over HTTPS with a token or a password, and not without",
  ignore: WITHOUT_PROMETHEUS,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "scrape-" });
    await using target = startWitness({ seed: 1, missingDatasets: [], retries: 0 });
    const authority = await createAuthority();
    const { cert, key } = await authority.issue("127.0.0.1");
    const files = { "ca.pem": authority.pem, "tls.crt": cert, "tls.key": key, "token": "t0ken\n" };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await using probe = await startLoop({
      env: {
        OKDATA_API_URL: target.apiUrl,
        HTTP_BEARER_TOKEN_FILE: `${folder}/token`,
        HTTP_BASIC_AUTH: "prometheus:s3cret",
        TLS_CERT_FILE: `${folder}/tls.crt`,
        TLS_KEY_FILE: `${folder}/tls.key`,
      },
    });
    const { host } = new URL(probe.url.replace("localhost", "127.0.0.1"));
    const tls = { scheme: "https", tls_config: { ca_file: `${folder}/ca.pem` } };
    const basic_auth = { username: "prometheus", password: "s3cret" };
    const jobs = Object.entries({
      bearer: { ...tls, authorization: { credentials_file: `${folder}/token` } },
      basic: { ...tls, basic_auth },
      nobody: tls,
      wrong: { ...tls, basic_auth: { ...basic_auth, password: "wrong" } },
      plain: { basic_auth },
    }).map(([name, more]) => ({ name, address: host, path: "/metrics", more }));
    await using prometheus = await startPrometheus(jobs);

    const up = await eventually("each job has tried", async () => {
      const found = await prometheus.stored("up");
      return found.length === jobs.length && found;
    });
    const last = up.map(({ metric, values }) => [metric.job, values.at(-1)?.[1]]);
    assertEquals(Object.fromEntries(last), {
      ...{ bearer: "1", basic: "1" },
      ...{ nobody: "0", wrong: "0", plain: "0" },
    });
    await Deno.remove(folder, { recursive: true });
  },
});

const MAX_IN_FLIGHT = 8;
const RETRIES = 1;
/** Nothing times out in this test, so that no task settles while the target holds its request. */
const NEVER_SECONDS = "3600";

Deno.test({
  name: "what Prometheus stored equals what the target counted",
  ignore: WITHOUT_PROMETHEUS || WITHOUT_PARSERS,
  async fn() {
    const seed = 2;
    await using target = startWitness({ seed, missingDatasets: ["gone"], retries: RETRIES });
    const faults = {
      delay_percent: 20,
      delay_max_seconds: 0.1,
      unauthorized_percent: 10,
      status: 503,
      status_percent: 20,
      reset_percent: 20,
    };
    target.setFaults(faults);
    await using probe = await startLoop({
      env: {
        DATASET_ID: "one,two,gone",
        LOCAL_SERVICES_ONLY: "true",
        OKDATA_API_URL: target.apiUrl,
        APP_ID,
        TASK_INTERVAL_SECONDS: "0.03",
        TASK_TIMEOUT_SECONDS: NEVER_SECONDS,
        REQUEST_TIMEOUT_SECONDS: NEVER_SECONDS,
        RETRIES: String(RETRIES),
        MAX_IN_FLIGHT_TASKS: String(MAX_IN_FLIGHT),
      },
    });
    await using relay = startTextRelay(probe.url);
    const address = new URL(probe.url).host;
    const jobs = [
      { name: "openmetrics", address, path: "/metrics" },
      { name: "root", address, path: "/" },
      { name: "text", address: relay.address, path: "/" },
    ];
    await using prometheus = await startPrometheus(jobs);

    for (const { name } of jobs) {
      await eventually(
        `a scrape by ${name} while the probe is at work`,
        async () => (await stored(name)).length,
      );
    }
    const created = target.created();
    target.setFaults({ ...faults, body: "html" });
    await eventually("50 tasks more", () => target.created() > created + 50);
    // From here on no request is answered. When as many wait as may be in flight, every other task
    // is settled and none can begin: the counters stand still.
    target.setFaults({ hang_percent: 100 });
    await eventually("nothing moves", () => target.open() === MAX_IN_FLIGHT);
    // Two scrapes at once may share one exposition: these wait for any that began before.
    for (const path of ["/metrics", "/"]) {
      await checkText(await exposition(probe.url + path, "text/plain"));
      await checkOpenMetrics(await exposition(probe.url + path, "application/openmetrics-text"));
    }
    const stillSinceSeconds = Date.now() / 1e3;
    const expected = target.account();

    for (const { name } of jobs) {
      const account = await eventually(
        `a scrape by ${name} of the probe that stands still`,
        async () => accountAfter(stillSinceSeconds, await stored(name)),
      );
      assertEquals(account, expected, name);
    }
    for (const reason of ["unauthorized", "server_error", "reset", "invalid_response"]) {
      assert(expected.failures[`one ${reason}`] > 0, `the faults never made a ${reason}`);
    }

    for (const { name } of jobs) {
      const scrapes = byScrape(await stored(name));
      assert(scrapes.length > 1);
      for (const scrape of scrapes) assertNothingIsLost(scrape);
      // Only OpenMetrics has exemplars: the jobs really had the formats that they asked for.
      const traceIds = await prometheus.traceIds(
        `probe_task_duration_seconds_bucket{job="${name}"}`,
      );
      assertEquals(traceIds.length > 0, name !== "text", name);
      assertEquals(new Set(traceIds).difference(target.traceIds()), new Set());
    }

    async function stored(job: string): Promise<Sample[]> {
      const series = await prometheus.stored(`{job="${job}",app_id="${APP_ID}"}`);
      return series.flatMap(({ metric: { __name__: name, ...labels }, values }) =>
        values.map(([atSeconds, value]) => ({ name, labels, atSeconds, value: Number(value) }))
      );
    }
  },
});

/** A stored sample, with the time of its scrape. */
type Sample = { name: string; labels: Record<string, string>; atSeconds: number; value: number };

/** Asks for the text format whatever the scraper would rather have. */
function startTextRelay(url: string) {
  const stop = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen() {} },
    ({ url: path }) => fetch(url + new URL(path).pathname, { headers: { accept: "text/plain" } }),
  );
  return {
    address: `127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]() {
      stop.abort();
      return server.finished;
    },
  };
}

/** The stored samples, one list for each scrape, oldest first. */
function byScrape(samples: Sample[]): Sample[][] {
  const scrapes = Map.groupBy(samples, ({ atSeconds }) => atSeconds);
  return [...scrapes].sort(([a], [b]) => a - b).map(([, scrape]) => scrape);
}

/** Prometheus moves the time of a scrape by up to 2 ms, so that its times lie evenly. */
const SHIFT_SECONDS = 0.01;

/** What the newest scrape says, in the target's words; null when it began before that moment. */
function accountAfter(seconds: number, samples: Sample[]): Account | null {
  const newest = byScrape(samples).at(-1);
  if (newest === undefined || newest[0].atSeconds <= seconds + SHIFT_SECONDS) return null;
  const tally = (name: string, ...labels: string[]) =>
    Object.fromEntries(
      newest.filter((sample) => sample.name === name && sample.value > 0)
        .map((sample) => [labels.map((label) => sample.labels[label]).join(" "), sample.value]),
    );
  return {
    created: tally("probe_tasks_created_total", "dataset_id"),
    succeeded: tally("probe_tasks_succeeded_total", "dataset_id"),
    failed: tally("probe_tasks_failed_total", "dataset_id"),
    failures: tally("probe_task_failures_total", "dataset_id", "reason"),
    attempts: tally("probe_task_attempts_total", "dataset_id", "result"),
    inFlight: sum(newest, "probe_tasks_in_flight"),
  };
}

function assertNothingIsLost(scrape: Sample[]): void {
  const settled = sum(scrape, "probe_tasks_succeeded_total") +
    sum(scrape, "probe_tasks_failed_total");
  assertEquals(
    sum(scrape, "probe_tasks_created_total"),
    settled + sum(scrape, "probe_tasks_in_flight"),
  );
  assertEquals(sum(scrape, "probe_task_duration_seconds_count"), settled);
  assertEquals(
    sum(scrape, "probe_tasks_tracked"),
    sum(scrape, "probe_tasks_created_total") - sum(scrape, "probe_tasks_dismissed_total"),
  );
}

function sum(samples: { name: string; value: number }[], name: string): number {
  return samples.filter((sample) => sample.name === name)
    .reduce((total, { value }) => total + value, 0);
}

async function exposition(url: string, accept: string): Promise<string> {
  const response = await fetch(url, { headers: { accept } });
  const body = await response.text();
  assert(response.headers.get("content-type")?.startsWith(accept));
  return body;
}

// ------------------------------------------------------------------ parsers

Deno.test({
  name: "promtool and the strict OpenMetrics parser accept every state of the metrics",
  ignore: WITHOUT_PARSERS,
  async fn() {
    for (const { metrics, state } of lifeOf(newMetrics())) {
      const [text, openMetrics] = await bodies(metrics);
      await checkText(text).catch((error) => Promise.reject(new Error(state, { cause: error })));
      assertEquals(await checkOpenMetrics(openMetrics), parse(openMetrics).samples.length, state);
    }
  },
});

Deno.test("scraped in alternation, both formats keep saying the same", async () => {
  for (const { metrics, state } of lifeOf(newMetrics())) {
    const seen = [];
    for (const format of [...FORMATS, ...FORMATS, ...FORMATS.toReversed()]) {
      seen.push(parse(await renderText(metrics, format)));
    }
    const [first, ...others] = seen.map(valuesBySeries);
    for (const other of others) assertEquals(other, first, state);
    for (const { samples } of seen) {
      for (const { type, name } of Object.values(METRICS)) {
        if (type !== "counter") continue;
        assert(name.endsWith("_total") && samples.some((sample) => sample.name === name), name);
      }
    }
  }
});

Deno.test("an exposition shows one instant, whatever happens while it is rendered", async () => {
  const metrics = newMetrics();
  let isDone = false;
  const rendering = Promise.all([...FORMATS, ...FORMATS].map((format) => scraped(metrics, format)))
    .finally(() => isDone = true);
  let tasks = 0;
  for (; !isDone; tasks++) {
    metrics.created(DATASETS[0]);
    settle(metrics, succeeded(pending({ datasetId: DATASETS[0] })));
    // Rendering pauses now and then until a timer fires, which promises alone would never let.
    await (tasks % 100 === 99 ? new Promise((resolve) => setTimeout(resolve)) : Promise.resolve());
  }

  const counted = [
    "probe_tasks_created_total",
    "probe_tasks_succeeded_total",
    "probe_task_duration_seconds_count",
    "probe_task_attempts_total",
  ];
  for (const { samples } of await rendering) {
    assertEquals(new Set(counted.map((name) => sum(samples, name))).size, 1);
  }
  for (const format of FORMATS) {
    const { samples } = await scraped(metrics, format);
    assertEquals(counted.map((name) => sum(samples, name)), counted.map(() => tasks));
  }
});

/** The states that a probe's metrics pass through, one after the other. */
function* lifeOf(metrics: Metrics): Generator<{ metrics: Metrics; state: string }> {
  yield { metrics, state: "before the first task" };
  metrics.lag("probe", 0.7);
  for (const datasetId of DATASETS) metrics.created(datasetId);
  yield { metrics, state: "with tasks in flight" };
  for (const datasetId of DATASETS) settle(metrics, succeeded(pending({ datasetId }), 0.0625));
  yield { metrics, state: "after successes" };
  for (const datasetId of DATASETS) {
    for (const reason of REASONS) {
      metrics.created(datasetId);
      settle(metrics, failed(pending({ datasetId }), reason, 61));
    }
  }
  metrics.skipped("late", 3);
  metrics.skipped("in_flight", 1);
  metrics.dismissed(5);
  metrics.lag("prune", 40_000);
  yield { metrics, state: "after failures" };
}

// ---------------------------------------------------------------- catalogue

for (const format of FORMATS) {
  Deno.test(`every family has its TYPE line from the start: ${format}`, async () => {
    const { types } = await scraped(newMetrics(), format);

    const expected = Object.values(METRICS).map(({ name, type }) => {
      const isStripped = format === "openmetrics" && type === "counter";
      return [isStripped ? name.replace(/_total$/, "") : name, type] as const;
    });
    assertEquals([...types].sort(), expected.sort());
  });

  Deno.test(`what can be known beforehand is there with 0 from the start: ${format}`, async () => {
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

  Deno.test(`the last success has no samples before it: ${format}`, async () => {
    const metrics = newMetrics();
    const names = ["probe_task_duration", "probe_last_success_timestamp_seconds"];
    for (const task of [undefined, failed(pending({ datasetId: DATASETS[0] }))]) {
      if (task) settle(metrics, task);
      const parsed = await scraped(metrics, format);
      for (const name of names) assertEquals(select(parsed, name), []);
    }

    const task = succeeded(pending({ datasetId: DATASETS[0] }), 0.25);
    settle(metrics, task);
    const parsed = await scraped(metrics, format);
    const samples = names.flatMap((name) => select(parsed, name));
    assertEquals(samples.map(({ labels }) => labels.dataset_id), [DATASETS[0], DATASETS[0]]);
    assertEquals(samples.map(({ value }) => value), [0.25, (settledMs(task) ?? 0) / 1e3]);
  });

  Deno.test(`app_id is on every series of the probe, at all times: ${format}`, async () => {
    for (const { metrics } of lifeOf(newMetrics())) {
      const { samples } = await scraped(metrics, format);
      for (const { name, labels } of samples) {
        if (name.startsWith("probe_")) assertEquals(labels.app_id, APP_ID, name);
      }
    }
  });
}

/** The label values that the contract fixes, written out so that a lost one is noticed. */
const KNOWN_VALUES: Record<string, readonly string[]> = {
  dataset_id: DATASETS,
  outcome: ["succeeded", "failed"],
  phase: ["token", "resolve", "connect", "tls", "processing", "transfer"],
  reason: (
    "timeout dns connect tls reset auth unauthorized not_found rate_limited server_error http " +
    "invalid_response internal"
  ).split(" "),
  result: ["ok", "failed"],
  state: ["PENDING", "SUCCEEDED", "FAILED"],
  cause: ["late", "in_flight"],
  loop: ["probe", "prune"],
};

/** Families whose first sample is not 0: it is 1, or comes with the first success. */
const STARTS_OTHERWISE: readonly string[] = [
  "probe_build_info",
  // Nothing is known of a token or a certificate before there is one.
  "probe_token_expiry_timestamp_seconds",
  "probe_tls_certificate_expiry_timestamp_seconds",
  "probe_task_duration",
  "probe_last_success_timestamp_seconds",
];

Deno.test("the closed lists are the contract's", () => {
  assertEquals<readonly string[]>(REASONS, KNOWN_VALUES.reason);
  assertEquals<readonly string[]>(PHASES, KNOWN_VALUES.phase);
});

function combinations(labels: readonly string[]): Record<string, string>[] {
  return labels.reduce<Record<string, string>[]>(
    (sets, label) =>
      sets.flatMap((set) => KNOWN_VALUES[label].map((value) => ({ ...set, [label]: value }))),
    [{}],
  );
}

// -------------------------------------------------------------- negotiation

const ACCEPTS: [what: string, accept: string | undefined, expected: string][] = [
  ["nothing", undefined, TEXT],
  ["curl, anything", "*/*", TEXT],
  ["plain text", "text/plain", TEXT],
  ["plain text of a version", "text/plain;version=0.0.4", TEXT],
  ["OpenMetrics", "application/openmetrics-text; version=1.0.0", OPENMETRICS],
  [
    "Prometheus 2.42",
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," +
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    OPENMETRICS,
  ],
  [
    "Prometheus 2.50 with native histograms",
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;" +
    "q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;" +
    "version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    OPENMETRICS,
  ],
  [
    "Prometheus 3",
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5," +
    "application/openmetrics-text;version=0.0.1;q=0.4," +
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
    OPENMETRICS,
  ],
  [
    "a scraper that would rather have text",
    "application/openmetrics-text;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.6,*/*;q=0.3",
    TEXT,
  ],
  ["a scraper that refuses OpenMetrics", "application/openmetrics-text;q=0,*/*", TEXT],
  ["a type that there is not", "application/xml", TEXT],
  ["no header that can be read", ";;;,q=,", TEXT],
];

for (const [what, accept, expected] of ACCEPTS) {
  for (const path of ["/metrics", "/"]) {
    Deno.test(`GET ${path} answers ${what} with ${expected.split(";")[0]}`, async () => {
      const metrics = newMetrics();
      const server = serverWith({ renderMetrics: (format) => metrics.render(format) });
      const response = await server.request(path, { headers: accept ? { accept } : {} });
      const body = await response.text();

      assertEquals([response.status, response.headers.get("content-type")], [200, expected]);
      assertEquals(response.headers.get("vary")?.toLowerCase().includes("accept"), true);
      assertEquals(body.endsWith("\n# EOF\n"), expected === OPENMETRICS);
      assertEquals(body, await renderText(metrics, expected === TEXT ? "text" : "openmetrics"));
    });
  }
}

// ------------------------------------------------------------------ helpers

function newMetrics(): Metrics {
  return new Metrics({
    clock: systemClock,
    appId: APP_ID,
    datasetIds: DATASETS,
    latencyObjectiveSeconds: 1,
    build: { version: "1.2.3", deno: "2.9.6", target: "x86_64-unknown-linux-gnu" },
    startTimeSeconds: 1_795_000_000,
    read: () => ({
      tracked: { PENDING: 0, SUCCEEDED: 0, FAILED: 0 },
      oldestPendingAgeSeconds: 0,
      cpuSeconds: 0.25,
      residentBytes: 64e6,
      heapBytes: 8e6,
    }),
  });
}

function settle(metrics: Metrics, task: SettledTask): void {
  metrics.settled(task, settledMs(task) ?? 0);
}

function bodies(metrics: Metrics): Promise<string[]> {
  return Promise.all(FORMATS.map((format) => renderText(metrics, format)));
}

async function scraped(metrics: Metrics, format: Format) {
  return parse(await renderText(metrics, format));
}
