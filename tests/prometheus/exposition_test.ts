import { assert, assertEquals } from "@std/assert";
import { METRICS } from "../../src/prometheus/definitions.ts";
import { parse, sum, valuesBySeries } from "../support/exposition.ts";
import { checkOpenMetrics, checkText, WITHOUT_PARSERS } from "../support/prometheus_tools.ts";
import { renderText } from "../support/render.ts";
import { pending, succeeded } from "../support/tasks.ts";
import { DATASETS, FORMATS, lifeOf, newMetrics, scraped } from "./sample_metrics.ts";

Deno.test({
  name: "an exposition passes promtool and the strict OpenMetrics parser in every state",
  ignore: WITHOUT_PARSERS,
  async fn() {
    for (const { metrics, state } of lifeOf(newMetrics())) {
      const text = await renderText(metrics, "text");
      const openMetrics = await renderText(metrics, "openmetrics");
      await checkText(text).catch((error) => Promise.reject(new Error(state, { cause: error })));
      assertEquals(await checkOpenMetrics(openMetrics), parse(openMetrics).samples.length, state);
    }
  },
});

Deno.test("both formats show the same values when they are scraped in alternation", async () => {
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

Deno.test("an exposition shows one instant, whatever happens during rendering", async () => {
  const metrics = newMetrics();
  let isDone = false;
  const rendering = Promise.all([...FORMATS, ...FORMATS].map((format) => scraped(metrics, format)))
    .finally(() => isDone = true);
  let tasks = 0;
  for (; !isDone; tasks++) {
    const task = pending({ datasetId: DATASETS[0] });
    metrics.created(task);
    metrics.settled(succeeded(task));
    // Rendering pauses until a timer fires, which a loop of promises alone would prevent.
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
