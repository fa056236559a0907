import { setTimeout as sleep } from "node:timers/promises";
import { Child, deno, script } from "./child.ts";
import { programs } from "./executables.ts";
import type { Figure, Line } from "./figure.ts";
import { startPast } from "./past.ts";
import { Probe, type Program } from "./probe.ts";
import { Target } from "./target.ts";

const DATASETS = Array.from({ length: 200 }, (_, i) => `dataset-${i}`);
const TRACKED = 600;
/** A program shows its first page once: each repeat is a process of its own. */
const REPEATS = 2;
const MAX_START_MS = 60_000;
/** What is left of a pause is over after an interval. */
const SETTLE_MS = 1_000;
const WINDOW_MS = 250;
/** No page is reused after that time. */
const PAGE_AGE_MS = 1_100;

/** The longest that `/healthz` took in a window, milliseconds. */
type Holds = { nobody: number; first: number; later: number };

/**
 * For how long the status page of 200 datasets holds the loop, seen from outside: how long a client
 * waits for `/healthz`, which needs nothing but the loop. A hold may be 2 ms longer than it sees, since
 * it pauses in between. Tasks go on meanwhile, as before. The backlog is full and the past is known.
 */
export const page: Line = {
  name: "page",
  help: "how long the page of 200 datasets holds the loop, when it is asked for first and later",
  async measure(run) {
    await using target = await Target.start();
    await using past = startPast();
    const ours = await programs("how long the page holds the loop", run);
    const holds = new Map<Program, Holds[]>(ours.map((program) => [program, []]));
    for (let repeat = 1; repeat <= REPEATS; repeat++) {
      run.say(`${repeat} of ${REPEATS}`);
      await using children = new AsyncDisposableStack();
      const full = await Promise.all(ours.map(async (program) => {
        const probe = children.use(await startProbe(program, target, past));
        await untilFull(probe);
        probe.pause();
        return { program, probe };
      }));
      for (const { program, probe } of full) {
        probe.resume();
        holds.get(program)?.push(await holdsOf(probe));
        probe.pause();
      }
    }
    return [...holds].flatMap(([{ what }, values]) => figuresOf(what, values));
  },
};

function startProbe(
  program: Program,
  target: Target,
  past: { url: string },
): Promise<Probe> {
  const env = {
    DATASET_ID: DATASETS.join(","),
    TASK_INTERVAL_SECONDS: "1",
    MAX_TRACKED_TASKS: String(TRACKED),
    PROMETHEUS_URL: past.url,
  };
  return Probe.start(target.apiUrl, { program, env, stderr: "/dev/null" });
}

/** Resolves when the backlog is full and the incidents are known, which are read last. */
async function untilFull(probe: Probe): Promise<void> {
  const deadlineMs = performance.now() + MAX_START_MS;
  while (!(await isFull(probe) && await knowsIncident(probe))) {
    if (performance.now() > deadlineMs) throw new Error("the backlog is not full");
    await sleep(200);
  }
}

async function isFull({ url }: Probe): Promise<boolean> {
  const { tracked } = await (await fetch(`${url}/tasks?limit=1`)).json();
  return tracked.PENDING + tracked.SUCCEEDED + tracked.FAILED >= TRACKED;
}

async function knowsIncident({ url }: Probe): Promise<boolean> {
  const response = await fetch(`${url}/status?dataset_id=${DATASETS.at(-1)}`);
  const { datasets: [dataset] } = await response.json();
  return dataset.last_incident !== null;
}

async function holdsOf(probe: Probe): Promise<Holds> {
  await sleep(SETTLE_MS);
  const command = ["run", "--allow-net", script("health_watch.ts"), probe.url];
  await using watch = new Child(deno(...command, String(WINDOW_MS)));
  // In its first window most of the watch's own code runs for the first time.
  await watch.output();
  const nobody = await longestMs(watch, Promise.resolve());
  const first = await longestMs(watch, view(probe));
  await longestMs(watch, sleep(PAGE_AGE_MS));
  const later = await longestMs(watch, view(probe));
  return { nobody, first, later };
}

/** The longest wait in all windows until `action` has ended, and in that in which it ends. */
async function longestMs(watch: Child, action: Promise<void>): Promise<number> {
  let hasEnded = false;
  const ended = action.finally(() => hasEnded = true);
  const maxima: number[] = [];
  while (!hasEnded) maxima.push(JSON.parse(await watch.output()).max);
  await ended;
  return Math.max(...maxima);
}

/** As a browser asks for the page. */
async function view({ url }: Probe): Promise<void> {
  const response = await fetch(url, { headers: { accept: "text/html" } });
  const html = await response.text();
  if (!html.includes("</html>")) throw new Error(`no page: ${html.slice(0, 200)}`);
}

function figuresOf(what: string, holds: readonly Holds[]): Figure[] {
  const figure = (when: string, values: number[]): Figure => ({
    what: `longest hold, ${when}, ${what}`,
    unit: "ms",
    values,
  });
  const aim = { atMost: 10 };
  return [
    figure("nobody looks", holds.map(({ nobody }) => nobody)),
    { ...figure("first view", holds.map(({ first }) => first)), aim },
    { ...figure("later view", holds.map(({ later }) => later)), aim },
  ];
}
