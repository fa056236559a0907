/**
 * Runs the whole probe in simulated worlds, one for each seed, on all cores. The first violation of
 * an invariant ends the run and prints the command that replays it.
 */
import { createHash } from "node:crypto";
import { parseArgs } from "@std/cli/parse-args";
import { describeFailure, FAILURE_LINES } from "../../tests/simulation/report.ts";
import type { Outcome, Progress } from "../../tests/simulation/simulation.ts";
import type { Order, Report } from "../../tests/simulation/worker.ts";

const USAGE = `Usage: deno task simulate [options]

  --seeds N          seeds 1 to N (100)
  --seed S           seed S alone, with the last events
  --hours H          virtual hours of each seed (1)
  --days D           ... in days
  --env NAME=VALUE   a setting of the probe that the seed does not draw; may be repeated
  --lines N          with --seed: how many of the last events (100)
  --jobs N           seeds at once (as many as there are cores)
`;

const HOUR_MS = 3_600_000;

/** How many times a run of days prints its progress. */
const PROGRESS_LINES = 20;

type Options = {
  seeds: number[];
  hours: number;
  env: { [name: string]: string };
  lines: number;
  jobs: number;
};

function readOptions(args: string[]): Options | string {
  const unknown: string[] = [];
  const given = parseArgs(args, {
    string: ["seeds", "seed", "hours", "days", "env", "lines", "jobs"],
    collect: ["env"],
    boolean: ["help"],
    unknown: (name: string) => void unknown.push(name),
  });
  if (given.help) return USAGE;
  if (unknown.length > 0) return `unknown: ${unknown.join(" ")}\n\n${USAGE}`;
  const hours = given.days === undefined ? Number(given.hours ?? 1) : 24 * Number(given.days);
  const jobs = Number(given.jobs ?? navigator.hardwareConcurrency);
  const lines = given.seed === undefined ? FAILURE_LINES : Number(given.lines ?? 100);
  const count = Number(given.seeds ?? 100);
  const numbers = [hours, jobs, lines, count, Number(given.seed ?? 1)];
  if (!numbers.every((value) => value > 0)) return `expected numbers above 0\n\n${USAGE}`;
  const seeds = given.seed === undefined
    ? Array.from({ length: count }, (_, i) => i + 1)
    : [Number(given.seed)];
  const env = Object.fromEntries((given.env ?? []).map((pair) => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), pair.slice(at + 1)];
  }));
  return { seeds, hours, env, lines, jobs };
}

/** Runs the seeds, `jobs` at once; starts no more of them after a failure. */
async function runAll({ seeds, hours, env, lines, jobs }: Options): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const waiting = [...seeds];
  const stderrIsTerminal = Deno.stderr.isTerminal();
  let hasFailed = false;

  function finished(outcome: Outcome): void {
    if (outcome.violation) hasFailed = true;
    outcomes.push(outcome);
    if (!stderrIsTerminal) return;
    const text = `\r${outcomes.length} of ${seeds.length} seeds`;
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  }

  const runOne = (worker: Worker, seed: number) =>
    new Promise<Outcome>((resolve, reject) => {
      const printed = { share: 0 };
      worker.onerror = (event) => reject(new Error(event.message));
      worker.onmessage = ({ data }: MessageEvent<Report>) => {
        if ("outcome" in data) resolve(data.outcome);
        else printProgress(data.progress, hours, printed);
      };
      worker.postMessage({ seed, options: { hours, env, lines } } satisfies Order);
    });

  async function work(): Promise<void> {
    const url = new URL("../../tests/simulation/worker.ts", import.meta.url);
    const worker = new Worker(url, { type: "module" });
    for (;;) {
      const seed = hasFailed ? undefined : waiting.shift();
      if (seed === undefined) break;
      finished(await runOne(worker, seed));
    }
    worker.terminate();
  }

  await Promise.all(Array.from({ length: Math.min(jobs, seeds.length) }, work));
  if (stderrIsTerminal) Deno.stderr.writeSync(new TextEncoder().encode("\r\x1b[K"));
  return outcomes.sort((a, b) => a.seed - b.seed);
}

/** Prints how far a run of days is, and how much memory it takes. */
function printProgress(
  { virtualMs, tasks }: Progress,
  hours: number,
  printed: { share: number },
): void {
  const share = Math.floor(virtualMs / (hours * HOUR_MS) * PROGRESS_LINES);
  if (hours <= 24 || share === printed.share) return;
  printed.share = share;
  const days = (virtualMs / 24 / HOUR_MS).toFixed(1);
  const megabytes = Math.round(Deno.memoryUsage().rss / 1e6);
  console.error(`${days} days, ${tasks} tasks, ${megabytes} MB resident`);
}

function printSummary(outcomes: Outcome[], tookMs: number): void {
  const sum = (value: (outcome: Outcome) => number) =>
    outcomes.reduce((total, outcome) => total + value(outcome), 0);
  const ended = new Map<string, number>();
  for (const { outcomes: counts } of outcomes) {
    for (const [name, count] of Object.entries(counts)) {
      ended.set(name, (ended.get(name) ?? 0) + count);
    }
  }
  const hash = createHash("sha256");
  for (const { seed, digest } of outcomes) hash.update(`${seed} ${digest}\n`);
  const lines: [string, string | number][] = [
    ["seeds", outcomes.length],
    ["virtual time", `${(sum(({ virtualMs }) => virtualMs) / HOUR_MS).toFixed(1)} h`],
    ["tasks", sum(({ tasks }) => tasks)],
    ...[...ended].sort(([, a], [, b]) => b - a)
      .map(([name, count]): [string, number] => [`  ${name}`, count]),
    ["skipped slots", sum(({ skipped }) => skipped)],
    ["exchanges", sum(({ exchanges }) => exchanges)],
    ["scrapes", sum(({ scrapes }) => scrapes)],
    ["steps", sum(({ steps }) => steps)],
    ["took", `${(tookMs / 1e3).toFixed(1)} s`],
    ["digest", hash.digest("hex").slice(0, 16)],
  ];
  for (const [name, value] of lines) console.log(`${name.padEnd(18)}${String(value).padStart(16)}`);
}

async function main(): Promise<number> {
  const options = readOptions(Deno.args);
  if (typeof options === "string") {
    console.log(options);
    return options === USAGE ? 0 : 2;
  }
  const startMs = performance.now();
  const outcomes = await runAll(options);
  const failed = outcomes.find(({ violation }) => violation !== null);
  const [first] = outcomes;
  if (options.seeds.length === 1 && first && !failed) console.log(first.tail);
  printSummary(outcomes, performance.now() - startMs);
  if (failed) console.log(describeFailure(failed, options));
  return failed ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main());
