import { setTimeout as sleep } from "node:timers/promises";
import { at } from "../support/at.ts";
import { Blackbox } from "./blackbox.ts";
import { Child, deno, script } from "./child.ts";
import { Driver } from "./driver.ts";
import { programs } from "./executables.ts";
import { compared, type Figure, type Line } from "./figure.ts";
import { type Lag, meanLagMs, Probe, type Program } from "./probe.ts";
import { type Lateness, latenessMs, latenessOf } from "./slots.ts";
import { Target } from "./target.ts";
import { areHere } from "./tools.ts";

const INTERVAL_MS = 1_000;
/** So many of each program run at once, for as many slots as a p99 needs. */
const COPIES = 4;
const WARM_UP_MS = 6_000;
const SETTLE_MS = 500;
const REPEATS = 4;
const WINDOW_MS = 9_000;

const BLACKBOX = "blackbox_exporter";

/** A process that asks for a dataset of its own once a second. */
type Keeper = { what: string; datasetId: string; process: Child };
type ProbeKeeper = Keeper & { process: Probe };

/** What each keeper's dataset was asked for in a window, and the CPU time that it took. */
type Window = { arrivalsMs: Record<string, number[]>; cpuMs: ReadonlyMap<Keeper, number> };

/**
 * What a task costs and how late it is at one a second, when there is time to sleep in between: what
 * is done while nothing happens counts as well. The copies' slots are spread over the second. The
 * first tasks are left out, in which most of the code runs for the first time; no scrape is counted.
 */
export const calm: Line = {
  name: "calm",
  isCalm: true,
  help: "CPU time and lateness at a task a second, beside blackbox_exporter and a bare timer",
  async measure(run) {
    await using children = new AsyncDisposableStack();
    const target = children.use(await Target.start());
    const ours = await programs("a task a second", run);
    const names = ours.map(({ what }) => what);
    run.say("warming up");
    const probes = await startProbes(ours, target, children);
    const peers: Keeper[] = [];
    if (
      await areHere(["prometheus-blackbox-exporter"], "a task a second of blackbox_exporter", run)
    ) {
      const process = children.use(await Blackbox.start());
      const url = `${target.apiUrl}/blackbox`;
      children.use(new Driver(() => process.probe(url), INTERVAL_MS));
      peers.push({ what: BLACKBOX, datasetId: "blackbox", process });
    }
    await sleep(WARM_UP_MS);
    const command = deno("run", script("bare_timer.ts"), String(INTERVAL_MS));
    const timer = children.use(new Child([...command, String(REPEATS * WINDOW_MS)]));

    const before = await lagsOf(probes);
    await sleep(SETTLE_MS);
    await target.arrivalsMs();
    const windows: Window[] = [];
    for (let repeat = 1; repeat <= REPEATS; repeat++) {
      run.say(`${repeat} of ${REPEATS}`);
      windows.push(await watch([...peers, ...probes], target));
    }
    const after = await lagsOf(probes);
    const ofTimer: Lateness = JSON.parse(await timer.output());

    return [
      ...cpuFigures(windows, { peers, probes, names }),
      { what: "lateness, p99, bare timer", unit: "ms", values: [ofTimer.p99] },
      ...names.flatMap((what) => {
        const lateMs = probes.flatMap((probe, i) =>
          probe.what === what
            ? latenessIn(windows, probe.datasetId, meanLagMs(at(before, i), at(after, i)))
            : []
        );
        return latenessFigures(what, lateMs);
      }),
    ];
  },
};

/** Starts the copies of each program, one after the other within an interval. */
function startProbes(
  programs: readonly Program[],
  target: Target,
  children: AsyncDisposableStack,
): Promise<ProbeKeeper[]> {
  const copies = programs.flatMap((program) =>
    Array.from({ length: COPIES }, (_, i) => ({ program, datasetId: `${program.name}-${i}` }))
  );
  return Promise.all(copies.map(async ({ program, datasetId }, i) => {
    await sleep(i * INTERVAL_MS / copies.length);
    const env = {
      DATASET_ID: datasetId,
      TASK_INTERVAL_SECONDS: String(INTERVAL_MS / 1e3),
      LOG_LEVEL: "info",
    };
    const probe = await Probe.start(target.apiUrl, { program, env, stderr: "/dev/null" });
    return { what: program.what, datasetId, process: children.use(probe) };
  }));
}

function lagsOf(probes: readonly ProbeKeeper[]): Promise<Lag[]> {
  return Promise.all(probes.map(({ process }) => process.lag()));
}

async function watch(keepers: readonly Keeper[], target: Target): Promise<Window> {
  const before = keepers.map(({ process }) => process.cpuMs());
  await sleep(WINDOW_MS);
  const cpuMs = keepers.map((keeper, i) =>
    [keeper, keeper.process.cpuMs() - at(before, i)] as const
  );
  return { cpuMs: new Map(cpuMs), arrivalsMs: await target.arrivalsMs() };
}

function cpuFigures(
  windows: readonly Window[],
  { peers, probes, names }: {
    peers: readonly Keeper[];
    probes: readonly Keeper[];
    names: readonly string[];
  },
): Figure[] {
  const cpuOf = (what: string, keepers: readonly Keeper[]): Figure => ({
    what: `CPU of a task, ${what}`,
    unit: "ms",
    values: windows.map((window) => cpuMsPerTask(window, keepers)),
  });
  const ofPeers = peers.map((peer) => cpuOf(peer.what, [peer]));
  const ofProbes = names.map((name): Figure => ({
    ...cpuOf(name, probes.filter(({ what }) => what === name)),
    aim: { atMost: 3 },
  }));
  return [
    ...ofPeers,
    ...ofProbes.map((probe) => ofPeers.reduce((figure, peer) => compared(figure, peer), probe)),
  ];
}

function cpuMsPerTask({ cpuMs, arrivalsMs }: Window, keepers: readonly Keeper[]): number {
  let [sumMs, tasks] = [0, 0];
  for (const keeper of keepers) {
    sumMs += cpuMs.get(keeper) ?? NaN;
    tasks += arrivalsMs[keeper.datasetId]?.length ?? 0;
  }
  return sumMs / tasks;
}

/** How late the slots of one probe were. */
function latenessIn(windows: readonly Window[], datasetId: string, meanMs: number): number[] {
  const arrivalsMs = windows.flatMap((window) => window.arrivalsMs[datasetId] ?? []);
  return latenessMs(arrivalsMs, INTERVAL_MS, meanMs);
}

/** Of all slots together, since those of one window are too few for a p99. */
function latenessFigures(what: string, lateMs: readonly number[]): Figure[] {
  const { p50, p99, max } = latenessOf(lateMs);
  const figure = (name: string, value: number): Figure => ({
    what: `lateness, ${name}, ${what}`,
    unit: "ms",
    values: [value],
  });
  return [
    figure("p50", p50),
    { ...figure("p99", p99), aim: { atMost: 1.5 } },
    figure("max", max),
  ];
}
