import { assert, assertEquals, assertRejects } from "@std/assert";
import { Metrics } from "../../src/prometheus/metrics.ts";
import { FakeClock, settle } from "../support/clock.ts";
import { renderText } from "../support/render.ts";

/** A clock on which every look costs time, as on a machine that is slow to render. */
class CostlyClock extends FakeClock {
  override monotonic(): number {
    this.advance(0.1);
    return super.monotonic();
  }
}

function metricsOf(
  datasets: number,
  clock = new FakeClock(),
  check = () => {},
  latencyObjectiveSeconds = 1,
) {
  return new Metrics({
    clock,
    appId: "00000000",
    datasetIds: Array.from({ length: datasets }, (_, i) => `dataset-${i}`),
    latencyObjectiveSeconds,
    build: { version: "0", deno: "0", target: "test" },
    startTimeSeconds: 0,
    read: () => (check(), {
      tracked: { PENDING: 0, SUCCEEDED: 0, FAILED: 0 },
      oldestPendingAgeSeconds: 0,
      cpuSeconds: 0,
      residentBytes: 0,
      heapBytes: 0,
    }),
  });
}

Deno.test("rendering the metrics of many datasets lets others run in between", async () => {
  const clock = new CostlyClock();
  let pauses = 0;
  const { after } = clock;
  clock.after = function (delayMs, callback) {
    pauses++;
    return after.call(this, delayMs, callback);
  };
  let body = "";
  renderText(metricsOf(200, clock)).then((text) => body = text);
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

Deno.test("what is one dataset's is rendered at once", async () => {
  const clock = new FakeClock();
  await metricsOf(1, clock).render("text");
  assertEquals(clock.waiting, 0);
});

Deno.test("a flood of scrapes costs one exposition at a time", async () => {
  const metrics = metricsOf(1);
  const expositions = await Promise.all(Array.from({ length: 100 }, () => metrics.render("text")));
  for (const { body } of expositions) assert(body === expositions[0].body);
  metrics.created("dataset-0");
  const { body } = await metrics.render("text");
  assert(body !== expositions[0].body, "the next scrape is a new one");
});

Deno.test("a reading that fails once fails one scrape, not all that follow", async () => {
  let isBroken = true;
  const metrics = metricsOf(1, new FakeClock(), () => {
    if (isBroken) throw new Error("no reading");
  });
  await assertRejects(() => metrics.render("text"), Error, "no reading");
  isBroken = false;
  metrics.created("dataset-0");
  const body = await renderText(metrics);
  assert(body.includes('probe_tasks_created_total{app_id="00000000",dataset_id="dataset-0"} 1'));
});

Deno.test("durations are told apart at the objective, wherever it lies", async () => {
  const bounds = async (objectiveSeconds: number) => {
    const metrics = metricsOf(1, new FakeClock(), () => {}, objectiveSeconds);
    const body = await renderText(metrics);
    const line = /^probe_task_duration_seconds_bucket\{le="([^"]+)".*outcome="succeeded"/gm;
    return [...body.matchAll(line)].map(([, bound]) => Number(bound.replace("+Inf", "Infinity")));
  };
  const usual = await bounds(1);
  for (const objectiveSeconds of [0.001, 0.8, 12, 3600]) {
    const expected = [...usual, objectiveSeconds].sort((a, b) => a - b);
    assertEquals(await bounds(objectiveSeconds), expected);
  }
});
