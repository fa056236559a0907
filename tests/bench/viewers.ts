import { setTimeout as sleep } from "node:timers/promises";
import { at } from "../support/at.ts";
import type { Figure, Line } from "./figure.ts";
import { Probe } from "./probe.ts";
import { Target } from "./target.ts";

const VIEWERS = 100;
const REPEATS = 2;

/** Probes that are watched: how often they settle a task, and for how long they are. */
const PROBES: { what: string; windowMs: number; env: Record<string, string> }[] = [
  // As many tasks in each window: more or fewer would be seen in its CPU time.
  { what: "a task a second", windowMs: 2_000, env: { TASK_INTERVAL_SECONDS: "1" } },
  {
    what: "200 tasks a second",
    windowMs: 1_000,
    env: {
      DATASET_ID: Array.from({ length: 200 }, (_, i) => `dataset-${i}`).join(","),
      TASK_INTERVAL_SECONDS: "1",
    },
  },
];

/** What many who listen to `/events` cost: the CPU that the probe takes more than before them. */
export const viewers: Line = {
  name: "viewers",
  help: `what ${VIEWERS} listeners on /events cost, and as many open pages`,
  async measure(run) {
    const figures: Figure[] = [];
    for (const { what, windowMs, env } of PROBES) {
      await using target = await Target.start();
      await using probe = await Probe.start(target.apiUrl, { env });
      await sleep(2_000);
      const alone: number[] = [];
      const listened: number[] = [];
      const watched: number[] = [];
      for (let repeat = 1; repeat <= REPEATS; repeat++) {
        run.say(`${what}, ${repeat} of ${REPEATS}`);
        alone.push(await shareOfCore(probe, windowMs));
        listened.push(await shareWith(probe, listen, windowMs));
        watched.push(await shareWith(probe, watch, windowMs));
      }
      const extra = (shares: number[]) => shares.map((share, i) => share - at(alone, i));
      const aim = { atMost: 5 };
      figures.push(
        { what: `${what}, nobody listens`, unit: "% of a core", values: alone },
        {
          what: `${what}, ${VIEWERS} listeners more`,
          unit: "% of a core",
          values: extra(listened),
          aim,
        },
        {
          what: `${what}, ${VIEWERS} open pages more`,
          unit: "% of a core",
          values: extra(watched),
        },
      );
    }
    return figures;
  },
};

async function shareOfCore(probe: Probe, windowMs: number): Promise<number> {
  const fromMs = performance.now();
  const before = probe.cpuMs();
  await sleep(windowMs);
  return 100 * (probe.cpuMs() - before) / (performance.now() - fromMs);
}

type View = (url: string, signal: AbortSignal) => Promise<void>;

async function shareWith(probe: Probe, view: View, windowMs: number): Promise<number> {
  const stop = new AbortController();
  const views = Array.from({ length: VIEWERS }, () => view(probe.url, stop.signal));
  await sleep(500);
  const share = await shareOfCore(probe, windowMs);
  stop.abort();
  await Promise.allSettled(views);
  return share;
}

/** Reads all that comes and does nothing with it. */
async function listen(url: string, signal: AbortSignal): Promise<void> {
  const events = await open(url, signal);
  while (!(await events.read()).done);
}

/** Does what the page does: asks for its news when something has happened, once a second at most. */
async function watch(url: string, signal: AbortSignal): Promise<void> {
  const events = await open(url, signal);
  let askedMs = -Infinity;
  for (let part = await events.read(); !part.done; part = await events.read()) {
    if (!part.value.includes("event: settled") || performance.now() - askedMs < 1_000) continue;
    askedMs = performance.now();
    const headers = { accept: "text/html", prefer: "return=minimal" };
    await (await fetch(url, { headers })).text();
  }
}

/** A stream of events that ends when `signal` aborts. */
async function open(url: string, signal: AbortSignal) {
  const { body } = await fetch(`${url}/events`);
  if (!body) throw new Error("/events has no body");
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  signal.addEventListener("abort", () => void reader.cancel());
  return reader;
}
