import { setTimeout as sleep } from "node:timers/promises";
import { Blackbox } from "./blackbox.ts";
import { Child, deno, script } from "./child.ts";
import { Driver } from "./driver.ts";
import { compared, type Figure, type Line, type Run } from "./figure.ts";
import { Probe } from "./probe.ts";
import { Target } from "./target.ts";
import { temporaryPath } from "./temporary.ts";
import { createTls, type Tls, trustEnvironment } from "./tls.ts";
import { areHere } from "./tools.ts";

const INTERVAL_MS = 4;
/** A handshake takes each of both sides a millisecond of CPU time. */
const TLS_INTERVAL_MS = 10;
const WARM_UP_MS = 4_000;
const REPEATS = 5;
/** What a process catches up on after a pause is not measured. */
const SETTLE_MS = 300;
const WINDOW_MS = 2_500;

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
  help: "CPU time of one task, beside a bare node:http client and blackbox_exporter",
  measure: (run) => measureCpu(run, null),
};

/** The same over TLS: a whole handshake each time, and one authority that all trust. */
export const httpsCpu: Line = {
  name: "https cpu",
  help: "the same over TLS, beside node:https, with a certificate that all verify",
  measure: async (run) => measureCpu(run, await createTls()),
};

async function measureCpu(run: Run, tls: Tls | null): Promise<Figure[]> {
  await using target = await Target.start(tls);
  await using children = new AsyncDisposableStack();
  const url = `${target.apiUrl}/abc123`;
  const intervalMs = tls ? TLS_INTERVAL_MS : INTERVAL_MS;
  const env = { TASK_INTERVAL_SECONDS: String(intervalMs / 1e3), ...trustEnvironment(tls) };
  const command = ["run", "--allow-net", "--allow-read", script("bare_client.ts"), url];
  const authority = tls ? [tls.authorityFile] : [];
  const bare = new Child(deno(...command, String(intervalMs), ...authority));
  const quiet = await Probe.start(target.apiUrl, {
    stderr: "/dev/null",
    env: { ...env, LOG_LEVEL: "warning" },
  });
  const logging = await Probe.start(target.apiUrl, {
    stderr: temporaryPath("probe.log"),
    env: { ...env, LOG_LEVEL: "info" },
  });
  for (const each of [bare, quiet, logging]) children.use(each);
  const processes = {
    bare: paused(`bare node:${tls ? "https" : "http"} client`, bare),
    quiet: paused("a task, LOG_LEVEL=warning", quiet),
    logging: paused("a task, a line of log for each", logging),
  };
  const clients = Object.values(processes);
  const tool = "prometheus-blackbox-exporter";
  if (await areHere([tool], "the CPU time of blackbox_exporter", run)) {
    clients.push(driven(children.use(await Blackbox.start(tls?.authorityFile)), url, intervalMs));
  }

  run.say("warming up");
  for (const client of clients) client.begin();
  await sleep(WARM_UP_MS);
  for (const client of clients) await client.end();
  for (let repeat = 1; repeat <= REPEATS; repeat++) {
    run.say(`${repeat} of ${REPEATS}`);
    for (const client of clients) {
      client.begin();
      await sleep(SETTLE_MS);
      client.values.push(await cpuMsPerTask(client.process, target));
      await client.end();
    }
  }

  const figureOf = ({ what, values }: Client): Figure => ({ what, unit: "ms", values });
  const ofBare = figureOf(processes.bare);
  const peers = clients.filter(({ process }) => process instanceof Blackbox).map(figureOf);
  const judged = (client: Client) =>
    peers.reduce(
      (figure, peer) => compared(figure, peer, { atMost: 1 }),
      compared(figureOf(client), ofBare, { atMost: tls ? 1 : 1.3 }),
    );
  return [ofBare, ...peers, judged(processes.quiet), judged(processes.logging)];
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

async function cpuMsPerTask(client: Child, target: Target): Promise<number> {
  const [firstMs, firstCount] = [await client.cpuMs(), await target.count()];
  await sleep(WINDOW_MS);
  const [lastMs, lastCount] = [await client.cpuMs(), await target.count()];
  return (lastMs - firstMs) / (lastCount - firstCount);
}
