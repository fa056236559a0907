import { setTimeout as sleep } from "node:timers/promises";
import { Child, script } from "./child.ts";
import { compared, type Figure, type Lateness, latenessOf, type Line } from "./figure.ts";
import { metricIn, Probe } from "./probe.ts";
import { Target } from "./target.ts";

const INTERVALS_MS = [10, 100];
const WARM_UP_MS = 3_000;
const REPEATS = 3;
const WINDOW_MS = 12_000;

/**
 * How late slots are, seen from the target, beside a bare timer. All run at once: together they
 * leave the machine nearly idle. Of the way from the slot to the target only the part that varies
 * is counted, see `latenessMs`.
 */
export const lateness: Line = {
  name: "lateness",
  help: "how late slots are at 10 ms and 100 ms intervals, beside a bare timer, and their drift",
  async measure(say) {
    await using target = await Target.start();
    await using children = new AsyncDisposableStack();
    const pairs = [];
    for (const intervalMs of INTERVALS_MS) {
      const probe = children.use(await startProbe(target, intervalMs));
      pairs.push({ intervalMs, probe, ofProbe: [] as Lateness[], ofTimer: [] as Lateness[] });
    }
    await sleep(WARM_UP_MS);
    const timers = INTERVALS_MS.map((intervalMs) => children.use(startTimer(intervalMs)));

    for (let repeat = 1; repeat <= REPEATS; repeat++) {
      say(`${repeat} of ${REPEATS}`);
      await Promise.all(pairs.map(async ({ intervalMs, probe, ofProbe, ofTimer }, i) => {
        ofProbe.push(await watch(probe, target, intervalMs));
        ofTimer.push(JSON.parse(await timers[i].output()));
      }));
    }
    return pairs.flatMap(figuresOf);
  },
};

function startProbe(target: Target, intervalMs: number): Promise<Probe> {
  return Probe.start(target.apiUrl, {
    env: {
      DATASET_ID: datasetOf(intervalMs),
      TASK_INTERVAL_SECONDS: String(intervalMs / 1e3),
    },
  });
}

function startTimer(intervalMs: number): Child {
  return new Child(["run", script("bare_timer.ts"), String(intervalMs), String(WINDOW_MS)]);
}

function figuresOf(
  { intervalMs, ofProbe, ofTimer }: {
    intervalMs: number;
    ofProbe: Lateness[];
    ofTimer: Lateness[];
  },
): Figure[] {
  const figure = (of: Lateness[], what: string, key: keyof Lateness): Figure => ({
    what: `every ${intervalMs} ms, ${what}`,
    unit: "ms",
    values: of.map((window) => window[key]),
  });
  const timer = figure(ofTimer, "bare timer, p99", "p99");
  const peer = { ...timer, what: "bare timer" };
  const aim = intervalMs === 10 ? "3 ms" : "later 1.5 ms";
  return [
    timer,
    figure(ofProbe, "p50", "p50"),
    compared(figure(ofProbe, "p99", "p99"), peer, aim),
    figure(ofProbe, "max", "max"),
    { ...figure(ofProbe, `drift in ${WINDOW_MS / 1e3} s`, "drift"), aim: "none" },
  ];
}

/** How late the slots of one window are. */
async function watch(probe: Probe, target: Target, intervalMs: number): Promise<Lateness> {
  const datasetId = datasetOf(intervalMs);
  await target.arrivalsMs(datasetId);
  const before = await lag(probe);
  await sleep(WINDOW_MS);
  const arrivalsMs = await target.arrivalsMs(datasetId);
  const after = await lag(probe);
  const meanLagMs = 1e3 * (after.sum - before.sum) / (after.count - before.count);
  return latenessOf(latenessMs(arrivalsMs, intervalMs, meanLagMs));
}

/** What the probe itself says of its lag: all slots together. */
async function lag(probe: Probe): Promise<{ sum: number; count: number }> {
  const exposition = await probe.scrape();
  const loop = exposition.split("\n").filter((line) => line.includes('loop="probe"')).join("\n");
  return {
    sum: metricIn(loop, "probe_schedule_lag_seconds_sum"),
    count: metricIn(loop, "probe_schedule_lag_seconds_count"),
  };
}

/**
 * How late each slot was. The arrivals give the lateness but for a constant, the usual time from a
 * slot to the target, since the target knows only the slots' distance; the probe's own mean lag
 * settles that constant.
 */
function latenessMs(arrivalsMs: number[], intervalMs: number, meanLagMs: number): number[] {
  const originMs = earliestPhase(arrivalsMs, intervalMs);
  const offsetsMs = arrivalsMs.map((arrivalMs) => modulo(arrivalMs - originMs, intervalMs));
  const meanOffsetMs = offsetsMs.reduce((sum, offsetMs) => sum + offsetMs, 0) / offsetsMs.length;
  return offsetsMs.map((offsetMs) => offsetMs - meanOffsetMs + meanLagMs);
}

/**
 * Where in the interval the earliest arrivals lie: behind the widest stretch in which none ever
 * came. A slot that is late by a whole interval is skipped, so that there is such a stretch.
 */
function earliestPhase(arrivalsMs: number[], intervalMs: number): number {
  const phases = arrivalsMs.map((arrivalMs) => modulo(arrivalMs, intervalMs)).sort((a, b) => a - b);
  const gapsMs = phases.map((phase, i) => modulo(phase - phases.at(i - 1)!, intervalMs));
  return phases[gapsMs.indexOf(Math.max(...gapsMs))];
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

function datasetOf(intervalMs: number): string {
  return `every-${intervalMs}-ms`;
}
