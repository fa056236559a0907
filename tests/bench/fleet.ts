import { setTimeout as sleep } from "node:timers/promises";
import { Blackbox } from "./blackbox.ts";
import type { Child } from "./child.ts";
import { programs } from "./executables.ts";
import { metricIn } from "./exposition.ts";
import { compared, type Figure, type Line, type Run } from "./figure.ts";
import { lagIn, meanLagMs, Probe, type Program } from "./probe.ts";
import { startPrometheus } from "./prometheus.ts";
import { latenessMs, latenessOf } from "./slots.ts";
import { Target } from "./target.ts";
import type { TlsFiles } from "../support/tls_files.ts";
import { overTls, trustEnvironment } from "./tls.ts";
import { areHere } from "./tools.ts";

const DATASETS = Array.from({ length: 200 }, (_, i) => `dataset-${i}`);
const INTERVAL_MS = 1_000;
const TASKS_PER_SECOND = DATASETS.length * 1e3 / INTERVAL_MS;
const WARM_UP_MS = 3_000;
/** After a pause every dataset has its slot at once, which takes most of a second. */
const SETTLE_MS = 1.5 * INTERVAL_MS;
/** With a scrape of the probe, which Prometheus takes more seldom by default. */
const WINDOW_MS = 5_000;
/** Of who has none. */
const PEER_WINDOW_MS = 2_500;
const REPEATS = 2;
const SKIPPED = "probe_slots_skipped_total";

/** Processes that probe all datasets together, and stand still until their turn. */
type Fleet = {
  what: string;
  processes: readonly Child[];
  /** What was measured, a value for each repeat. */
  shares: number[];
  megabytes: number[];
};

/** A fleet that says how late it was and what it left out. */
type ProbeFleet = Fleet & { probe: Probe; lateMs: number[]; skipped: number[] };

/**
 * As many datasets as one probe takes, a task a second each, over TLS. Prometheus with
 * blackbox_exporter does the same and keeps what it has found; the probe is scraped in every window.
 * They take turns.
 */
export const fleet: Line = {
  name: "fleet",
  help: "200 datasets at a task a second each over TLS, beside Prometheus with blackbox_exporter",
  measure: (run) => overTls("200 datasets", run, (tls) => measureFleets(run, tls)),
};

async function measureFleets(run: Run, tls: TlsFiles): Promise<Figure[]> {
  await using target = await Target.start(tls);
  await using children = new AsyncDisposableStack();
  const peers = await startPeers(target, tls, children, run);
  const ours: ProbeFleet[] = [];
  for (const program of await programs("200 datasets", run)) {
    ours.push(await startProbe(program, target, tls, children));
  }
  for (let repeat = 0; repeat <= REPEATS; repeat++) {
    run.say(repeat === 0 ? "warming up" : `${repeat} of ${REPEATS}`);
    for (const each of [...peers, ...ours]) {
      each.processes.forEach((process) => process.resume());
      if (repeat === 0) await sleep(WARM_UP_MS);
      else await measureTurn(each, target);
      each.processes.forEach((process) => process.pause());
    }
  }
  return figuresOf(peers, ours);
}

async function startPeers(
  target: Target,
  tls: TlsFiles,
  children: AsyncDisposableStack,
  run: Run,
): Promise<Fleet[]> {
  const tools = ["prometheus", "prometheus-blackbox-exporter"] as const;
  if (!await areHere(tools, "200 datasets of Prometheus with blackbox_exporter", run)) return [];
  const blackbox = children.use(await Blackbox.start(tls.authorityFile));
  const prometheus = children.use(startPrometheus({
    blackboxPort: blackbox.port,
    targets: DATASETS.map((id) => `${target.apiUrl}/${id}`),
    intervalMs: INTERVAL_MS,
  }));
  // Held still before that, it would spend its first turn on its own start.
  await prometheus.unlessItEnds(untilAsked(target));
  return [paused("Prometheus with blackbox_exporter", [prometheus, blackbox])];
}

