import { setTimeout as sleep } from "node:timers/promises";
import { Blackbox } from "./blackbox.ts";
import { Child, deno, script } from "./child.ts";
import { compared, type Figure, type Line } from "./figure.ts";
import { Nginx } from "./nginx.ts";
import { Probe } from "./probe.ts";
import { areHere } from "./tools.ts";
import { requestsPerSecond } from "./wrk.ts";

const REPEATS = 3;
const DATASETS = Array.from({ length: 100 }, (_, i) => `dataset-${i}`);
/** Between which rates the highest one is looked for, and how closely. */
const [LOWEST, HIGHEST, PRECISION] = [1_000, 6_000, 1.07];
const WARM_UP_MS = 1_200;
const WINDOW_MS = 1_800;
/** How many requests of those without slots are under way at once, and for how long. */
const [CONNECTIONS, SECONDS] = [16, 3];

/**
 * The most tasks a second of one process: for the probe the highest rate at which no slot is
 * skipped, for the others, who have no slots, the requests that they get done. All share two cores
 * with the target, for which nginx stands since it needs the least of them.
 */
export const rate: Line = {
  name: "rate",
  help: "tasks a second before slots are skipped, beside a bare client and blackbox_exporter",
  async measure(run) {
    if (!await areHere(["nginx"], "tasks a second", run)) return [];
    await using target = await Nginx.start();
    const tools = ["prometheus-blackbox-exporter", "wrk"] as const;
    await using blackbox = await areHere(tools, "blackbox_exporter's tasks a second", run)
      ? await Blackbox.start()
      : null;
    const url = `${target.apiUrl}/abc123`;
    const ofBare: number[] = [];
    const ofBlackbox: number[] = [];
    const ofProbe: number[] = [];
    for (let repeat = 1; repeat <= REPEATS; repeat++) {
      run.say(`${repeat} of ${REPEATS}`);
      ofBare.push(await rateOfBare(url));
      if (blackbox) {
        const options = { connections: CONNECTIONS, seconds: SECONDS };
        ofBlackbox.push(await requestsPerSecond(blackbox.probeUrl(url), options));
      }
      ofProbe.push(await highest((rate) => keepsAllSlots(rate, target.apiUrl)));
    }
    const figure = (what: string, values: number[]): Figure => ({ what, unit: "tasks/s", values });
    const bare = figure("bare node:http client, 16 at once", ofBare);
    const probe = compared(figure("the probe, before slots are skipped", ofProbe), bare);
    if (!blackbox) return [bare, probe];
    const peer = figure("blackbox_exporter, 16 at once", ofBlackbox);
    return [bare, peer, compared(probe, peer, { atLeast: 1 })];
  },
};

async function rateOfBare(url: string): Promise<number> {
  const command = ["run", "--allow-net", script("busy_client.ts"), url];
  await using bare = new Child(deno(...command, String(CONNECTIONS), String(SECONDS)));
  return Number(await bare.output());
}

/** The highest rate at which `isKept`, within the precision; throws when it lies outside the bounds. */
async function highest(isKept: (rate: number) => Promise<boolean>): Promise<number> {
  let [kept, tooHigh] = [LOWEST, HIGHEST];
  while (tooHigh / kept > PRECISION) {
    const rate = Math.sqrt(kept * tooHigh);
    if (await isKept(rate)) kept = rate;
    else tooHigh = rate;
  }
  if (kept === LOWEST || tooHigh === HIGHEST) throw new Error(`not within bounds: ${kept} tasks/s`);
  return kept;
}

/** Whether a probe that has this many tasks a second, as it logs by default, skips no slot. */
async function keepsAllSlots(rate: number, apiUrl: string): Promise<boolean> {
  await using probe = await Probe.start(apiUrl, {
    stderr: "/dev/null",
    env: {
      DATASET_ID: DATASETS.join(","),
      TASK_INTERVAL_SECONDS: String(DATASETS.length / rate),
      LOG_LEVEL: "info",
    },
  });
  await sleep(WARM_UP_MS);
  const before = await probe.metric("probe_slots_skipped_total");
  await sleep(WINDOW_MS);
  return await probe.metric("probe_slots_skipped_total") === before;
}
