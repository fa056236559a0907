import { serve } from "../../src/commands/serve.ts";
import { type Config, parseConfig } from "../../src/config/config.ts";
import { systemClock } from "../../src/core/clock.ts";
import { EXIT } from "../../src/core/exit_code.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { listenWith } from "../../src/server/listen.ts";
import { loadPage } from "../../src/server/pages.ts";
import { abortOnSignals, type StopSignal } from "../../src/runtime/signals.ts";
import { settle } from "../support/clock.ts";
import { Invariants } from "./invariants/invariants.ts";
import { Journal, type Violation } from "./journal.ts";
import { Readers } from "./readers/readers.ts";
import { Draw } from "./world/draw.ts";
import { CERTIFICATE_ENDS_MS } from "./world/exchange_plan.ts";
import { SimulatedPlatform } from "./world/platform.ts";
import { SimulatedPort } from "./world/port.ts";
import { drawSettings, type Settings } from "./world/settings.ts";
import { SimulatedTime } from "./world/time.ts";
import { Weather } from "./world/weather.ts";

const HOUR_MS = 3_600_000;

const MAX_TURN_MS = 100;

const STEPS_BETWEEN_PROGRESS = 100_000;

/** A repeated signal within this time is the same one, forwarded by another process. */
const SAME_SIGNAL_MS = 250;

export type SimulationOptions = {
  hours: number;
  /** Environment variables that are not drawn. */
  env?: Record<string, string>;
  /** How many of the last journal lines the outcome contains. */
  lines?: number;
  /** Called now and then during a long run. */
  onProgress?: (progress: Progress) => void;
  /** Breaks the runtime below the program, to see that the invariants notice. */
  tamper?: (runtime: Runtime) => Runtime;
};

export type Progress = { virtualMs: number; tasks: number };

/** The result of a run. */
export type Outcome = {
  seed: number;
  violation: Violation | null;
  /** Of all events and outputs. */
  digest: string;
  tasks: number;
  /** How many tasks ended how. */
  outcomes: { [outcome: string]: number };
  skipped: number;
  exchanges: number;
  scrapes: number;
  steps: number;
  virtualMs: number;
  /** The last lines of the journal. */
  tail: string;
};

/**
 * Runs the whole program in a simulated world. The seed decides its configuration, its platform, its
 * readers and all faults, so that a seed repeats a run to the last byte. Ends at the first violation.
 */
export async function simulate(seed: number, options: SimulationOptions): Promise<Outcome> {
  const draw = (stream: number) => new Draw(seed, stream);
  const time = newTime(draw(0));
  // Some libraries read the system clock.
  const { now } = Date;
  Date.now = () => time.now();
  try {
    return await new Simulation(seed, time, draw, options).run();
  } finally {
    Date.now = now;
  }
}

function newTime(draw: Draw): SimulatedTime {
  const wallMs = Date.UTC(2026, 0, 1) + Math.floor(draw.between(0, 365 * 24 * HOUR_MS));
  return new SimulatedTime(draw, draw.between(10, 100), wallMs);
}

class Simulation {
  readonly #settings: Settings;
  readonly #config: Config;
  readonly #startMs: number;
  readonly #journal: Journal;
  readonly #invariants: Invariants;
  readonly #platform: SimulatedPlatform;
  readonly #readers: Readers;
  readonly #port: SimulatedPort;
  readonly #weather: Weather;
  readonly #chance: Draw;
  readonly #signals = new Map<StopSignal, () => void>();
  readonly #stop: AbortSignal;
  #exitCode: number | null = null;
  #endedMs = 0;

