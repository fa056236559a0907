import { assert, assertEquals, assertRejects } from "@std/assert";
import { Metrics, type Readings } from "../../src/prometheus/metrics.ts";
import { FakeClock, settle } from "../support/clock.ts";
import { renderText } from "../support/render.ts";
import { pending } from "../support/tasks.ts";

/** A clock that advances at every reading, as on a machine that renders slowly. */
class CostlyClock extends FakeClock {
  override monotonic(): number {
    this.advance(0.1);
    return super.monotonic();
  }
}

const NO_READINGS: Readings = {
  tracked: { PENDING: 0, SUCCEEDED: 0, FAILED: 0 },
  oldestPendingAgeSeconds: 0,
  cpuSeconds: 0,
  residentBytes: 0,
  heapBytes: 0,
};

function metricsOf(
  datasets: number,
  { clock = new FakeClock(), onRead = () => {}, latencyObjectiveSeconds = 1 }: {
    clock?: FakeClock;
    onRead?: () => void;
    latencyObjectiveSeconds?: number;
  } = {},
) {
  return new Metrics({
    clock,
    appId: "00000000",
    environment: null,
    datasetIds: Array.from({ length: datasets }, (_, i) => `dataset-${i}`),
    latencyObjectiveSeconds,
    build: { version: "0", deno: "0", target: "test" },
    startTimeSeconds: 0,
    read() {
      onRead();
      return NO_READINGS;
    },
  });
}

Deno.test("rendering many datasets yields to the event loop", async () => {
  const clock = new CostlyClock();
  let pauses = 0;
  const { after } = clock;
  clock.after = function (delayMs, callback) {
    pauses++;
    return after.call(this, delayMs, callback);
  };
  let body = "";
  renderText(metricsOf(200, { clock })).then((text) => body = text);
  for (let turns = 0; body === "" && turns < 10_000; turns++) {
    await settle();
    clock.advance(0);
  }
  assert(pauses > 20, `${pauses} pauses`);
  for (const dataset of [0, 199]) {
    assert(
      body.includes(
        `probe_tasks_created_total{app_id="00000000",dataset_id="dataset-${dataset}"} 0`,
      ),
    );
  }
});

Deno.test("rendering one dataset does not wait", async () => {
  const clock = new FakeClock();
  await metricsOf(1, { clock }).render("text");
  assertEquals(clock.waiting, 0);
});

Deno.test("concurrent scrapes share one exposition", async () => {
  const metrics = metricsOf(1);
  const expositions = await Promise.all(Array.from({ length: 100 }, () => metrics.render("text")));
  const bodies = new Set(expositions.map(({ body }) => body));
  assertEquals(bodies.size, 1);
  metrics.created(pending({ datasetId: "dataset-0" }));
  const { body } = await metrics.render("text");
  assert(!bodies.has(body), "the next scrape must get a new one");
});

Deno.test("a reading that throws once fails one scrape only", async () => {
  let isBroken = true;
  const metrics = metricsOf(1, {
    onRead() {
      if (isBroken) throw new Error("no reading");
    },
  });
  await assertRejects(() => metrics.render("text"), Error, "no reading");
  isBroken = false;
  metrics.created(pending({ datasetId: "dataset-0" }));
  const body = await renderText(metrics);
  assert(body.includes('probe_tasks_created_total{app_id="00000000",dataset_id="dataset-0"} 1'));
});

Deno.test("the buckets of durations include the latency objective", async () => {
  const bounds = async (latencyObjectiveSeconds: number) => {
    const metrics = metricsOf(1, { latencyObjectiveSeconds });
    const body = await renderText(metrics);
    const line = /^probe_task_duration_seconds_bucket\{le="([^"]+)".*outcome="succeeded"/gm;
    return [...body.matchAll(line)].map(([, bound = ""]) =>
      Number(bound.replace("+Inf", "Infinity"))
    );
  };
  const usual = await bounds(1);
  for (const objectiveSeconds of [0.001, 0.8, 12, 3600]) {
    const expected = [...usual, objectiveSeconds].sort((a, b) => a - b);
    assertEquals(await bounds(objectiveSeconds), expected);
  }
});
