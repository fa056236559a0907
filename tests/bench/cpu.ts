import { setTimeout as sleep } from "node:timers/promises";
import { Blackbox } from "./blackbox.ts";
import { Child } from "./child.ts";
import { Driver } from "./driver.ts";
import { compared, type Figure, type Line, type Run } from "./figure.ts";
import { programs } from "./executables.ts";
import { Probe } from "./probe.ts";
import { Target } from "./target.ts";
import { temporaryPath } from "../support/temporary.ts";
import type { TlsFiles } from "../support/tls_files.ts";
import { overTls, trustEnvironment } from "./tls.ts";
import { areHere } from "./tools.ts";

/** What a process catches up on after a pause is not measured. */
const SETTLE_MS = 200;

/** How often tasks come, and how many milliseconds of them are measured how many times. */
type Pace = { intervalMs: number; warmUpMs: number; windowMs: number; repeats: number };

const HTTP: Pace = { intervalMs: 4, warmUpMs: 4_000, windowMs: 1_400, repeats: 4 };
const HTTPS: Pace = { intervalMs: 20, warmUpMs: 6_000, windowMs: 2_000, repeats: 3 };

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
 * The bare client that the probe is compared with has the same runtime. Of blackbox_exporter only its
 * own time counts, not that of its client.
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
  const { intervalMs, warmUpMs, windowMs, repeats } = tls ? HTTPS : HTTP;
  const peers: Client[] = [];
  if (await areHere(["prometheus-blackbox-exporter"], "blackbox_exporter's CPU time", run)) {
    const blackbox = children.use(await Blackbox.start(tls?.authorityFile));
    peers.push(driven(blackbox, url, intervalMs));
  }
  const bareArguments = [url, String(intervalMs), ...tls ? [tls.authorityFile] : []];
  const env = { TASK_INTERVAL_SECONDS: String(intervalMs / 1e3), ...trustEnvironment(tls) };
  const pairs: { bare: Client; ours: Client }[] = [];
  for (const program of await programs("CPU time", run)) {
    const bare = children.use(new Child([...program.bareClient, ...bareArguments]));
    const stderr = temporaryPath(`${program.name}.log`);
    // With a line of log for each task, as is the default.
    const logging = { program, stderr, env: { ...env, LOG_LEVEL: "info" } };
    const probe = children.use(await Probe.start(target.apiUrl, logging));
    pairs.push({
      bare: paused(`bare node:${tls ? "https" : "http"} client, ${program.name}`, bare),
      ours: paused(program.what, probe),
    });
  }

  const clients = [...peers, ...pairs.flatMap(({ bare, ours }) => [bare, ours])];
  run.say("warming up");
  for (const client of clients) client.begin();
  await sleep(warmUpMs);
  for (const client of clients) await client.end();
  for (let repeat = 1; repeat <= repeats; repeat++) {
    run.say(`${repeat} of ${repeats}`);
    for (const client of clients) {
      client.begin();
      await sleep(SETTLE_MS);
      client.values.push(await cpuMsPerTask(client.process, target, windowMs));
      await client.end();
    }
  }

  const figureOf = ({ what, values }: Client): Figure => ({ what, unit: "ms", values });
  const judged = pairs.flatMap(({ bare, ours }) => [
    figureOf(bare),
    peers.map(figureOf).reduce(
      (figure, peer) => compared(figure, peer, { atMost: tls ? 0.8 : 1 }),
      compared(figureOf(ours), figureOf(bare), { atMost: 1 }),
    ),
  ]);
  return [...peers.map(figureOf), ...judged];
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
