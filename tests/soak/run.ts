import { setTimeout as sleep } from "node:timers/promises";
import { REASONS } from "../../src/core/reasons.ts";
import { eventually } from "../support/program.ts";
import { createTlsFiles } from "../support/tls_files.ts";
import { problemsOf, request, type Samples, scrape, sumOf } from "./exposition.ts";
import { Ledger, type ShownTask } from "./ledger.ts";
import { Lines } from "./lines.ts";
import { Probe, type ProgramName } from "./probe.ts";
import { Proxy } from "./proxy.ts";
import { Target } from "./target.ts";

export type RunOptions = {
  program: ProgramName;
  /** Settled tasks after which it ends. */
  tasks: number;
  /** When it ends at the latest. */
  limitMs: number;
  /** How many tasks the probe tracks. */
  tracked: number;
  datasets: number;
  intervalSeconds: number;
  seed: number;
  /** Whether API and identity provider are reached over TLS, and through a proxy. */
  way: Way;
  /** Whether the runtime keeps all events that were sent until their stream ends. */
  isOld: boolean;
  /** Without faults. */
  isWell?: boolean;
  /** How often garbage is collected to measure what is left. */
  looks: number;
  say: (progress: string) => void;
};

/** How the target is reached. */
export type Way = "plain" | "tls" | "tunnel";

/** The process at one moment. */
export type Sample = {
  tasks: number;
  residentBytes: number;
  heapBytes: number;
  threads: number;
  /** What is left when garbage is collected, see `Probe.keptBytes`; null when not measured. */
  keptBytes: number | null;
};

/** A number according to the probe, and according to the others. */
export type Entry = { what: string; probe: number; others: number };

/** The probe after its last slot, when only the held task is in flight. */
export type Rest = { descriptors: number; threads: number; counts: Entry[] };

export type Run = {
  ledger: Ledger;
  history: Sample[];
  rest: Rest;
  seconds: number;
  outages: number;
  exitCode: number;
  /** From the end of the last task to the end of the process. */
  exitMs: number;
};

/** Long enough for a stalled machine: a timeout of ours would make the response unknown. */
const REQUEST_TIMEOUT_MS = 5_000;
const SAMPLE_MS = 1_000;
const READ_SECONDS = 5;
const OUTAGE_MS = 100;
const OUTAGE_SECONDS = 15;
/** A name that only the proxy knows. */
const HOST_OF_TUNNELS = "platform.test";
/** Longer than the probe gathers events, and the target its lines. */
const SETTLE_MS = 600;
const MAX_READ = 1000;

/**
 * Runs the program under load until enough tasks are settled, and then to its end: the target
 * recovers, one request is held, the probe stops, and its counts and resources are recorded.
 */
