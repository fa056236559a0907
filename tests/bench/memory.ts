import { setTimeout as sleep } from "node:timers/promises";
import { Child, deno, script } from "./child.ts";
import type { Aim, Figure, Line } from "./figure.ts";
import { Nginx } from "./nginx.ts";
import { Probe } from "./probe.ts";
import { Target } from "./target.ts";
import { isHere } from "./tools.ts";

const TRACKED = 100_000;
const FEW = 1_000;
const REPEATS = 2;
/** Each is a probe that tracks many and one that tracks few; all of them run at once. */
const PAIRS = 1;
const AIM: Aim = { atMost: 100 };

const DATASETS = Array.from({ length: 50 }, (_, i) => `dataset-${i}`).join(",");
/** About what two probes can do on two cores; what they cannot takes longer. */
const INTERVAL_SECONDS = "0.02";
const MAX_MS = 400_000;
/** The probe stands still before it is looked at, and needs a moment to give memory back. */
const PAUSE_MS = 500;

/** For all threads: what malloc keeps in several arenas differs by 20 MB from run to run. */
const ONE_ARENA = { MALLOC_ARENA_MAX: "1" };

/**
 * Memory of one tracked success: with 100,000 tracked, less that with 1,000 tracked. RSS is taken
 * after all garbage is collected: at work, the young generation alone varies by more than all tasks
 * take. Even so it differs by a megabyte or two from process to process, which is 20 B a success;
 * what JavaScript keeps does not.
 */
export const memory: Line = {
  name: "memory",
  help: "memory of a tracked success: 100,000 tracked less 1,000 tracked, same number of tasks",
  async measure(run) {
    const alone: number[] = [];
    for (let repeat = 1; repeat <= REPEATS; repeat++) {
      run.say(`backlog alone, ${repeat} of ${REPEATS}`);
      const [many, few] = [await fullBacklog(TRACKED, TRACKED), await fullBacklog(TRACKED, FEW)];
      alone.push(perSuccess(many.residentBytes, few.residentBytes));
    }
    run.say(`${TRACKED} real requests by each of ${2 * PAIRS} probes`);
    const pairs = await measurePairs();
    const success = (what: string, key: keyof Memory): Figure => ({
      what: `a success, ${what}`,
      unit: "B",
      values: pairs.map(({ many, few }) => perSuccess(many[key], few[key])),
      aim: AIM,
    });
    const whole = (what: string, bytesOf: (pair: Pair) => number): Figure => ({
      what,
      unit: "MB",
      values: pairs.map((pair) => bytesOf(pair) / 1e6),
    });
    return [
      { what: "a success, RSS of the backlog alone", unit: "B", values: alone, aim: AIM },
      success("what JavaScript keeps", "keptBytes"),
      success("RSS of the probe", "residentBytes"),
      whole("RSS with 100,000 tracked", ({ many }) => many.residentBytes),
      whole("RSS with 1,000 tracked", ({ few }) => few.residentBytes),
      whole("… before garbage is collected", ({ few }) => few.atWorkBytes),
    ];
  },
};

function perSuccess(manyBytes: number, fewBytes: number): number {
  return (manyBytes - fewBytes) / (TRACKED - FEW);
}

/** Memory of a process that holds nothing but a backlog, into which this many successes have gone. */
export async function fullBacklog(
  successes: number,
  capacity: number,
): Promise<{ residentBytes: number; keptBytes: number }> {
  const args = ["run", "--v8-flags=--expose-gc", script("full_backlog.ts")];
  await using child = new Child(deno(...args, String(successes), String(capacity)), {
    env: ONE_ARENA,
  });
  return JSON.parse(await child.output());
}

/** Memory of one probe: RSS before and after garbage is collected, and what JavaScript keeps. */
type Memory = { atWorkBytes: number; residentBytes: number; keptBytes: number };
type Pair = { many: Memory; few: Memory };

/** Lets each probe make as many real requests as the larger ones track; nginx is the faster target. */
async function measurePairs(): Promise<Pair[]> {
  await using target = await isHere("nginx") ? await Nginx.start() : await Target.start();
  await using probes = new AsyncDisposableStack();
  const pairs = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    pairs.push({
      many: probes.use(await start(target, TRACKED)),
      few: probes.use(await start(target, FEW)),
    });
  }
  await Promise.all(pairs.flatMap(({ many, few }) => [untilFull(many), untilFull(few)]));
  const measured = [];
  for (const { many, few } of pairs) {
    measured.push({ many: await memoryOf(many), few: await memoryOf(few) });
  }
  return measured;
}

function start({ apiUrl }: { apiUrl: string }, tracked: number): Promise<Probe> {
  return Probe.start(apiUrl, {
    isInspected: true,
    stderr: "/dev/null",
    env: {
      ...ONE_ARENA,
      DATASET_ID: DATASETS,
      TASK_INTERVAL_SECONDS: INTERVAL_SECONDS,
      MAX_TRACKED_TASKS: String(tracked),
      MAX_IN_FLIGHT_TASKS: "20",
    },
  });
}

async function untilFull(probe: Probe): Promise<void> {
  const deadlineMs = performance.now() + MAX_MS;
  while (await probe.metric("probe_tasks_succeeded_total") < TRACKED) {
    if (performance.now() > deadlineMs) throw new Error(`no ${TRACKED} tasks in ${MAX_MS} ms`);
    await sleep(500);
  }
}

async function memoryOf(probe: Probe): Promise<Memory> {
  const atWorkBytes = await probe.residentBytes();
  const keptBytes = await probe.collectGarbage();
  probe.pause();
  await sleep(PAUSE_MS);
  return { atWorkBytes, residentBytes: await probe.residentBytes(), keptBytes };
}
