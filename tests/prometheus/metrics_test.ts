import { assert, assertEquals, assertRejects } from "@std/assert";
import { DATASET_STATES } from "../../src/core/verdict/states.ts";
import { Metrics, type Readings } from "../../src/prometheus/metrics.ts";
import { FakeClock, settle } from "../support/clock.ts";
import { parse } from "../support/exposition.ts";
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
  verdicts: [],
};

const OPTIONS = {
  clock: new FakeClock(),
  appId: "00000000",
  environment: null,
  latencyObjectiveSeconds: 1,
  build: { version: "0", deno: "0", target: "test" },
  startTimeSeconds: 0,
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
    ...OPTIONS,
    clock,
    datasetIds: Array.from({ length: datasets }, (_, i) => `dataset-${i}`),
    latencyObjectiveSeconds,
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
    clock.advance(2);
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

Deno.test("an exposition has the number of each dataset's state, and since when", async () => {
  const metrics = new Metrics({
    ...OPTIONS,
    datasetIds: [...DATASET_STATES],
    read: () => ({
      ...NO_READINGS,
      verdicts: DATASET_STATES.map((state, i) => ({ datasetId: state, state, sinceMs: 1_500 + i })),
    }),
  });
  const { samples } = parse(await renderText(metrics));
  const valuesOf = (wanted: string) =>
    samples.filter(({ name }) => name === wanted)
      .map(({ labels, value }) => [labels.dataset_id, value]);
  assertEquals(valuesOf("probe_dataset_state"), [
    ["failing", 5],
    ["no_news", 4],
    ["unsteady", 3],
    ["slow", 2],
    ["working", 1],
    ["starting", 0],
  ]);
  assertEquals(
    valuesOf("probe_dataset_state_since_timestamp_seconds"),
    DATASET_STATES.map((state, i) => [state, (1_500 + i) / 1e3]),
  );
});
