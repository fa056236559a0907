/** Measures the probe beside its peers. See `--help`. */
import { parseArgs } from "@std/cli/parse-args";
import { calm } from "./calm.ts";
import { killAll } from "./child.ts";
import { cpu, httpsCpu } from "./cpu.ts";
import { drift } from "./drift.ts";
import { executableRuntime } from "./executables.ts";
import { type Line, type Measured, sideBySide, tableOf } from "./figure.ts";
import { fleet } from "./fleet.ts";
import { idle } from "./idle.ts";
import { lateness } from "./lateness.ts";
import { machine } from "./machine.ts";
import { memory } from "./memory.ts";
import { httpsOverhead, overhead } from "./overhead.ts";
import { page } from "./page.ts";
import { prune } from "./prune.ts";
import { httpsRate, rate } from "./rate.ts";
import { scrape } from "./scrape.ts";
import { size } from "./size.ts";
import { start } from "./start.ts";
import { viewers } from "./viewers.ts";

const LINES: readonly Line[] = [
  overhead,
  httpsOverhead,
  lateness,
  drift,
  cpu,
  httpsCpu,
  calm,
  idle,
  rate,
  httpsRate,
  start,
  memory,
  scrape,
  page,
  prune,
  size,
  fleet,
  viewers,
];

const USAGE = `Usage: deno task bench [LINE ...] [--json FILE]

Measures these lines, or those that are named, and prints one table:

${LINES.map(({ name, help }) => `  ${name.padEnd(16)}${help}`).join("\n")}

  --json FILE  keep the figures with machine and versions in a file too

A ratio is the median of the repeats' ratios to the peer, measured in turn with it. Aims are for
medians. All lines together take less than ten minutes, on two cores that do nothing else; those that
leave the machine nearly idle (calm, idle) are measured side by side.
Executables are measured where \`deno compile\` works (see .ci/denort), Debian's curl, nginx, wrk,
prometheus and prometheus-blackbox-exporter where they are installed.
`;

async function run(args: string[]): Promise<number> {
  const problems: string[] = [];
  const given = parseArgs(args, {
    boolean: ["help"],
    string: ["json"],
    alias: { h: "help" },
    unknown(argument: string, name?: string) {
      if (name !== undefined) problems.push(`${argument}: unknown flag`);
    },
  });
  const names: string[] = given._.map(String);
  const unknown = names.filter((name) => !LINES.some((line) => line.name === name));
  problems.push(...unknown.map((name) => `${name}: no such line`));
  if (given.json === "") problems.push("--json: expected a file, got nothing");
  if (given.help) {
    console.log(USAGE);
    return 0;
  }
  if (problems.length > 0) {
    console.error(problems.map((problem) => `bench: ${problem}`).join("\n") + "\nSee --help.");
    return 2;
  }

  const measuredOn = await machine();
  const chosen = LINES.filter(({ name }) => names.length === 0 || names.includes(name));
  const startMs = performance.now();
  const lines = await measureAll(chosen);
  const allSeconds = Math.round((performance.now() - startMs) / 1e3);
  measuredOn.versions.executables = await executableRuntime();
  const { cpu: model, cores, os, load, versions } = measuredOn;
  const runtimes = `Deno ${versions.deno}` +
    (versions.executables ? `, executables with the runtime of ${versions.executables}` : "");
  const took = lines.map(({ name, seconds }) => `${name} ${seconds} s`).join(", ");
  console.log(
    `\n${model}, ${cores} cores, ${os}, ${runtimes}, load ${load.toFixed(2)} before\n\n` +
      `${tableOf(lines)}\n${took}; all ${allSeconds} s`,
  );
  if (given.json) {
    const document = { measured: new Date().toISOString(), machine: measuredOn, lines };
    await Deno.writeTextFile(given.json, JSON.stringify(document, null, 2) + "\n");
  }
  return 0;
}

/** One line after the other, but those in a row that are calm side by side. */
async function measureAll(chosen: readonly Line[]): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const lines of sideBySide(chosen)) measured.push(...await Promise.all(lines.map(measure)));
  return measured;
}

async function measure({ name, measure }: Line): Promise<Measured> {
  const startMs = performance.now();
  const leftOut: string[] = [];
  const figures = await measure({
    say: (progress) => show(`${name}: ${progress}`),
    leaveOut: (what, why) => leftOut.push(`${what}, because ${why}`),
  });
  const seconds = Math.round((performance.now() - startMs) / 1e3);
  show(`${name}: done in ${seconds} s\n`);
  return { name, seconds, figures, leftOut };
}

/** Progress for people: one line that is written over on a terminal, elsewhere only whole ones. */
function show(text: string): void {
  const isTerminal = Deno.stderr.isTerminal();
  const shown = isTerminal ? `\r\x1b[K${text}` : text.endsWith("\n") ? text : "";
  Deno.stderr.writeSync(new TextEncoder().encode(shown));
}

if (import.meta.main) {
  for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    Deno.addSignalListener(signal, () => {
      killAll();
      Deno.exit(exitCode);
    });
  }
  try {
    Deno.exit(await run(Deno.args));
  } catch (error) {
    console.error(error);
    killAll();
    Deno.exit(1);
  }
}