  constructor(
    private readonly seed: number,
    private readonly time: SimulatedTime,
    draw: (stream: number) => Draw,
    private readonly options: SimulationOptions,
  ) {
    this.#settings = drawSettings(draw(1), options.env);
    this.#config = configOf(this.#settings);
    this.#startMs = time.nowMs;
    this.#journal = new Journal(time, this.#startMs);
    const { table, env } = this.#settings;
    this.#journal.line(JSON.stringify({ ...env, table }));
    this.#invariants = new Invariants(this.#config, time, this.#journal, table);
    this.#platform = new SimulatedPlatform(
      time,
      draw(2),
      this.#journal,
      this.#settings,
      this.#invariants,
    );
    const { appId, taskIntervalSeconds } = this.#config;
    this.#readers = new Readers(
      time,
      draw(3),
      this.#journal,
      this.#settings,
      appId,
      this.#invariants,
    );
    this.#port = new SimulatedPort(
      time,
      draw(7),
      this.#journal,
      this.#invariants,
      this.#readers,
      () => this.#weather.end(),
    );
    this.#weather = new Weather(
      time,
      draw(4),
      this.#journal,
      this.#platform,
      this.#port,
      taskIntervalSeconds * 1e3,
    );
    this.#chance = draw(5);
    this.#stop = abortOnSignals({
      onSignal: (name, hear) => void this.#signals.set(name, hear),
      monotonic: () => time.monotonic(),
      exit: () => void (this.#exitCode = EXIT.interrupted),
    });
  }

  async run(): Promise<Outcome> {
    const { time } = this;
    const endMs = this.#startMs + this.options.hours * HOUR_MS;
    // Some runs are stopped early, even before the start.
    const stopMs = this.#chance.chance(0.1) ? this.#chance.between(this.#startMs, endMs) : endMs;
    // Reading files takes real time, which does not pass in a simulation.
    await Promise.all([
      loadPage(systemClock),
      import("../../src/terminal/table.ts"),
      import("../../src/prometheus/past/query_range.ts"),
      import("../../src/prometheus/past/prometheus_past.ts"),
    ]);
    const runtime = this.#runtime();
    const view = { table: this.#settings.table, rows: 20, utc: true };
    if (this.#chance.chance(0.01)) this.#signal("SIGTERM");
    serve(this.#config, view, this.options.tamper?.(runtime) ?? runtime, this.#stop, {
      onInternals: (internals) => this.#invariants.onInternals(internals),
      watcher: { skipped: (slots) => this.#invariants.skipped(slots) },
    }).then(
      (exitCode) => this.#exitCode = exitCode,
      (error) => this.#journal.broken("the program does not throw", `${error?.stack ?? error}`),
    );
    // Loading takes real time, but no simulated time.
    while (!this.#port.wasOpened && !this.#journal.violation) await settle();
    this.#readers.come(this.#meanBetweenReadersMs());

    await this.#until(stopMs, () => this.#stop.aborted);
    if (!this.#stop.aborted) await this.#stopAtLast();
    if (this.#chance.chance(0.3)) this.#signalAgain();
    await this.#until(time.nowMs + 3 * HOUR_MS, () => this.#exitCode !== null);
    this.#endedMs = time.nowMs;
    // An interrupted process leaves nothing to check.
    if (this.#exitCode === EXIT.interrupted) return this.#outcome();
    // Work that has yielded still ends.
    await this.#until(time.nowMs, () => time.isCaughtUp);
    // The turn of the last request may still run; the end of a real process would cut it off.
    await this.#until(time.nowMs + MAX_TURN_MS, () => time.waiting === 0);
    this.#checkEnd();
    const ended = this.#journal.digest();
    await this.#until(time.nowMs + HOUR_MS / 2, () => false);
    if (this.#exitCode !== null) {
      const isOver = this.#journal.digest() === ended && this.#platform.open === 0;
      this.#journal.check(isOver, "nothing happens after the end", () => "something did");
    }
    return this.#outcome();
  }

  /** Steps until `endMs` or `isDone`, and checks every invariant after each step. */
  async #until(endMs: number, isDone: () => boolean): Promise<void> {
    const { time } = this;
    while (!isDone() && !this.#journal.violation) {
      const isAmidst = this.#chance.chance(0.003);
      const went = await time.step(endMs, isAmidst ? () => this.#readers.read(true) : undefined);
      this.#invariants.checkStep();
      this.#readers.checkStep();
      if (time.isCaughtUp) this.#port.checkCaughtUp();
      if (!went) return;
      if (time.steps % STEPS_BETWEEN_PROGRESS === 0) {
        const virtualMs = time.nowMs - this.#startMs;
        this.options.onProgress?.({ virtualMs, tasks: this.#invariants.ledger.created });
      }
    }
  }

  async #stopAtLast(): Promise<void> {
    // Half of the runs end in bad weather, with tasks that may not come to an end.
    const strikes = this.#chance.whole(0, 2);
    for (let i = 0; i < strikes; i++) this.time.input(0, () => this.#weather.strike());
    // A follower that comes now must get the last tasks too.
    if (this.#chance.chance(0.5)) this.time.input(0, () => this.#readers.follow());
    const waitMs = this.#chance.exponential(this.#config.taskIntervalSeconds * 1e3);
    this.time.input(waitMs, () => this.#signal(this.#chance.pick(["SIGTERM", "SIGINT"])));
    await this.#until(Infinity, () => this.#stop.aborted);
  }

  /** A second signal: an impatient user, or the same signal forwarded. */
  #signalAgain(): void {
    const waitMs = this.#chance.chance(0.5)
      ? this.#chance.between(0, 2 * SAME_SIGNAL_MS)
      : this.#chance.exponential(3_000);
    const name = this.#chance.pick<StopSignal>(["SIGTERM", "SIGINT"]);
    this.time.input(waitMs, () => {
      if (this.#exitCode === null) this.#signal(name);
    });
  }

  #signal(name: StopSignal): void {
    const journal = this.#journal;
    const { time } = this;
    journal.line(name);
    const isFirst = !this.#stop.aborted;
    const isSame = this.#stop.reason === name &&
      time.nowMs - this.#invariants.stoppedMs <= SAME_SIGNAL_MS;
    if (isFirst) {
      time.release();
      this.#invariants.stopped();
    }
    this.#signals.get(name)?.();
    journal.check(
      this.#stop.aborted && (this.#exitCode !== null) === !(isFirst || isSame),
      "the first signal stops the probe, the second one ends it",
      () => `${name} after ${this.#stop.reason}, exit code ${this.#exitCode}`,
    );
  }

  #checkEnd(): void {
    const journal = this.#journal;
    const { time } = this;
    if (journal.violation) return;
    journal.line(`exit code ${this.#exitCode}`);
    journal.check(this.#exitCode === 0, "the probe ends with 0", () => String(this.#exitCode));
    journal.check(time.waiting === 0, "no timer is left", () => `${time.waiting} are`);
    journal.check(
      this.#platform.open === 0,
      "no exchange is left open",
      () => `${this.#platform.open} are`,
    );
    journal.check(
      this.#readers.following === 0,
      "no stream is left open",
      () => String(this.#readers.following),
    );
    journal.check(
      this.#readers.waiting === 0,
      "no request is left open",
      () => String(this.#readers.waiting),
    );
    journal.check(
      this.#invariants.port.closedMs < Infinity,
      "the port is closed",
      () => "it is not",
    );
    this.#invariants.checkEnd();
  }

  #runtime(): Runtime {
    const { time } = this;
    const invariants = this.#invariants;
    const { random } = new Draw(this.seed, 6);
    const line = (level: string) => (message: string, properties = {}) => {
      invariants.logged(level, message, properties);
    };
    return {
      clock: time,
      random,
      trace(run) {
        const traceId = random.hex(16);
        const running = run(traceId);
        invariants.taskCreated(traceId);
        return running;
      },
      exchange: this.#platform.exchange,
      connectionsClosing: () => 0,
      listen: (address, handler, onChange) =>
        listenWith(this.#port)(
          address,
          (request) => this.#readers.respond(request, handler),
          onChange,
        ),
      readCertificateExpiryMs: ({ host }) => {
        invariants.metrics.certificates.set(host, CERTIFICATE_ENDS_MS);
        return Promise.resolve(CERTIFICATE_ENDS_MS);
      },
      onReload: () => {},
      readFile: (path) => {
        const text = this.#settings.files[path];
        return text === undefined
          ? Promise.reject(new Error(`no file ${path}`))
          : Promise.resolve(text);
      },
      resolve: () => Promise.reject(new Error("the main loop resolves no names")),
      log: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") },
      stdout: {
        write: (text) => invariants.tablePrinted(text),
        flush: () => Promise.resolve(undefined),
      },
      progress: null,
      terminal: () => ({ width: 80, color: false }),
      usage: () => ({ cpuSeconds: time.steps / 1e3, residentBytes: 5e7, heapBytes: 1e7 }),
      build: { deno: "simulated", target: "simulated" },
    };
  }

  /** About a dozen readers an hour, and in long runs at most one for thirty tasks. */
  #meanBetweenReadersMs(): number {
    const { taskIntervalSeconds, datasetIds } = this.#config;
    const taskMs = taskIntervalSeconds * 1e3 / datasetIds.length;
    const longest = this.options.hours > 24 ? 60 * taskMs : Infinity;
    return Math.min(this.#chance.logBetween(100_000, 800_000), longest);
  }

  #outcome(): Outcome {
    const { created, outcomes, skipped } = this.#invariants.ledger;
    return {
      seed: this.seed,
      violation: this.#journal.violation,
      digest: this.#journal.digest(),
      tasks: created,
      outcomes,
      skipped: skipped.late + skipped.in_flight,
      exchanges: this.#platform.exchanges,
      scrapes: this.#readers.scrapes,
      steps: this.time.steps,
      virtualMs: this.#endedMs - this.#startMs,
      tail: this.#journal.tail(this.options.lines ?? 0),
    };
  }
}

function configOf({ env }: Settings): Config {
  const configured = parseConfig({ flags: {}, env: (name) => env[name] }, () => "00000000");
  if (!configured.ok) throw new Error(configured.problems.join("\n"));
  return configured.config;
}
