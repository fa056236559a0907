import { setTimeout as sleep } from "node:timers/promises";
import { Blackbox } from "./blackbox.ts";
import { Child, deno, script } from "./child.ts";
import { programs } from "./executables.ts";
import { compared, type Figure, type Line, type Run } from "./figure.ts";
import { Nginx } from "./nginx.ts";
import { Probe, type Program } from "./probe.ts";
import { highestRate } from "./search.ts";
import type { TlsFiles } from "../support/tls_files.ts";
import { overTls, trustEnvironment } from "./tls.ts";
import { areHere } from "./tools.ts";
import { requestsPerSecond } from "./wrk.ts";

const REPEATS = 2;
const DATASETS = Array.from({ length: 100 }, (_, i) => `dataset-${i}`);
const BOUNDS = { lowest: 100, highest: 20_000 };
const WARM_UP_MS = 900;
const WINDOW_MS = 1_300;
const MAX_SCRAPE_MS = 1_000;
/** How many requests of those without slots are under way at once, and for how long. */
const [CONNECTIONS, SECONDS] = [16, 2];

/**
 * The most tasks a second of one process: for the probe the highest rate at which no slot is
 * skipped, for the others, who have no slots, the requests that they get done. All share two cores
 * with the target, for which nginx stands since it needs the least of them.
 */
export const rate: Line = {
  name: "rate",
  help: "tasks a second before slots are skipped, beside a bare client and blackbox_exporter",
  measure: (run) => measureRate(run, null),
};

/** The same over TLS: a whole handshake each time, and one authority that all trust. */
export const httpsRate: Line = {
  name: "https rate",
  help: "the same over TLS, with a certificate that all verify",
  measure: (run) => overTls("tasks a second", run, (tls) => measureRate(run, tls)),
};

async function measureRate(run: Run, tls: TlsFiles | null): Promise<Figure[]> {
  if (!await areHere(["nginx"], "tasks a second", run)) return [];
  await using target = await Nginx.start({ tls });
  const tools = ["prometheus-blackbox-exporter", "wrk"] as const;
  await using blackbox = await areHere(tools, "blackbox_exporter's tasks a second", run)
    ? await Blackbox.start(tls?.authorityFile)
    : null;
  const url = `${target.apiUrl}/abc123`;
  const ours = await programs("tasks a second", run);
  const ofBare: number[] = [];
  const ofBlackbox: number[] = [];
  const ofPrograms = ours.map((program) => ({ program, values: [] as number[] }));
  for (let repeat = 1; repeat <= REPEATS; repeat++) {
    run.say(`${repeat} of ${REPEATS}`);
    if (!tls) ofBare.push(await rateOfBare(url));
    if (blackbox) {
      const options = { connections: CONNECTIONS, seconds: SECONDS };
      ofBlackbox.push(await requestsPerSecond(blackbox.probeUrl(url), options));
    }
    // A guess changes how long it takes, not what is found.
    let found = 1.6 * (ofBlackbox.at(-1) ?? ofBare.at(-1) ?? 500);
    for (const { program, values } of ofPrograms) {
      run.say(`${repeat} of ${REPEATS}, ${program.what}`);
      const isKept = (rate: number) => keepsAllSlots(rate, { program, apiUrl: target.apiUrl, tls });
      found = await highestRate(values.at(-1) ?? found, isKept, BOUNDS);
      values.push(found);
    }
  }
  const figure = (what: string, values: number[]): Figure => ({ what, unit: "tasks/s", values });
  const bare = tls ? [] : [figure("bare node:http client, 16 at once", ofBare)];
  const peers = blackbox ? [figure("blackbox_exporter, 16 at once", ofBlackbox)] : [];
  const judged = (probe: Figure) =>
    peers.reduce(
      (ours, peer) => compared(ours, peer, { atLeast: 2 }),
      bare.reduce((ours, each) => compared(ours, each), probe),
    );
  return [
    ...bare,
    ...peers,
    ...ofPrograms.map(({ program, values }) =>
      judged(figure(`${program.what}, before slots are skipped`, values))
    ),
  ];
}

/** Not over TLS: Deno's node:https waits tens of milliseconds in some handshakes, and for some ends. */
async function rateOfBare(url: string): Promise<number> {
  const command = ["run", "--allow-net", script("busy_client.ts"), url];
  await using bare = new Child(deno(...command, String(CONNECTIONS), String(SECONDS)));
  return Number(await bare.output());
}

/** Whether a probe that has this many tasks a second, as it logs by default, skips no slot. */
async function keepsAllSlots(
  rate: number,
  { program, apiUrl, tls }: { program: Program; apiUrl: string; tls: TlsFiles | null },
): Promise<boolean> {
  await using probe = await Probe.start(apiUrl, {
    program,
    stderr: "/dev/null",
    env: {
      DATASET_ID: DATASETS.join(","),
      TASK_INTERVAL_SECONDS: String(DATASETS.length / rate),
      LOG_LEVEL: "info",
      // Else it would take many seconds until connections that cannot be closed yet are too many.
      ...tls ? { MAX_IN_FLIGHT_TASKS: "100" } : {},
      ...trustEnvironment(tls),
    },
  });
  await sleep(WARM_UP_MS);
  const before = await skippedSlots(probe);
  if (before === null) return false;
  await sleep(WINDOW_MS);
  return await skippedSlots(probe) === before;
}

/** Null when there is no response in time: a probe with far too much to do needs many seconds. */
async function skippedSlots(probe: Probe): Promise<number | null> {
  const skipped = probe.metric("probe_slots_skipped_total").catch(() => null);
  return await Promise.race([skipped, sleep(MAX_SCRAPE_MS).then(() => null)]);
}
