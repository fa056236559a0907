import { setTimeout as sleep } from "node:timers/promises";
import { Blackbox } from "./blackbox.ts";
import { Child, deno, script } from "./child.ts";
import { Driver } from "./driver.ts";
import { compared, type Figure, type Line, type Run } from "./figure.ts";
import { programs } from "./executables.ts";
import { Probe, type Program } from "./probe.ts";
import { Target } from "./target.ts";
import { temporaryPath } from "../support/temporary.ts";
import type { TlsFiles } from "../support/tls_files.ts";
import { overTls, trustEnvironment } from "./tls.ts";
import { areHere } from "./tools.ts";

const REPEATS = 4;
/** What a process catches up on after a pause is not measured. */
const SETTLE_MS = 200;

/** How often tasks come, and how many milliseconds of them are measured at a time. */
type Pace = { intervalMs: number; warmUpMs: number; windowMs: number };

const HTTP: Pace = { intervalMs: 4, warmUpMs: 4_000, windowMs: 1_400 };
const HTTPS: Pace = { intervalMs: 20, warmUpMs: 6_000, windowMs: 2_000 };

/** Something that makes requests in its turn, and nothing otherwise. */
type Client = {
  what: string;
  process: Child;
  /** CPU milliseconds of a task, one for each repeat. */
  values: number[];
  begin(): void;
  end(): void | Promise<void>;
};

/**
 * CPU time of one task at 250 tasks a second, start-up and warm-up left out. The processes take
 * turns, the others held still meanwhile, so that a noisy moment of the machine meets all of them.
 * Of blackbox_exporter only its own time counts, not that of its client.
 */
export const cpu: Line = {
  name: "cpu",
  help: "CPU time of a task at 250 a second, beside a bare node:http client and blackbox_exporter",
  measure: (run) => measureCpu(run, null),
};

/**
 * The same over TLS: a whole handshake each time, and one authority that all trust. 50 tasks a second,
 * since what waits between tasks is not paid once for many then.
 */
export const httpsCpu: Line = {
  name: "https cpu",
  help: "the same over TLS at 50 a second, with a certificate that all verify",
  measure: (run) => overTls("CPU time", run, (tls) => measureCpu(run, tls)),
};

async function measureCpu(run: Run, tls: TlsFiles | null): Promise<Figure[]> {
  await using target = await Target.start(tls);
  await using children = new AsyncDisposableStack();
  const url = `${target.apiUrl}/abc123`;
  const { intervalMs, warmUpMs, windowMs } = tls ? HTTPS : HTTP;
  const bare = children.use(new Child(bareCommand(url, intervalMs, tls)));
  const ofBare = paused(`bare node:${tls ? "https" : "http"} client`, bare);
  const peers: Client[] = [];
  if (await areHere(["prometheus-blackbox-exporter"], "blackbox_exporter's CPU time", run)) {
    const blackbox = children.use(await Blackbox.start(tls?.authorityFile));
    peers.push(driven(blackbox, url, intervalMs));
  }
  const env = { TASK_INTERVAL_SECONDS: String(intervalMs / 1e3), ...trustEnvironment(tls) };
  const ours: Client[] = [];
  for (const { program, level } of await probes(tls, run)) {
    const stderr = temporaryPath(`${program.name}.log`);
    const logging = { program, stderr, env: { ...env, LOG_LEVEL: level } };
    const probe = children.use(await Probe.start(target.apiUrl, logging));
    const what = level === "info" ? program.what : `${program.what}, LOG_LEVEL=${level}`;
    ours.push(paused(what, probe));
  }

  const clients = [ofBare, ...peers, ...ours];
  run.say("warming up");
  for (const client of clients) client.begin();
  await sleep(warmUpMs);
  for (const client of clients) await client.end();
  for (let repeat = 1; repeat <= REPEATS; repeat++) {
    run.say(`${repeat} of ${REPEATS}`);
    for (const client of clients) {
      client.begin();
      await sleep(SETTLE_MS);
      client.values.push(await cpuMsPerTask(client.process, target, windowMs));
      await client.end();
    }
  }

  const figureOf = ({ what, values }: Client): Figure => ({ what, unit: "ms", values });
  const judged = (client: Client) =>
    peers.map(figureOf).reduce(
      (figure, peer) => compared(figure, peer, { atMost: tls ? 0.8 : 1 }),
      compared(figureOf(client), figureOf(ofBare), { atMost: 1 }),
    );
  return [ofBare, ...peers].map(figureOf).concat(ours.map(judged));
}

function bareCommand(url: string, intervalMs: number, tls: TlsFiles | null): string[] {
  const command = ["run", "--allow-net", "--allow-read", script("bare_client.ts"), url];
  return deno(...command, String(intervalMs), ...tls ? [tls.authorityFile] : []);
}

/** Each program with a line of log for each task, as is the default; and what that line takes. */
async function probes(
  tls: TlsFiles | null,
  run: Run,
): Promise<{ program: Program; level: "info" | "warning" }[]> {
  const [bundle, ...others] = await programs("CPU time", run);
  if (!bundle) return [];
  return [
    ...tls ? [] : [{ program: bundle, level: "warning" } as const],
    ...[bundle, ...others].map((program) => ({ program, level: "info" } as const)),
  ];
}

/** A client that makes requests by itself, and is stopped until its turn. */
function paused(what: string, process: Child): Client {
  process.pause();
  return {
    what,
    process,
    values: [],
    begin: () => process.resume(),
    end: () => process.pause(),
  };
}

/** A blackbox_exporter, which makes a request for each request that it gets. */
function driven(process: Blackbox, url: string, intervalMs: number): Client {
  let driver: Driver | undefined;
  return {
    what: "blackbox_exporter",
    process,
    values: [],
    begin: () => driver = new Driver(() => process.probe(url), intervalMs),
    end: () => driver?.[Symbol.asyncDispose](),
  };
}

async function cpuMsPerTask(client: Child, target: Target, windowMs: number): Promise<number> {
  const [firstMs, firstCount] = [client.cpuMs(), await target.count()];
  await sleep(windowMs);
  const [lastMs, lastCount] = [client.cpuMs(), await target.count()];
  return (lastMs - firstMs) / (lastCount - firstCount);
}
