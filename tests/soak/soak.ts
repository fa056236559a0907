/** Runs the program for long under load and faults, and judges the result. See `--help`. */
import { parseArgs } from "@std/cli/parse-args";
import { anySeed } from "../../local/http_server/random.ts";
import { EXCEPTED_RUNTIME } from "../support/exceptions.ts";
import type { ProgramName } from "./probe.ts";
import { type Run, run, type Sample, type Way } from "./run.ts";

const DATASETS = 10;
const INTERVAL_SECONDS = 0.01;
/** Over TLS a probe cannot close more connections, with those of further attempts. */
const TLS_INTERVAL_SECONDS = 0.05;
const CONTROL_TASKS = 300;

/** A megabyte for 100,000 tasks. */
const MAX_BYTES_A_TASK = 10;
/** From so many tasks on the limit holds as it is; before, within two errors. */
const MIN_TASKS_TO_BE_SURE = 500_000;
/** What is kept levels off after some 6,000 tasks. */
const MIN_TASKS_TO_JUDGE = 20_000;
/** Tasks in flight alone make one look differ from the next by a megabyte. */
const LOOKS = 64;
const MIN_POINTS = 5;
const MAX_EXIT_MS = 1_000;

const USAGE = `Usage: deno task soak [--tasks 1000000] [--minutes 120]
                      [--program executable|bundle] [--over plain|tls|tunnel] [--seed N]

Runs the main loop on ${DATASETS} datasets, as fast as it goes, against a target with mixed
faults, while it is scraped, listened to and read. Judges memory, descriptors, counts and the end;
the exit code is 1 when something does not hold.

  --program executable   dist/dataplatform-probe, or what PROBE_COMMAND names
  --program bundle       the bundle on this Deno: of memory, what JavaScript keeps is judged
  --over tls             API and identity provider have TLS, by an authority that the probe trusts
  --over tunnel          TLS through a proxy, whose tunnels are counted too
`;

type Verdict = {
  what: string;
  found: string;
  wanted: string;
  /** Null where nothing is judged. */
  holds: boolean | null;
};

type Given = {
  program: ProgramName;
  tasks: number;
  minutes: number;
  seed: number;
  over: Way;
};

const WAYS: readonly string[] = ["plain", "tls", "tunnel"] satisfies Way[];

function parse(args: string[]): Given | string[] {
  const problems: string[] = [];
  const given = parseArgs(args, {
    boolean: ["help"],
    string: ["tasks", "minutes", "program", "over", "seed"],
    default: {
      tasks: "1000000",
      minutes: "120",
      program: "executable",
      over: "plain",
      seed: String(anySeed()),
    },
    unknown(argument: string) {
      problems.push(`${argument}: not known`);
    },
  });
  if (given.help) return [];
  const tasks = Number(given.tasks);
  const minutes = Number(given.minutes);
  const seed = Number(given.seed);
  if (!(tasks >= 1)) problems.push(`--tasks: expected a number from 1, got ${given.tasks}`);
  if (!(minutes > 0)) problems.push(`--minutes: expected a number, got ${given.minutes}`);
  if (!(seed >= 0)) problems.push(`--seed: expected a number, got ${given.seed}`);
  const { program, over } = given;
  if (!WAYS.includes(over)) problems.push(`--over: expected ${WAYS.join(", ")}, got ${over}`);
  if (program !== "executable" && program !== "bundle") {
    problems.push(`--program: expected executable or bundle, got ${program}`);
  }
  return problems.length > 0 ? problems : { program, tasks, minutes, seed, over } as Given;
}

/** How many bytes a task adds, and how sure that is. */
type Growth = { bytes: number; error: number; points: number };

/** Growth by least squares over the last half of the tasks, with its standard error. */
function growthOf(history: readonly Sample[]): Growth {
  const half = (history.at(-1)?.tasks ?? 0) / 2;
  const points = history.flatMap(({ tasks, keptBytes }) =>
    tasks >= half && keptBytes !== null ? [{ x: tasks, y: keptBytes }] : []
  );
  const sum = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((total, point) => total + of(point), 0);
  const [meanX, meanY] = [sum(({ x }) => x) / points.length, sum(({ y }) => y) / points.length];
  const spread = sum(({ x }) => (x - meanX) ** 2);
  const bytes = sum(({ x, y }) => (x - meanX) * (y - meanY)) / spread;
  const rest = sum(({ x, y }) => (y - meanY - bytes * (x - meanX)) ** 2);
  return { bytes, error: Math.sqrt(rest / (points.length - 2) / spread), points: points.length };
}

