/** Probes that never ran, as Prometheus would have scraped them: input for `promtool test rules`. */
import { SHARED } from "../../src/prometheus/definitions.ts";
import { Metrics } from "../../src/prometheus/metrics.ts";
import type { Reason } from "../../src/core/reasons.ts";
import { FakeClock } from "../support/clock.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";
import { parse } from "../support/exposition.ts";
import { renderText } from "../support/render.ts";

export type Labels = Record<string, string>;

/** What comes of a slot: a task with this end, or none for this cause, or the loop stands still. */
export type Slot = "fast" | "slow" | Reason | "late" | "in_flight" | "nothing";

export type Behaviour = {
  /** By the number of the slot since this behaviour began, and the dataset. */
  slot: (count: number, datasetId: string) => Slot;
  /** What the identity provider says when it is asked; null in a run without credentials. */
  token: "ok" | "failed" | null;
  /** Heartbeats that are received, or not, or not sent at all. */
  heartbeat: "ok" | "failed" | null;
};

/** What must fire at a time, and nothing besides. */
export type Expectation = {
  atSeconds: number;
  /** Labels of each firing alert, `alertname` and `severity` among them. */
  firing: Labels[];
  summaries: { labels: Labels; summary: string }[];
};

export type WorldOptions = {
  scrapeSeconds?: number;
  taskIntervalSeconds?: number;
  latencySeconds?: number;
  tokenLifeSeconds?: number;
  /** Prometheus 3 writes a whole number with a fraction. */
  prometheus3?: boolean;
};

const JOB = "dataplatform-probe";
const TOKEN_REFRESH_AT = 0.8;
/** How often a provider that fails is asked again, at most. */
const TOKEN_BACKOFF_SECONDS = 5;
/** Not in the rules, and most of the series. */
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

  /** A probe that starts with the next scrape; a restart is a stop and a start at one address. */
  start(
    { labels = {}, instance = "probe:8000", datasets = ["a"] }: {
      labels?: Labels;
      instance?: string;
      datasets?: string[];
    } = {},
  ): SimulatedProbe {
    const probe = new SimulatedProbe(
      { job: JOB, instance, ...labels },
      datasets,
      this.#scrapes * this.scrapeSeconds,
      `000000${this.#probes.length}`,
      this.#options,
    );
    this.#probes.push(probe);
    return probe;
  }

  /** Lets time pass, with a scrape of everything that is there every so often. */
  async pass(minutes: number): Promise<void> {
    const end = this.#scrapes + Math.round(minutes * 60 / this.scrapeSeconds);
    for (; this.#scrapes < end; this.#scrapes++) {
      const seen = new Map<string, number>();
      for (const probe of this.#probes) {
        const samples = await probe.scrape(this.#scrapes * this.scrapeSeconds);
        for (const [series, value] of samples) {
          // Of two processes at one address the later one is scraped.
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

  /** Now exactly these alerts fire, each with exactly these labels. */
  expect(...alerts: { alert: string; severity?: string; summary?: string; labels?: Labels }[]) {
    const firing = alerts.map(({ alert, severity = "page", labels = {} }) => ({
      alertname: alert,
      severity,
      ...labels,
    }));
    const summaries = alerts.flatMap(({ summary }, i) =>
      summary === undefined ? [] : [{ labels: firing[i], summary }]
    );
    this.expectations.push({ atSeconds: this.nowSeconds, firing, summaries });
  }

  inputSeries(): { series: string; values: string }[] {
    return [...this.#series].map(([series, values]) => ({ series, values: values.join(" ") }));
  }
}

export class SimulatedProbe {
  does: Behaviour = { slot: () => "fast", token: "ok", heartbeat: null };
  #labels: Labels;
  #datasets: string[];
  #metrics: Metrics;
  #options: Required<WorldOptions>;
  #state: "up" | "down" | "gone" = "up";
  #since = 0;
  #next: { slot: number; token: number };
  #tokenEnds = -Infinity;

  constructor(
    labels: Labels,
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
      }),
    });
  }

  /** Goes on like this from the next slot on. */
  now(does: Partial<Behaviour> | Slot): void {
    this.does = { ...this.does, ...typeof does === "string" ? { slot: () => does } : does };
    this.#since = 0;
  }

  certificate(host: string, endsSeconds: number): void {
    this.#metrics.certificateExpires(host, endsSeconds * 1e3);
  }

  /** Does not answer any more; its address is still scraped, unless another probe has it. */
  stop(): void {
    this.#state = "down";
  }

  /** Is not known to Prometheus any more. */
  vanish(): void {
    this.#state = "gone";
  }

  /** Is scraped again, and has run all the while. */
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
      this.#since++;
    }
    const { samples } = parse(await renderText(this.#metrics));
    const ours = samples.filter(({ name }) => !LEFT_OUT.test(name)).map((
      { name, labels, value },
    ): [string, number] => {
      const all = { ...labels, ...this.#labels };
      if (this.#options.prometheus3 && /^\d+$/.test(all.le)) all.le += ".0";
      return [name + render(all), value];
    });
    return [[up, 1], ...ours];
  }

  #run(nowSeconds: number): void {
    this.#askForToken(nowSeconds);
    const hasToken = this.does.token === null || nowSeconds < this.#tokenEnds;
    let isWell = true;
    for (const datasetId of this.#datasets) {
      const slot = this.does.slot(this.#since, datasetId);
      if (slot === "nothing") continue;
      if (slot === "late" || slot === "in_flight") {
        this.#metrics.skipped(slot, 1);
        continue;
      }
      this.#metrics.created(datasetId);
      const task = pending({ datasetId });
      const end = hasToken ? slot : "auth";
      const settled = end === "fast" || end === "slow"
        ? succeeded(task, end === "fast" ? 0.1 : this.#options.latencySeconds * 2)
        : failed(task, end);
      this.#metrics.settled(settled, nowSeconds * 1e3);
      isWell &&= settled.state === "SUCCEEDED";
    }
    if (this.does.heartbeat && isWell) this.#metrics.heartbeat(this.does.heartbeat);
  }

  /** As the token's source does: in the background, and at once after a failure. */
  #askForToken(nowSeconds: number): void {
    const { token } = this.does;
    if (token === null) return;
    while (this.#next.token <= nowSeconds) {
      this.#metrics.tokenRequested(token);
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

/** Labels as a selector; of equal ones always the same text. */
function render(labels: Labels): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1);
  return `{${sorted.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",")}}`;
}
