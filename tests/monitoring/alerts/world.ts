/** Simulated probes as Prometheus would scrape them: input for `promtool test rules`. */
import { SHARED } from "../../../src/prometheus/definitions.ts";
import { Metrics } from "../../../src/prometheus/metrics.ts";
import type { Reason } from "../../../src/core/reasons.ts";
import type { DatasetState } from "../../../src/core/verdict/states.ts";
import { FakeClock } from "../../support/clock.ts";
import { failed, pending, succeeded } from "../../support/tasks.ts";
import { parse } from "../../support/exposition.ts";
import { renderText } from "../../support/render.ts";

export type Labels = Record<string, string>;

/** The result of a slot: a task with this outcome, no task for this cause, or a loop that stalls. */
export type Slot = "fast" | "slow" | Reason | "late" | "in_flight" | "nothing";

export type Behaviour = {
  /** By the number of slots since this behaviour began, and the dataset. */
  slot: (slot: number, datasetId: string) => Slot;
  /** What becomes of a token request, `mixed` in turn; null in a run without credentials. */
  token: "ok" | "refused" | "unreachable" | "mixed" | null;
  /** Whether heartbeats are received; null when none is sent. */
  heartbeat: "ok" | "failed" | null;
};

/** An alert that must fire, of severity `page` unless it is named, with exactly these labels. */
export type ExpectedAlert = {
  alert: string;
  severity?: string;
  summary?: string;
  labels?: Labels;
};

/** The alerts that fire at a time, and no others. */
export type Expectation = {
  atSeconds: number;
  /** Labels of each firing alert, `alertname` and `severity` among them. */
  firing: Labels[];
  summaries: { labels: Labels; summary: string }[];
};

export type WorldOptions = {
  scrapeSeconds?: number;
  /** How long before a scrape the rules are evaluated; a divisor of `scrapeSeconds`. */
  evaluatedBeforeSeconds?: number;
  taskIntervalSeconds?: number;
  latencySeconds?: number;
  tokenLifeSeconds?: number;
  /** Prometheus 3 writes the bound of a bucket as a float. */
  prometheus3?: boolean;
};

const JOB = "dataplatform-probe";
const TOKEN_REFRESH_AT = 0.8;
/** The longest pause between requests to a provider that fails. */
const TOKEN_BACKOFF_SECONDS = 5;
/** Most of the series, none of which is in the rules. */
const LEFT_OUT = new RegExp(`^${SHARED.phaseDuration.name}|^${SHARED.lag.name}`);

type Value = number | "_" | "stale";

export class World {
  readonly scrapeSeconds: number;
  readonly expectations: Expectation[] = [];
  #options: Required<WorldOptions>;
  #probes: SimulatedProbe[] = [];
  #series = new Map<string, Value[]>();
  #scrapes = 0;