export async function run(options: RunOptions): Promise<Run> {
  const { intervalSeconds, tasks, looks, say } = options;
  const startMs = performance.now();
  const ledger = new Ledger();
  const host = options.way === "tunnel" ? HOST_OF_TUNNELS : "127.0.0.1";
  const tls = options.way === "plain" ? null : await createTlsFiles(host);
  await using proxy = options.way === "tunnel" ? await Proxy.start() : null;
  await using target = await Target.start({
    seed: options.seed,
    tls,
    host,
    onAttempt: (traceId, response) => ledger.noteAttempt(traceId, response),
  });
  if (options.isWell) await target.recover();
  await using probe = await Probe.start(options.program, {
    DATASET_ID: Array.from({ length: options.datasets }, (_, i) => `dataset-${i}`).join(","),
    OKDATA_API_URL: target.apiUrl,
    OKDATA_TOKEN_URL: target.tokenUrl,
    OKDATA_CLIENT_ID: "soak",
    OKDATA_CLIENT_SECRET: "a-secret",
    TASK_INTERVAL_SECONDS: String(intervalSeconds),
    TASK_TIMEOUT_SECONDS: "20",
    REQUEST_TIMEOUT_SECONDS: String(REQUEST_TIMEOUT_MS / 1e3),
    RETRIES: "1",
    MAX_TRACKED_TASKS: String(options.tracked),
    CLEAN_TASKS_INTERVAL_SECONDS: "7",
    LOG_FORMAT: "json",
    ...tls ? { DENO_CERT: tls.authorityFile } : {},
    ...proxy ? { HTTPS_PROXY: proxy.url } : {},
  }, { isInspected: options.program === "bundle" });

  const listener = new Listener(probe, ledger);
  await listener.renew();
  const early = await readTasks(probe);
  // Tasks that were settled before the listener came are sent no event.
  await sleep(SETTLE_MS);
  for (const task of early) if (!ledger.knows(task.seqno)) ledger.noteTask(task);

  const history: Sample[] = [];
  let samples: Samples | null = null;
  let outages = 0;

  async function sample(): Promise<void> {
    const format = history.length % 2 === 0 ? "text" : "openmetrics";
    const before = samples;
    const scraped = await scrape(probe.url, format);
    for (const problem of problemsOf(before ?? new Map(), scraped)) ledger.note(problem);
    samples = scraped;
    const isDue =
      ledger.settled >= (tasks / looks) * history.filter((each) => each.keptBytes !== null).length;
    const residentBytes = await probe.residentBytes();
    history.push({
      tasks: ledger.settled,
      residentBytes,
      heapBytes: sumOf(samples, "process_heap_bytes"),
      threads: await probe.threads(),
      keptBytes: isDue ? await probe.keptBytes() : null,
    });
    say(`${ledger.settled} tasks, ${Math.round(residentBytes / 1e6)} MB`);
  }

  async function readAll(): Promise<void> {
    await readTasks(probe);
    const page = await request(probe.url, { accept: "text/html" });
    if (!(await page.text()).endsWith("</html>")) ledger.note("the page is cut");
  }

  async function breakOff(): Promise<void> {
    const refuse = () => target.refuse();
    // A tunnel that the proxy is about to open would end in a listener that is closed.
    await probe.whileStill(() => proxy ? proxy.whileStill(refuse) : refuse());
    await sleep(OUTAGE_MS);
    await target.listen();
    outages++;
  }

  // In sequence, so that garbage is collected while nothing is read.
  const isDone = () =>
    ledger.settled >= tasks || performance.now() - startMs > options.limitMs ||
    ledger.problems.length > 0 || probe.endedMs !== null;
  for (let second = 1; !isDone(); second++) {
    await sample();
    if (second % READ_SECONDS === 0) await readAll();
    // That runtime keeps all sent events until the stream ends.
    if (second % READ_SECONDS === 0 && options.isOld) await listener.renew();
    if (second % OUTAGE_SECONDS === 0 && !options.isWell) await breakOff();
    const dueMs = startMs + second * SAMPLE_MS;
    while (performance.now() < dueMs && !isDone()) await sleep(20);
  }
  if (probe.endedMs !== null) throw new Error(`the probe has ended: ${probe.errors.join("\n")}`);

  if (!options.isWell) {
    await target.recover();
    await sleep(REQUEST_TIMEOUT_MS + 500);
  }
  await target.hold();
  probe.stop();
  const rest = await restOf(probe, ledger, target, proxy);
  const exitCode = await probe.ended();
  await listener.ended();
  // The target has reported everything when it has obeyed this.
  await target.recover();
  for (const line of probe.errors) ledger.note(`the probe has logged: ${line}`);
  return {
    ledger,
    history,
    rest,
    outages,
    exitCode,
    seconds: (performance.now() - startMs) / 1e3,
    exitMs: (probe.endedMs ?? Infinity) - listener.lastMs,
  };
}

/** Reads settled tasks from `/events` until the probe closes the stream. */
class Listener {
  /** When the last task came. */
  lastMs = 0;
  #current: Lines | null = null;

  constructor(private readonly probe: Probe, private readonly ledger: Ledger) {}

  /** Replaces the stream by a new one without missing an event. */
  async renew(): Promise<void> {
    const before = this.#current;
    this.#current = await this.#open();
    if (!before) return;
    await sleep(SETTLE_MS);
    await before.leave();
  }

  /** Resolves when the probe has closed the stream. */
  async ended(): Promise<void> {
    await this.#current?.ended;
  }