async function untilAsked(target: Target): Promise<void> {
  while (await target.count() < DATASETS.length) await sleep(100);
}

async function startProbe(
  program: Program,
  target: Target,
  tls: TlsFiles,
  children: AsyncDisposableStack,
): Promise<ProbeFleet> {
  const env = {
    DATASET_ID: DATASETS.join(","),
    TASK_INTERVAL_SECONDS: String(INTERVAL_MS / 1e3),
    LOG_LEVEL: "info",
    ...trustEnvironment(tls),
  };
  const probe = await Probe.start(target.apiUrl, { program, env, stderr: "/dev/null" });
  return { ...paused(program.what, [children.use(probe)]), probe, lateMs: [], skipped: [] };
}

function paused(what: string, processes: readonly Child[]): Fleet {
  processes.forEach((process) => process.pause());
  return { what, processes, shares: [], megabytes: [] };
}

async function measureTurn(fleet: Fleet | ProbeFleet, target: Target): Promise<void> {
  await sleep(SETTLE_MS);
  const cpuMs = () => fleet.processes.reduce((sum, process) => sum + process.cpuMs(), 0);
  const scrape = async () => "probe" in fleet ? await fleet.probe.scrape() : "";
  const before = await scrape();
  await target.arrivalsMs();
  const startCpuMs = cpuMs();
  await sleep("probe" in fleet ? WINDOW_MS : PEER_WINDOW_MS);
  const after = await scrape();
  const spentMs = cpuMs() - startCpuMs;
  const arrivals = await target.arrivalsMs();

  const tasks = Object.values(arrivals).reduce((sum, { length }) => sum + length, 0);
  fleet.shares.push(100 * TASKS_PER_SECOND * spentMs / tasks / 1e3);
  const bytes = await Promise.all(fleet.processes.map((process) => process.residentBytes()));
  fleet.megabytes.push(bytes.reduce((sum, each) => sum + each) / 1e6);
  if (!("probe" in fleet)) return;
  const lateMs = latenessMs(
    onOneGrid(arrivals),
    INTERVAL_MS,
    meanLagMs(lagIn(before), lagIn(after)),
  );
  fleet.lateMs.push(latenessOf(lateMs).p99);
  fleet.skipped.push(metricIn(after, SKIPPED) - metricIn(before, SKIPPED));
}

function figuresOf(peers: readonly Fleet[], ours: readonly ProbeFleet[]): Figure[] {
  const cpuOf = ({ what, shares }: Fleet): Figure => ({
    what: `CPU at 200 tasks a second, ${what}`,
    unit: "% of a core",
    values: shares,
  });
  const memoryOf = ({ what, megabytes }: Fleet): Figure => ({
    what: `memory (RSS), ${what}`,
    unit: "MB",
    values: megabytes,
  });
  return [
    ...peers.map(cpuOf),
    ...ours.map((fleet) =>
      peers.reduce(
        (figure, peer) => compared(figure, cpuOf(peer), { atMost: 0.7 }),
        cpuOf(fleet),
      )
    ),
    ...ours.flatMap(({ what, lateMs, skipped }): Figure[] => [
      { what: `lateness, p99, ${what}`, unit: "ms", values: lateMs, aim: { atMost: 10 } },
      { what: `slots skipped, ${what}`, unit: "slots", values: skipped },
    ]),
    ...peers.map(memoryOf),
    ...ours.map((fleet) =>
      peers.reduce((figure, peer) => compared(figure, memoryOf(peer)), memoryOf(fleet))
    ),
  ];
}

/** Arrivals shifted to the slots of the first dataset: the probe spreads the datasets evenly. */
function onOneGrid(arrived: Record<string, number[]>): number[] {
  return DATASETS.flatMap((datasetId, i) =>
    (arrived[datasetId] ?? []).map((atMs) => atMs - i * INTERVAL_MS / DATASETS.length)
  );
}
