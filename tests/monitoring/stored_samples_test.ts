import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually, startLoop } from "../support/program.ts";
import {
  checkOpenMetrics,
  checkText,
  WITHOUT_PARSERS,
  WITHOUT_PROMETHEUS,
} from "../support/prometheus_tools.ts";
import { sum } from "../support/exposition.ts";
import { startCountingTarget, type TaskCounts } from "./counting_target.ts";
import { startPrometheus } from "./prometheus.ts";

const APP_ID = "0a1b2c3d";
const MAX_IN_FLIGHT = 8;
const RETRIES = 1;
/** What the faults cause. */
const REASONS = ["unauthorized", "server_error", "reset", "invalid_response"];
/** Prevents that a task settles while the target holds its request. */
const NEVER_SECONDS = "3600";

Deno.test({
  name: "Prometheus stores exactly the tasks that the target counted",
  ignore: WITHOUT_PROMETHEUS || WITHOUT_PARSERS,
  async fn() {
    await using target = startCountingTarget({
      seed: 2,
      missingDatasets: ["gone"],
      retries: RETRIES,
    });
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
    await using tap = startTap(Number(new URL(probe.url).port));
    const address = new URL(probe.url).host;
    const jobs = [
      { name: "openmetrics", address: tap.address, path: "/metrics" },
      { name: "root", address, path: "/" },
      { name: "text", address: relay.address, path: "/" },
    ];
    await using prometheus = await startPrometheus(jobs);

    for (const { name } of jobs) {
      await eventually(
        `a scrape by ${name} of the probe at work`,
        async () => (await stored(name)).length,
      );
    }
    const created = target.created();
    target.setFaults({ ...faults, body: "html" });
    await eventually("50 tasks more", () => target.created() > created + 50);
    await eventually("each reason has come up", () => {
      const { failures } = target.counts();
      return REASONS.every((reason) => (failures[`one ${reason}`] ?? 0) > 0);
    });
    // From here on no request gets a response. Once MAX_IN_FLIGHT tasks wait, every other task is
    // settled and none can be created: the counters stand still.
    target.setFaults({ hang_percent: 100 });
    await eventually("the counters stand still", () => target.open() === MAX_IN_FLIGHT);
    // Concurrent scrapes share one exposition: these wait for any that began before.
    for (const path of ["/metrics", "/"]) {
      await checkText(await exposition(probe.url + path, "text/plain"));
      await checkOpenMetrics(await exposition(probe.url + path, "application/openmetrics-text"));
    }
    const stillSinceSeconds = Date.now() / 1e3;
    const expected = target.counts();

    for (const { name } of jobs) {
      const counts = await eventually(
        `a scrape by ${name} of the probe at rest`,
        async () => countsAfter(stillSinceSeconds, await stored(name)),
      );
      assertEquals(counts, expected, name);
    }

    assert(tap.heads.length > 1);
    for (const head of tap.heads) assertMatch(head, /^content-encoding: gzip\r?$/im);

    for (const { name } of jobs) {
      const scrapes = byScrape(await stored(name));
      assert(scrapes.length > 1);
      for (const scrape of scrapes) assertTasksAddUp(scrape);
      // Only OpenMetrics has exemplars: they prove that each job got the format that it accepts.
      const traceIds = await prometheus.traceIds(
        `probe_task_duration_seconds_bucket{job="${name}"}`,
      );
      assertEquals(traceIds.length > 0, name !== "text", name);
      assertEquals(new Set(traceIds).difference(target.traceIds()), new Set());
    }

    async function stored(job: string): Promise<Sample[]> {
      const series = await prometheus.stored(`{job="${job}",app_id="${APP_ID}"}`);
      return series.flatMap(({ metric: { __name__: name = "", ...labels }, values }) =>
        values.map(([atSeconds, value]) => ({ name, labels, atSeconds, value: Number(value) }))
      );
    }
  },
});

/** A stored sample, with the time of its scrape. */
type Sample = { name: string; labels: Record<string, string>; atSeconds: number; value: number };

/** Forwards scrapes, but asks for the text format whatever the scraper accepts. */
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

/** Passes connections on to a port, and keeps the heads of the responses. */
function startTap(port: number) {
  const heads: string[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const passing: Promise<unknown>[] = [];
  const accepting = (async () => {
    for await (const client of listener) {
      const probe = await Deno.connect({ port });
      const keepHead = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          const [head = ""] = new TextDecoder("latin1").decode(chunk).split("\r\n\r\n");
          if (head.startsWith("HTTP/")) heads.push(head);
          controller.enqueue(chunk);
        },
      });
      passing.push(
        client.readable.pipeTo(probe.writable).catch(() => {}),
        probe.readable.pipeThrough(keepHead).pipeTo(client.writable).catch(() => {}),
      );
    }
  })();
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    heads,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(passing);
    },
  };
}

/** The stored samples, one list for each scrape, oldest first. */
function byScrape(samples: Sample[]): Sample[][] {
  const scrapes = Map.groupBy(samples, ({ atSeconds }) => atSeconds);
  return [...scrapes].sort(([a], [b]) => a - b).map(([, scrape]) => scrape);
}

/** Prometheus moves the time of a scrape by up to 2 ms to space scrapes evenly. */
const SHIFT_SECONDS = 0.01;

/** What the newest scrape counts; null when it began before `seconds`. */
function countsAfter(seconds: number, samples: Sample[]): TaskCounts | null {
  const newest = byScrape(samples).at(-1);
  const [sample] = newest ?? [];
  if (!newest || !sample || sample.atSeconds <= seconds + SHIFT_SECONDS) return null;
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

/** Every created task is settled or in flight, and tracked or dismissed. */
function assertTasksAddUp(scrape: Sample[]): void {
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

async function exposition(url: string, accept: string): Promise<string> {
  const response = await fetch(url, { headers: { accept } });
  const body = await response.text();
  assert(response.headers.get("content-type")?.startsWith(accept));
  return body;
}
