import { systemClock } from "../../src/core/clock.ts";
import { REASONS } from "../../src/core/reasons.ts";
import { Metrics } from "../../src/prometheus/metrics.ts";
import { parse, type Parsed } from "../support/exposition.ts";
import { renderText } from "../support/render.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

export const APP_ID = "0a1b2c3d";
export const DATASETS = ["my-data", "other.data"] as const;
export const FORMATS = ["text", "openmetrics"] as const;
export type Format = typeof FORMATS[number];

/** Metrics of a probe that has just started. */
export function newMetrics(): Metrics {
  return new Metrics({
    clock: systemClock,
    appId: APP_ID,
    environment: "dev",
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
      verdicts: [
        { datasetId: DATASETS[0], state: "starting", sinceMs: 1_795_000_000_000 },
        { datasetId: DATASETS[1], state: "starting", sinceMs: 1_795_000_000_500 },
      ],
    }),
  });
}

/** Takes metrics through the states of a probe's life, one after the other. */
export function* lifeOf(metrics: Metrics): Generator<{ metrics: Metrics; state: string }> {
  yield { metrics, state: "before the first task" };
  metrics.slotRan("probe", 0.7);
  for (const datasetId of DATASETS) metrics.created(pending({ datasetId }));
  yield { metrics, state: "with tasks in flight" };
  for (const datasetId of DATASETS) metrics.settled(succeeded(pending({ datasetId }), 0.0625));
  yield { metrics, state: "after successes" };
  for (const datasetId of DATASETS) {
    for (const reason of REASONS) {
      const task = pending({ datasetId });
      metrics.created(task);
      metrics.settled(failed(task, reason, 61));
    }
  }
  metrics.skipped({ datasetId: DATASETS[0], cause: "late", count: 3 });
  metrics.skipped({ datasetId: DATASETS[0], cause: "in_flight", count: 1 });
  metrics.dismissed(5);
  metrics.slotRan("prune", 40_000);
  yield { metrics, state: "after failures" };
}

export async function scraped(metrics: Metrics, format: Format): Promise<Parsed> {
  return parse(await renderText(metrics, format));
}
