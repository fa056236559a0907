import { setTimeout as sleep } from "node:timers/promises";
import { Blackbox } from "./blackbox.ts";
import { Child, deno, script } from "./child.ts";
import { compared, type Figure, type Line, type Run } from "./figure.ts";
import { meanLagMs, Probe } from "./probe.ts";
import { startPrometheus } from "./prometheus.ts";
import { type Lateness, latenessAfterEarliestMs, latenessMs, latenessOf } from "./slots.ts";
import { Target } from "./target.ts";
import { areHere } from "./tools.ts";

const WARM_UP_MS = 2_000;
const REPEATS = 3;

/** Slots that several keep at once, each with a dataset of its own, and are watched in windows. */
type Slots = {
  target: Target;
  intervalMs: number;
  windowMs: number;
  /** What the p99 of the probe's lateness should be at most. */
  mostMs: number;
};

/** How late everybody's slots were in one window. */
type Window = {
  timer: Lateness;
  probe: Lateness;
  /** The same, where the earliest slot is taken for on time. */
  probeAfterEarliest: Lateness;
  prometheusAfterEarliest: Lateness | null;
};

/**
 * How late slots are, seen from the target, beside a bare timer and a Prometheus that has
 * blackbox_exporter probe. All of one interval run at once: together they leave the machine nearly
 * idle. Of the way from the slot to the target only the part that varies is counted. The probe's own
 * mean lag says how late its slots are in all; Prometheus says nothing of the kind, so that beside it
 * the earliest slot of each window is taken for on time.
 */
export const lateness: Line = {
  name: "lateness",
  help: "how late slots are at 10 ms and 100 ms intervals, beside a bare timer and Prometheus",
  async measure(run) {
    await using target = await Target.start();
    const often = { target, intervalMs: 10, windowMs: 4_000, mostMs: 3 };
    const usual = { target, intervalMs: 100, windowMs: 12_000, mostMs: 1.5 };
    const hasPeer = await areHere(
      ["prometheus", "prometheus-blackbox-exporter"],
      "the lateness of Prometheus with blackbox_exporter",
      run,
    );
    return [
      ...await figuresOf(often, { hasPeer: false, run }),
      ...await figuresOf(usual, { hasPeer, run }),
    ];
  },
};

async function figuresOf(
  slots: Slots,
  { hasPeer, run }: { hasPeer: boolean; run: Run },
): Promise<Figure[]> {
  const { intervalMs, mostMs } = slots;
  const windows = await watchWindows(slots, { hasPeer, run });
  const figure = (what: string, of: (window: Window) => number): Figure => ({
    what: `every ${intervalMs} ms, ${what}`,
    unit: "ms",
    values: windows.map(of),
  });
  const timer = figure("bare timer, p99", (window) => window.timer.p99);
  const probe = figure("the probe, p99", (window) => window.probe.p99);
  const peer = figure(
    "Prometheus, p99 after its earliest",
    (window) => window.prometheusAfterEarliest?.p99 ?? NaN,
  );
  const probeBesidePeer = figure(
    "the probe, p99 after its earliest",
    (window) => window.probeAfterEarliest.p99,
  );
  return [
    timer,
    figure("the probe, p50", (window) => window.probe.p50),
    { ...compared(probe, timer), aim: { atMost: mostMs } },
    figure("the probe, max", (window) => window.probe.max),
    ...hasPeer ? [peer, compared(probeBesidePeer, peer)] : [],
  ];
}

/** Starts all who keep these slots, and watches them. */
async function watchWindows(
  slots: Slots,
  { hasPeer, run }: { hasPeer: boolean; run: Run },
): Promise<Window[]> {
  const { target, intervalMs, windowMs } = slots;
  await using children = new AsyncDisposableStack();
  const probe = children.use(
    await Probe.start(target.apiUrl, {
      env: {
        DATASET_ID: datasetOf("probe", slots),
        TASK_INTERVAL_SECONDS: String(intervalMs / 1e3),
      },
    }),
  );
  if (hasPeer) {
    const blackbox = children.use(await Blackbox.start());
    const url = `${target.apiUrl}/${datasetOf("prometheus", slots)}`;
    children.use(startPrometheus({ blackboxPort: blackbox.port, target: url, intervalMs }));
  }
  await sleep(WARM_UP_MS);
  const command = ["run", script("bare_timer.ts"), String(intervalMs), String(windowMs)];
  const timer = children.use(new Child(deno(...command)));

  const windows: Window[] = [];
  for (let repeat = 1; repeat <= REPEATS; repeat++) {
    run.say(`every ${intervalMs} ms, ${repeat} of ${REPEATS}`);
    const [ofTimer, others] = await Promise.all([timer.output(), watch(slots, probe, hasPeer)]);
    windows.push({ timer: JSON.parse(ofTimer), ...others });
  }
  return windows;
}

/** How late the slots of the window are that begins now. */
async function watch(
  slots: Slots,
  probe: Probe,
  hasPeer: boolean,
): Promise<Omit<Window, "timer">> {
  const { target, intervalMs, windowMs } = slots;
  await target.arrivalsMs();
  const before = await probe.lag();
  await sleep(windowMs);
  const arrivalsMs = await target.arrivalsMs();
  const meanMs = meanLagMs(before, await probe.lag());
  const ofProbe = arrivalsMs[datasetOf("probe", slots)] ?? [];
  const ofPrometheus = arrivalsMs[datasetOf("prometheus", slots)] ?? [];
  const afterEarliest = (arrivedMs: number[]) =>
    latenessOf(latenessAfterEarliestMs(arrivedMs, intervalMs));
  return {
    probe: latenessOf(latenessMs(ofProbe, intervalMs, meanMs)),
    probeAfterEarliest: afterEarliest(ofProbe),
    prometheusAfterEarliest: hasPeer ? afterEarliest(ofPrometheus) : null,
  };
}

function datasetOf(keeper: string, { intervalMs }: Slots): string {
  return `${keeper}-every-${intervalMs}-ms`;
}
