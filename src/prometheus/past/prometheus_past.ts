import type { Clock } from "../../core/clock.ts";
import type { Random } from "../../core/random.ts";
import type { DatasetPast, Past, PastSource } from "../../history/past.ts";
import { explain } from "../../http_client/errors.ts";
import type { Objectives } from "../slo.ts";
import type { Scope } from "./queries.ts";
import type { QueryRange } from "./query_range.ts";
import { type Found, readBars, readBeginnings, readDays, readIncidents } from "./readings.ts";

/** The pause between readings, and after a failed one, which doubles up to it. */
const INTERVAL_MS = 5 * 60_000;
const MIN_PAUSE_MS = 20_000;

/** The first reading waits for the first tasks. */
const FIRST_PAUSE_MS = 1_000;

/** Pauses are longer or shorter by up to this share: probes that start together spread. */
const JITTER = 0.2;

/** Rules record the last minutes before this process so late, and scrapes are late too. */
const SETTLED_AFTER_MS = 10 * 60_000;

export type PrometheusPastOptions = {
  clock: Clock;
  random: Pick<Random, "fraction">;
  queryRange: QueryRange;
  datasetIds: readonly string[];
  scope: Scope;
  objectives: Objectives;
  /** Where this process' own memory begins, milliseconds since the epoch. */
  startedMs: number;
  /** Ends the readings. */
  signal: AbortSignal;
  /** Called with the error when readings begin to fail, and with null when they work again. */
  onChange: (error: unknown) => void;
};

/**
 * What was before this process, as Prometheus knows it: read shortly after the start and then every
 * few minutes, one query at a time. What was known stays when a reading fails. Never throws.
 */
export class PrometheusPast implements Past {
  readonly #options: PrometheusPastOptions;
  #bars: Found<"day"> = new Map();
  #beginnings: ReadonlyMap<string, number> = new Map();
  #days: Found<"quarter"> = new Map();
  #incidents: Found<"incidents"> = new Map();
  /** Whether bars and incidents cannot change any more. */
  #isSettled = false;
  #hasRead = false;
  #asOfMs: number | null = null;
  #failure: { sinceMs: number; problem: string } | null = null;
  #pauseMs = MIN_PAUSE_MS;

  constructor(options: PrometheusPastOptions) {
    this.#options = options;
  }

  of(datasetId: string): DatasetPast | null {
    if (!this.#hasRead) return null;
    return {
      day: this.#bars.get(datasetId) ?? [],
      daySinceMs: this.#beginnings.get(datasetId) ?? null,
      quarter: this.#days.get(datasetId) ?? [],
      incidents: this.#incidents.get(datasetId) ?? [],
    };
  }

  source(): PastSource {
    return {
      state: this.#failure ? "failed" : this.#asOfMs === null ? "loading" : "known",
      asOfMs: this.#asOfMs,
      failedSinceMs: this.#failure && this.#failure.sinceMs,
      problem: this.#failure && this.#failure.problem,
      location: this.#options.scope.location,
    };
  }

  /** Begins to read; returns at once. */
  start(): void {
    const { signal } = this.#options;
    let cancel = this.#after(FIRST_PAUSE_MS, next);
    signal.addEventListener("abort", () => cancel(), { once: true });
    const read = () => this.#read();
    const after = (pauseMs: number) => this.#after(pauseMs, next);

    async function next(): Promise<void> {
      const pauseMs = await read();
      if (!signal.aborted) cancel = after(pauseMs);
    }
  }

  #after(pauseMs: number, next: () => Promise<void>): () => void {
    const { clock, random } = this.#options;
    const jitter = 1 + JITTER * (2 * random.fraction() - 1);
    return clock.after(pauseMs * jitter, () => void next());
  }

  /** Returns the time until the next reading. */
  async #read(): Promise<number> {
    const { clock, signal, onChange } = this.#options;
    try {
      await this.#readAll(clock.now());
      this.#asOfMs = clock.now();
      if (this.#failure) onChange(null);
      this.#failure = null;
      this.#pauseMs = MIN_PAUSE_MS;
      return INTERVAL_MS;
    } catch (error) {
      if (signal.aborted) return INTERVAL_MS;
      if (!this.#failure) onChange(error);
      const sinceMs = this.#failure?.sinceMs ?? clock.now();
      this.#failure = { sinceMs, problem: explain(error) };
      const pauseMs = this.#pauseMs;
      this.#pauseMs = Math.min(INTERVAL_MS, 2 * pauseMs);
      return pauseMs;
    }
  }

  /** Keeps what each part of the reading has found, whatever becomes of the next one. */
  async #readAll(nowMs: number): Promise<void> {
    const reading = { ...this.#options, nowMs };
    if (!this.#isSettled) {
      this.#bars = await readBars(reading);
      this.#hasRead = true;
      this.#beginnings = await readBeginnings(reading, this.#bars);
    }
    this.#days = await readDays(reading);
    this.#hasRead = true;
    if (this.#isSettled) return;
    this.#incidents = await readIncidents(reading);
    this.#isSettled = nowMs >= this.#options.startedMs + SETTLED_AFTER_MS;
  }
}
