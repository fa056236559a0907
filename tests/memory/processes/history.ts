/** Prints the bytes that the history of 200 datasets takes, for a Deno that exposes `gc`. */
import { TaskMemory } from "../../../src/history/task_memory.ts";
import { PrometheusPast } from "../../../src/prometheus/past/prometheus_past.ts";
import type { RangeQuery, Series } from "../../../src/prometheus/past/query_range.ts";
import { FakeClock } from "../../support/clock.ts";
import { failed, pending, succeeded } from "../../support/tasks.ts";

const DATASETS = Array.from({ length: 200 }, (_, i) => `dataset-${i}`);
const HOUR_MS = 3_600_000;
const OBJECTIVES = { taskIntervalSeconds: 10, availability: 0.999, latencySeconds: 1 };

function usedBytes(): number {
  (globalThis as unknown as { gc: () => void }).gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** All that a Prometheus may have: every bar and day, and a new outage each hour. */
function answer({ expression, startMs, endMs, stepSeconds }: RangeQuery): Series[] {
  const ids = expression.match(/dataset_id=~"([^"]*)"/)?.[1]?.split("|") ?? [];
  const isSince = expression.startsWith("min_over_time");
  const isLost = /reason/.test(expression);
  return ids.map((id) => {
    const points: Series["points"] = [];
    for (let atMs = startMs; atMs <= endMs; atMs += stepSeconds * 1e3) {
      if ((isSince || isLost) && atMs % HOUR_MS !== 0) continue;
      points.push({ atMs, value: isSince ? atMs / 1e3 : 90 });
    }
    return { labels: { dataset_id: id, ...isLost && { reason: "dns" } }, points };
  });
}

const clock = new FakeClock();
const startBytes = usedBytes();
const memory = new TaskMemory({ datasetIds: DATASETS, clock, sloLatencySeconds: 1 });
for (let hour = 0; hour < 30; hour++) {
  clock.advance(HOUR_MS);
  for (const datasetId of DATASETS) {
    const task = pending({ datasetId, createdMs: clock.now() });
    for (let i = 0; i < 10; i++) memory.settled(i === 0 ? failed(task, "dns") : succeeded(task));
  }
}
const ownBytes = usedBytes() - startBytes;
const past = new PrometheusPast({
  clock,
  random: { fraction: () => 0.5 },
  queryRange: (query) => Promise.resolve(answer(query)),
  datasetIds: DATASETS,
  scope: { environment: "dev", location: null },
  objectives: OBJECTIVES,
  startedMs: clock.now(),
  signal: new AbortController().signal,
  onChange: () => {},
});
past.start();
while (past.source().state === "loading") await clock.run(1_000);
const pastBytes = usedBytes() - startBytes - ownBytes;
const { day, quarter, incidents } = past.of("dataset-199")!;
const sizes = [memory.read("dataset-199", "24h")!.bars, day, quarter, incidents];
console.log(JSON.stringify({ ownBytes, pastBytes, sizes: sizes.map(({ length }) => length) }));
