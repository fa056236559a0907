import { setTimeout as sleep } from "node:timers/promises";
import { type Figure, type Line, median, quantile } from "./figure.ts";
import { metricIn, Probe } from "./probe.ts";
import { Target } from "./target.ts";

const INTERVALS_MS = [10, 100];
const WARM_UP_MS = 3_000;
const REPEATS = 3;
const WINDOW_MS = 12_000;

type Lateness = { p50: number; p99: number; max: number; drift: number };

/**
 * How late slots are, seen from the target: two probes at once, which together leave the machine
 * nearly idle. Of the way from the slot to the target only the part that varies is counted, see
 * `latenessMs`.
 */
export const lateness: Line = {
  name: "lateness",
  help: "how late slots are at 10 ms and 100 ms intervals, and whether they drift",
  async measure(say) {
    await using target = await Target.start();
    const probes = await Promise.all(
      INTERVALS_MS.map((intervalMs) =>
        Probe.start(target.apiUrl, {
          env: {
            DATASET_ID: datasetOf(intervalMs),
            TASK_INTERVAL_SECONDS: String(intervalMs / 1e3),
          },
        })
      ),
    );
    await using _probes = disposeAll(probes);
    await sleep(WARM_UP_MS);

    const measured = INTERVALS_MS.map((): Lateness[] => []);
    for (let repeat = 1; repeat <= REPEATS; repeat++) {
      say(`${repeat} of ${REPEATS}`);
      const windows = await Promise.all(
        probes.map((probe, i) => watch(probe, target, INTERVALS_MS[i])),
      );
      windows.forEach((window, i) => measured[i].push(window));
    }
    return INTERVALS_MS.flatMap((intervalMs, i) => figuresOf(intervalMs, measured[i]));
  },
};

function figuresOf(intervalMs: number, measured: Lateness[]): Figure[] {
  const figure = (what: string, key: keyof Lateness, aim?: string): Figure => ({
    what: `${intervalMs} ms interval, ${what}`,
    unit: "ms",
    values: measured.map((window) => window[key]),
    aim,
  });
  return [
    figure("p50", "p50"),
    figure("p99", "p99", intervalMs === 10 ? "3 ms" : "(issue 7: 1.5 ms)"),
    figure("max", "max"),
    figure(`drift in ${WINDOW_MS / 1e3} s`, "drift", "none"),
  ];
}

async function watch(probe: Probe, target: Target, intervalMs: number): Promise<Lateness> {
  const datasetId = datasetOf(intervalMs);
  await target.arrivalsMs(datasetId);
  const before = await lag(probe);
  await sleep(WINDOW_MS);
  const arrivalsMs = await target.arrivalsMs(datasetId);
  const after = await lag(probe);

  const meanLagMs = 1e3 * (after.sum - before.sum) / (after.count - before.count);
  const lateMs = latenessMs(arrivalsMs, intervalMs, meanLagMs);
  const quarter = Math.floor(lateMs.length / 4);
  return {
    p50: median(lateMs),
    p99: quantile(lateMs, 0.99),
    max: Math.max(...lateMs),
    drift: median(lateMs.slice(-quarter)) - median(lateMs.slice(0, quarter)),
  };
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

function disposeAll(probes: Probe[]): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(probes.map((probe) => probe[Symbol.asyncDispose]()));
    },
  };
}