function judge({ ledger, history, rest, exitCode, exitMs }: Run, control: Run): Verdict[] {
  const isLong = ledger.settled >= MIN_TASKS_TO_BE_SURE;
  const growth = ({ bytes, error, points }: Growth): Verdict => {
    const isJudged = ledger.settled >= MIN_TASKS_TO_JUDGE && points >= MIN_POINTS;
    return {
      // Garbage alone makes RSS vary by tens of megabytes.
      what: "memory without garbage: growth a task, last half",
      found: `${bytes.toFixed(1)} ± ${error.toFixed(1)} B`,
      wanted: isJudged
        ? `at most ${MAX_BYTES_A_TASK} B${isLong ? "" : ", within two errors"}`
        : ledger.settled < MIN_TASKS_TO_JUDGE
        ? `not judged: fewer than ${MIN_TASKS_TO_JUDGE} tasks`
        : "not judged: too few looks",
      holds: isJudged ? bytes - (isLong ? 0 : 2 * error) <= MAX_BYTES_A_TASK : null,
    };
  };
  const equal = (what: string, found: number, wanted: number): Verdict => ({
    what,
    found: String(found),
    wanted: String(wanted),
    holds: found === wanted,
  });
  const { problems, unmatched } = ledger;
  return [
    growth(growthOf(history)),
    equal("descriptors at rest", rest.descriptors, control.rest.descriptors),
    ...rest.counts.map(({ what, probe, others }) => equal(what, probe, others)),
    equal("tasks and attempts without each other", unmatched.length, 0),
    equal("exit code", exitCode, 0),
    {
      what: "the end after the last task",
      found: `${exitMs.toFixed(0)} ms`,
      wanted: `at most ${MAX_EXIT_MS} ms`,
      holds: exitMs <= MAX_EXIT_MS,
    },
    ...[...problems, ...unmatched].map((problem) => ({
      what: "problem",
      found: problem,
      wanted: "none",
      holds: false,
    })),
  ];
}

function tableOf(verdicts: readonly Verdict[]): string {
  const words = (holds: boolean | null) => holds === null ? "" : holds ? "holds" : "FAILS";
  const titles = ["What", "Found", "Wanted", ""];
  const rows = [
    titles,
    ...verdicts.map(({ what, found, wanted, holds }) => [what, found, wanted, words(holds)]),
  ];
  const widths = titles.map((_, column) => {
    return Math.max(...rows.map((row) => row[column]?.length ?? 0));
  });
  return rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()
  ).join("\n");
}

/** The process in lines, each time that its garbage was collected. */
function courseOf(history: readonly Sample[]): string {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`.padStart(9);
  return history.flatMap(({ tasks, residentBytes, heapBytes, keptBytes, threads }) =>
    keptBytes === null ? [] : [
      `${String(tasks).padStart(9)} tasks ${megabytes(residentBytes)} RSS ` +
      `${megabytes(heapBytes)} heap ${String(threads).padStart(4)} threads ` +
      `${megabytes(keptBytes)} kept`,
    ]
  ).join("\n");
}

async function main(args: string[]): Promise<number> {
  const given = parse(args);
  if (Array.isArray(given)) {
    if (given.length === 0) console.log(USAGE);
    else console.error(given.map((problem) => `soak: ${problem}`).join("\n") + "\nSee --help.");
    return given.length === 0 ? 0 : 2;
  }
  const { program, tasks, minutes, seed, over } = given;
  const isOld = program === "executable" && Deno.env.get("PROBE_RUNTIME") === EXCEPTED_RUNTIME;
  const options = {
    program,
    tasks,
    seed,
    way: over,
    isOld,
    datasets: DATASETS,
    intervalSeconds: over === "plain" ? INTERVAL_SECONDS : TLS_INTERVAL_SECONDS,
    tracked: Math.min(10_000, Math.ceil(tasks / 100)),
    limitMs: minutes * 60_000,
    looks: LOOKS,
    say: show,
  };
  console.log(
    `soak of the ${program}, ${tasks} tasks over ${over}, ${options.tracked} tracked, seed ${seed}`,
  );
  // A probe that has hardly begun shows which resources every probe holds.
  const control = await run({ ...options, tasks: CONTROL_TASKS, isWell: true });
  const done = await run(options);
  const verdicts = judge(done, control);
  const { ledger, seconds, outages, rest } = done;
  show("");
  console.log(
    `${ledger.settled} tasks in ${seconds.toFixed(0)} s, ${ledger.seen} attempts seen, ` +
      `${outages} outages, ${rest.threads} threads at rest\n\n` +
      `${courseOf(done.history)}\n\n${tableOf(verdicts)}`,
  );
  return verdicts.some(({ holds }) => holds === false) ? 1 : 0;
}

/** Progress for people: one line that is written over on a terminal, silence elsewhere. */
function show(text: string): void {
  if (Deno.stderr.isTerminal()) Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