  async #open(): Promise<Lines> {
    const { body, status } = await request(`${this.probe.url}/events`);
    if (!body || status !== 200) throw new Error(`/events has status ${status}`);
    const opened = Promise.withResolvers<void>();
    const seqnos = new Set<number>();
    let name = "";
    const lines = new Lines(body, (line) => {
      if (line.startsWith("event: ")) name = line.slice("event: ".length);
      if (!line.startsWith("data: ")) return;
      if (name === "hello") return opened.resolve();
      this.lastMs = performance.now();
      const task: ShownTask = JSON.parse(line.slice("data: ".length));
      if (seqnos.has(task.seqno)) this.ledger.note(`task ${task.seqno} was sent twice`);
      seqnos.add(task.seqno);
      if (!this.ledger.knows(task.seqno)) this.ledger.noteTask(task);
    });
    lines.ended.then(() => opened.reject(new Error("/events has ended")), opened.reject);
    await opened.promise;
    return lines;
  }
}

/** The newest settled tasks. */
async function readTasks(probe: Probe): Promise<ShownTask[]> {
  const { tasks } = await (await request(`${probe.url}/tasks?limit=${MAX_READ}`)).json();
  return tasks.filter(({ state }: { state: string }) => state !== "PENDING");
}

/** Waits until only the held task is in flight, and all others have been shown. */
async function restOf(
  probe: Probe,
  ledger: Ledger,
  target: Target,
  proxy: Proxy | null,
): Promise<Rest> {
  return await eventually("only the held task is in flight", async () => {
    const before = await scrape(probe.url, "text");
    if (sumOf(before, "probe_tasks_in_flight") !== 1) return null;
    await sleep(SETTLE_MS);
    const samples = await scrape(probe.url, "text");
    // A token is renewed without a task; what came meanwhile the target may not have said yet.
    const tokens = [before, samples].map((each) => sumOf(each, "probe_token_requests_total"));
    if (tokens[0] !== tokens[1]) return null;
    return {
      descriptors: await probe.descriptors(),
      threads: await probe.threads(),
      counts: [
        ...countsOf(samples, ledger, target),
        ...proxy ? tunnelsOf(ledger, target, proxy) : [],
      ],
    };
  }, REQUEST_TIMEOUT_MS);
}

/** The counters of the probe beside the counts of its events and of the target. */
function countsOf(samples: Samples, ledger: Ledger, { tokens }: Target): Entry[] {
  const { attempts, failures } = ledger;
  const counter = (name: string, label?: string) => sumOf(samples, `probe_${name}_total`, label);
  const made = counter("task_attempts");
  return [
    { what: "tasks created", probe: counter("tasks_created"), others: ledger.settled + 1 },
    { what: "tasks succeeded", probe: counter("tasks_succeeded"), others: ledger.succeeded },
    { what: "tasks failed", probe: counter("tasks_failed"), others: ledger.failed },
    ...REASONS.map((reason) => ({
      what: `tasks failed: ${reason}`,
      probe: counter("task_failures", `reason="${reason}"`),
      others: failures.get(reason) ?? 0,
    })),
    {
      what: "attempts that succeeded",
      probe: counter("task_attempts", 'result="ok"'),
      others: attempts.ok,
    },
    { what: "attempts, seen or refused", probe: made, others: ledger.seen - 1 + attempts.refused },
    { what: "tokens", probe: counter("token_requests", 'result="ok"'), others: tokens.ok },
    {
      what: "tokens refused",
      probe: counter("token_requests", 'result="failed"'),
      others: tokens.failed,
    },
  ];
}

/** What the proxy counted, beside what came out of it and what the probe has shown as refused. */
function tunnelsOf(ledger: Ledger, target: Target, { tunnels }: Proxy): Entry[] {
  const requests = ledger.seen + target.tokens.ok + target.tokens.failed;
  return [
    { what: "tunnels opened", probe: requests + target.looks, others: tunnels.opened },
    { what: "tunnels refused", probe: ledger.attempts.refused, others: tunnels.refused },
  ];
}
