import { setTimeout as sleep } from "node:timers/promises";
import type { Figure, Line } from "./figure.ts";
import { meanLagMs, Probe } from "./probe.ts";
import { latenessMs, latenessOf } from "./slots.ts";
import { Target } from "./target.ts";

const DATASETS = Array.from({ length: 200 }, (_, i) => `dataset-${i}`);
const INTERVAL_MS = 1_000;
const WARM_UP_MS = 5_000;
const REPEATS = 5;
const SCRAPE_INTERVAL_MS = 5_000;
const SKIPPED = "probe_slots_skipped_total";

/** As many datasets as one probe takes, a task a second each, scraped every 5 s. */
export const fleet: Line = {
  name: "fleet",
  help: "CPU, memory and lateness with 200 datasets at a task a second each, scraped every 5 s",
  async measure(run) {
    await using target = await Target.start();
    await using probe = await Probe.start(target.apiUrl, {
      stderr: "/dev/null",
      env: {
        DATASET_ID: DATASETS.join(","),
        TASK_INTERVAL_SECONDS: String(INTERVAL_MS / 1e3),
        LOG_LEVEL: "info",
      },
    });
    run.say("warming up");
    await sleep(WARM_UP_MS);
    const shares: number[] = [];
    const p99: number[] = [];
    const megabytes: number[] = [];
    let last = await look(probe, target);
    for (let repeat = 1; repeat <= REPEATS; repeat++) {
      run.say(`${repeat} of ${REPEATS}`);
      await sleep(SCRAPE_INTERVAL_MS);
      const now = await look(probe, target);
      shares.push(100 * (now.cpuMs - last.cpuMs) / (now.atMs - last.atMs));
      const lateMs = latenessMs(now.arrivalsMs, INTERVAL_MS, meanLagMs(last.lag, now.lag));
      p99.push(latenessOf(lateMs).p99);
      megabytes.push(await probe.residentBytes() / 1e6);
      last = now;
    }
    const figures: Figure[] = [
      { what: "CPU", unit: "% of a core", values: shares, aim: { atMost: 15 } },
      { what: "lateness, p99", unit: "ms", values: p99, aim: { atMost: 10 } },
      { what: "slots skipped", unit: "slots", values: [await probe.metric(SKIPPED)] },
      { what: "memory (RSS)", unit: "MB", values: megabytes },
      { what: "an exposition", unit: "lines", values: [(await probe.scrape()).split("\n").length] },
    ];
    return figures;
  },
};

/** Scrapes the probe, and says how it stands. */
async function look(probe: Probe, target: Target) {
  const lag = await probe.lag();
  const arrived = await target.arrivalsMs();
  return {
    lag,
    arrivalsMs: onOneGrid(arrived),
    cpuMs: await probe.cpuMs(),
    atMs: performance.now(),
  };
}

/** Arrivals shifted to the slots of the first dataset: the probe spreads the datasets evenly. */
function onOneGrid(arrived: Record<string, number[]>): number[] {
  return DATASETS.flatMap((datasetId, i) =>
    (arrived[datasetId] ?? []).map((atMs) => atMs - i * INTERVAL_MS / DATASETS.length)
  );
}