  constructor(options: WorldOptions = {}) {
    this.#options = {
      scrapeSeconds: 15,
      evaluatedBeforeSeconds: 0,
      taskIntervalSeconds: 10,
      latencySeconds: 1,
      tokenLifeSeconds: 300,
      prometheus3: false,
      ...options,
    };
    this.scrapeSeconds = this.#options.scrapeSeconds;
  }

  /** The time of the last scrape. */
  get nowSeconds(): number {
    return Math.max(0, this.#scrapes - 1) * this.scrapeSeconds;
  }

  /** Starts a probe before the next scrape; a restart is a stop and a start at one address. */
  start(
    { labels = {}, environment = null, instance = "probe:8000", datasets = ["a"], ...options }: {
      labels?: Labels;
      /** What the probe says of itself; `up` does not have it. */
      environment?: string | null;
      instance?: string;
      datasets?: string[];
      latencySeconds?: number;
    } = {},
  ): SimulatedProbe {
    const probe = new SimulatedProbe(
      { job: JOB, instance, ...labels },
      environment,
      datasets,
      this.#scrapes * this.scrapeSeconds,
      `000000${this.#probes.length}`,
      { ...this.#options, ...options },
    );
    this.#probes.push(probe);
    return probe;
  }

  /** Lets time pass, and scrapes all probes every `scrapeSeconds`. */
  async advance(minutes: number): Promise<void> {
    const end = this.#scrapes + Math.round(minutes * 60 / this.scrapeSeconds);
    for (; this.#scrapes < end; this.#scrapes++) {
      const seen = new Map<string, number>();
      for (const probe of this.#probes) {
        const samples = await probe.scrape(this.#scrapes * this.scrapeSeconds);
        for (const [series, value] of samples) {
          // Of two processes at one address, Prometheus scrapes the later one.
          seen.set(series, value);
        }
      }
      for (const [series, value] of seen) {
        if (!this.#series.has(series)) this.#series.set(series, Array(this.#scrapes).fill("_"));
        this.#series.get(series)!.push(value);
      }
      for (const [series, values] of this.#series) {
        if (seen.has(series)) continue;
        values.push(typeof values.at(-1) === "number" ? "stale" : "_");
      }
    }
  }

  /** Expects exactly these alerts now. */
  expect(...alerts: ExpectedAlert[]): void {
    const expected = alerts.map(({ alert, severity = "page", labels = {}, summary }) => ({
      labels: { alertname: alert, severity, ...labels },
      summary,
    }));
    this.expectations.push({
      atSeconds: this.nowSeconds,
      firing: expected.map(({ labels }) => labels),
      summaries: expected.flatMap(({ labels, summary }) =>
        summary === undefined ? [] : [{ labels, summary }]
      ),
    });
  }

  /** Lets time pass, and expects exactly these alerts at every scrape. */
  async expectFor(minutes: number, ...alerts: ExpectedAlert[]): Promise<void> {
    const scrapeMinutes = this.scrapeSeconds / 60;
    for (let passed = scrapeMinutes; passed <= minutes; passed += scrapeMinutes) {
      await this.advance(scrapeMinutes);
      this.expect(...alerts);
    }
  }

  /** How far the values of `inputSeries` are apart. */
  get valueSeconds(): number {
    return this.#options.evaluatedBeforeSeconds || this.scrapeSeconds;
  }

  /** The scraped series, as promtool reads them; it evaluates the rules from the first value on. */
  inputSeries(): { series: string; values: string }[] {
    const { evaluatedBeforeSeconds: beforeSeconds } = this.#options;
    const gap = "_ ".repeat(this.scrapeSeconds / this.valueSeconds - 1);
    const first = beforeSeconds === 0 ? "" : "_ ";
    return [...this.#series].map(([series, values]) => ({
      series,
      values: first + values.join(` ${gap}`),
    }));
  }
}

export class SimulatedProbe {
  #behaviour: Behaviour = { slot: () => "fast", token: "ok", heartbeat: null };
  #labels: Labels;
  #datasets: string[];
  #metrics: Metrics;
  #options: Required<WorldOptions>;
  #state: "up" | "down" | "gone" = "up";
  /** Since the last change of behaviour. */
  #slots = 0;
  #next: { slot: number; token: number };
  #tokenEnds = -Infinity;
  /** Failures in a row of each dataset, for its verdict. */
  #rows = new Map<string, { failures: number; firstMs: number; hasSucceeded: boolean }>();

  constructor(
    labels: Labels,
    environment: string | null,
    datasets: string[],
    startSeconds: number,
    appId: string,
    options: Required<WorldOptions>,
  ) {
    this.#labels = labels;
    this.#datasets = datasets;
    this.#options = options;
    this.#next = { slot: startSeconds, token: startSeconds };
    this.#metrics = new Metrics({
      clock: new FakeClock(),
      appId,
      environment,
      datasetIds: datasets,
      latencyObjectiveSeconds: options.latencySeconds,
      build: { version: "0", deno: "0", target: "test" },
      startTimeSeconds: startSeconds,
      read: () => ({
        tracked: { PENDING: 0, SUCCEEDED: 0, FAILED: 0 },
        oldestPendingAgeSeconds: 0,
        cpuSeconds: 0,
        residentBytes: 0,
        heapBytes: 0,
        verdicts: this.#verdicts(),
      }),
    });
  }

  /** Changes what happens from the next slot on; a slot alone stands for every slot. */
  behave(change: Partial<Behaviour> | Slot): void {
    const changed = typeof change === "string" ? { slot: () => change } : change;
    this.#behaviour = { ...this.#behaviour, ...changed };
    this.#slots = 0;
  }

  certificate(host: string, endsSeconds: number): void {
    this.#metrics.certificateExpires(host, endsSeconds * 1e3);
  }

  /** Stops responding; its address is still scraped, unless another probe has it. */
  stop(): void {
    this.#state = "down";
  }

  /** Disappears from the targets of Prometheus. */
  vanish(): void {
    this.#state = "gone";
  }

  /** Becomes a target again; the probe has run all the while. */
  appear(): void {
    this.#state = "up";
  }

  async scrape(atSeconds: number): Promise<[series: string, value: number][]> {
    if (this.#state === "gone") return [];
    const up = `up${render(this.#labels)}`;
    if (this.#state === "down") return [[up, 0]];
    while (this.#next.slot <= atSeconds) {
      this.#run(this.#next.slot);
      this.#next.slot += this.#options.taskIntervalSeconds;
      this.#slots++;
    }
    const { samples } = parse(await renderText(this.#metrics));
    const ours = samples.filter(({ name }) => !LEFT_OUT.test(name)).map((
      { name, labels, value },
    ): [string, number] => {
      const all: Labels = { ...labels, ...this.#labels };
      const isWhole = this.#options.prometheus3 && /^\d+$/.test(all.le ?? "");
      return [name + render(isWhole ? { ...all, le: `${all.le}.0` } : all), value];
    });
    return [[up, 1], ...ours];
  }

  #run(nowSeconds: number): void {
    this.#requestTokens(nowSeconds);
    const hasToken = this.#behaviour.token === null || nowSeconds < this.#tokenEnds;
    let allSucceeded = true;
    for (const datasetId of this.#datasets) {
      const slot = this.#behaviour.slot(this.#slots, datasetId);
      if (slot === "nothing") continue;
      if (slot === "late" || slot === "in_flight") {
        this.#metrics.skipped({ datasetId, cause: slot, count: 1 });
        continue;
      }
      const task = pending({ datasetId, createdMs: nowSeconds * 1e3 });
      this.#metrics.created(task);
      const outcome = hasToken ? slot : this.#reasonWithoutToken();
      const settled = outcome === "fast" || outcome === "slow"
        ? succeeded(task, outcome === "fast" ? 0.1 : this.#options.latencySeconds * 2)
        : failed(task, outcome);
      this.#metrics.settled(settled);
      this.#countRow(datasetId, settled.state === "FAILED", nowSeconds * 1e3);
      allSucceeded &&= settled.state === "SUCCEEDED";
    }
    if (this.#behaviour.heartbeat && allSucceeded) {
      this.#metrics.heartbeatSent(this.#behaviour.heartbeat);
    }
  }

  #countRow(datasetId: string, hasFailed: boolean, createdMs: number): void {
    const { failures = 0, firstMs = createdMs, hasSucceeded = false } = this.#rows.get(datasetId) ??
      {};
    this.#rows.set(
      datasetId,
      hasFailed
        ? { failures: failures + 1, firstMs: failures === 0 ? createdMs : firstMs, hasSucceeded }
        : { failures: 0, firstMs: createdMs, hasSucceeded: true },
    );
  }

  /** Only whether and since when a dataset is failing: the rules read nothing else of it. */
  #verdicts(): { datasetId: string; state: DatasetState; sinceMs: number }[] {
    return [...this.#rows].map(([datasetId, { failures, firstMs, hasSucceeded }]) => {
      const isFailing = failures >= 3 || failures > 0 && !hasSucceeded;
      return { datasetId, state: isFailing ? "failing" : "working", sinceMs: firstMs };
    });
  }

  #reasonWithoutToken(): Reason {
    const { token } = this.#behaviour;
    const isReached = token === "mixed" ? this.#slots % 2 === 0 : token === "refused";
    return isReached ? "auth" : "identity_provider";
  }

  /** Tokens are requested in the background, and soon again after a failure. */
  #requestTokens(nowSeconds: number): void {
    const { token } = this.#behaviour;
    if (token === null) return;
    while (this.#next.token <= nowSeconds) {
      this.#metrics.tokenRequested(token === "ok" ? "ok" : "failed");
      if (token === "ok") {
        this.#tokenEnds = this.#next.token + this.#options.tokenLifeSeconds;
        this.#metrics.tokenExpires(this.#tokenEnds * 1e3);
        this.#next.token += this.#options.tokenLifeSeconds * TOKEN_REFRESH_AT;
      } else {
        this.#next.token += TOKEN_BACKOFF_SECONDS;
      }
    }
  }
}

/** Labels as a selector, in a fixed order: equal labels give equal text. */
function render(labels: Labels): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1);
  return `{${sorted.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",")}}`;
}
