import { setTimeout as sleep } from "node:timers/promises";
import { at } from "../support/at.ts";
import { Blackbox } from "./blackbox.ts";
import { Child, deno, script } from "./child.ts";
import { compared, type Figure, type Line, type Run } from "./figure.ts";
import { programs } from "./executables.ts";
import { meanLagMs, Probe, type Program } from "./probe.ts";
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
  /** Of each program. */
  probes: readonly Lateness[];
  /** The same, where the earliest slot is taken for on time. */
  probesAfterEarliest: readonly Lateness[];
  prometheusAfterEarliest: Lateness | null;
};

/** Who is beside the bare timer. */
type Others = { programs: readonly Program[]; hasPrometheus: boolean; run: Run };

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
    const often = { target, intervalMs: 10, windowMs: 3_000, mostMs: 3 };
    const usual = { target, intervalMs: 100, windowMs: 10_000, mostMs: 1.5 };
    const tools = ["prometheus", "prometheus-blackbox-exporter"] as const;
    const others: Others = {
      programs: await programs("the lateness", run),
      hasPrometheus: await areHere(tools, "the lateness of Prometheus with blackbox_exporter", run),
      run,
    };
    return [
      ...await figuresOf(often, { ...others, hasPrometheus: false }),
      ...await figuresOf(usual, others),
    ];
  },
};

async function figuresOf(slots: Slots, others: Others): Promise<Figure[]> {
  const { intervalMs, mostMs } = slots;
  const windows = await watchWindows(slots, others);
  const figure = (what: string, of: (window: Window) => number): Figure => ({
    what: `every ${intervalMs} ms, ${what}`,
    unit: "ms",
    values: windows.map(of),
  });
  const timer = figure("bare timer, p99", (window) => window.timer.p99);
  const ofProbes = others.programs.flatMap(({ what }, i) => {
    const late = (window: Window) => at(window.probes, i);
    const p99 = figure(`${what}, p99`, (window) => late(window).p99);
    return [
      figure(`${what}, p50`, (window) => late(window).p50),
      { ...compared(p99, timer), aim: { atMost: mostMs } },
      figure(`${what}, max`, (window) => late(window).max),
    ];
  });
  if (!others.hasPrometheus) return [timer, ...ofProbes];
  const peer = figure(
    "Prometheus, p99 after its earliest",
    (window) => window.prometheusAfterEarliest?.p99 ?? NaN,
  );
  const besidePeer = others.programs.map(({ what }, i) =>
    compared(
      figure(
        `${what}, p99 after its earliest`,
        (window) => at(window.probesAfterEarliest, i).p99,
      ),
      peer,
    )
  );
  return [timer, ...ofProbes, peer, ...besidePeer];
}

/** Starts all who keep these slots, and watches them. */
async function watchWindows(
  slots: Slots,
  { programs, hasPrometheus, run }: Others,
): Promise<Window[]> {
  const { target, intervalMs, windowMs } = slots;
  await using children = new AsyncDisposableStack();
  const probes: Probe[] = [];
  for (const program of programs) {
    const env = {
      DATASET_ID: datasetOf(program.name, slots),
      TASK_INTERVAL_SECONDS: String(intervalMs / 1e3),
    };
    probes.push(children.use(await Probe.start(target.apiUrl, { program, env })));
  }
  if (hasPrometheus) {
    const blackbox = children.use(await Blackbox.start());
    const url = `${target.apiUrl}/${datasetOf("prometheus", slots)}`;
    children.use(startPrometheus({ blackboxPort: blackbox.port, targets: [url], intervalMs }));
  }
  await sleep(WARM_UP_MS);
  const command = ["run", script("bare_timer.ts"), String(intervalMs), String(windowMs)];
  const timer = children.use(new Child(deno(...command)));

  const windows: Window[] = [];
  for (let repeat = 1; repeat <= REPEATS; repeat++) {
    run.say(`every ${intervalMs} ms, ${repeat} of ${REPEATS}`);
    const [ofTimer, others] = await Promise.all([
      timer.output(),
      watch(slots, { probes, programs, hasPrometheus }),
    ]);
    windows.push({ timer: JSON.parse(ofTimer), ...others });
  }
  return windows;
}

/** How late the slots of the window are that begins now. */
async function watch(
  slots: Slots,
  { probes, programs, hasPrometheus }: Omit<Others, "run"> & { probes: readonly Probe[] },
): Promise<Omit<Window, "timer">> {
  const { target, intervalMs, windowMs } = slots;
  await target.arrivalsMs();
  const before = await Promise.all(probes.map((probe) => probe.lag()));
  await sleep(windowMs);
  const arrivalsMs = await target.arrivalsMs();
  const after = await Promise.all(probes.map((probe) => probe.lag()));
  const arrivalsOf = (keeper: string) => arrivalsMs[datasetOf(keeper, slots)] ?? [];
  const afterEarliest = (keeper: string) =>
    latenessOf(latenessAfterEarliestMs(arrivalsOf(keeper), intervalMs));
  return {
    probes: programs.map(({ name }, i) =>
      latenessOf(
        latenessMs(arrivalsOf(name), intervalMs, meanLagMs(at(before, i), at(after, i))),
      )
    ),
    probesAfterEarliest: programs.map(({ name }) => afterEarliest(name)),
    prometheusAfterEarliest: hasPrometheus ? afterEarliest("prometheus") : null,
  };
}

function datasetOf(keeper: string, { intervalMs }: Slots): string {
  return `${keeper}-every-${intervalMs}-ms`;
}
