import type { Invariants } from "../invariants/invariants.ts";
import type { Journal } from "../journal.ts";
import type { Draw } from "../world/draw.ts";
import { readExposition, type Samples } from "./exposition.ts";
import type { Requests } from "./requests.ts";

type Format = "text" | "openmetrics";

/** An exposition that is being rendered, and its expected samples; null where they are unknown. */
type Rendering = { format: Format; samples: Samples | null };

const OPENMETRICS = "application/openmetrics-text; version=1.0.0";

/** A gauge of an age that is read in a slow step may be older by this. */
const SLOW_SECONDS = 0.05;

/** Scrapes in both formats, and checks every sample of what comes. */
export class Scrapes {
  /** How many scrapes have got a response. */
  count = 0;
  #rendering: Rendering | null = null;
  #last: Samples = new Map();

  constructor(
    private readonly draw: Draw,
    private readonly journal: Journal,
    private readonly appId: string,
    private readonly invariants: Invariants,
  ) {}

  get isRendering(): boolean {
    return this.#rendering !== null;
  }

  /** Concurrent scrapes share one rendering, so that all show its samples. */
  scrape(requests: Requests, isAmidst: boolean): void {
    const format = this.draw.pick<Format>(["text", "openmetrics"]);
    const path = this.draw.pick(["/metrics", "/metrics", "/"]);
    const accept = format === "openmetrics" ? OPENMETRICS : "text/plain;version=0.0.4";
    // The assertions keep the type that only the callbacks give it.
    let rendering = null as Rendering | null;
    const onBegin = () => {
      if (this.#rendering === null) {
        const samples = isAmidst ? null : this.invariants.metrics.samples();
        this.#rendering = { format, samples };
      }
      rendering = this.#rendering.format === format ? this.#rendering : null;
    };
    const onMade = () => {
      if (this.#rendering?.format === format) this.#rendering = null;
    };
    requests.send(path, { accept }, (status, text) => {
      this.count++;
      if (status !== 200) return this.journal.broken("scrapes succeed", `${status}: ${text}`);
      this.#check(text, format, rendering?.samples ?? null);
    }, { onBegin, onMade });
  }

  #check(text: string, format: Format, expected: Samples | null): void {
    const { journal } = this;
    const samples = readExposition(text, this.appId);
    const isWhole = format === "openmetrics" ? text.endsWith("# EOF\n") : text.endsWith("\n");
    journal.check(isWhole, "an exposition is whole", () => text.slice(-100));
    this.#checkSums(samples);
    for (const [name, value] of this.#last) {
      const now = samples.get(name);
      if (now !== undefined && (now >= value || !isCounter(name))) continue;
      if (now === undefined && name.includes("expiry")) continue;
      journal.broken("counters never go down", `${name} from ${value} to ${now}`);
    }
    this.#last = samples;
    if (expected) this.#compare(samples, expected);
  }

  #compare(samples: Samples, expected: Samples): void {
    const { journal } = this;
    for (const [name, value] of expected) {
      const shown = samples.get(name);
      const isRight = shown === value || Number.isNaN(value) ||
        (shown !== undefined && Math.abs(shown - value) <= toleranceOf(name, value));
      journal.check(isRight, "metrics are right", () => `${name} is ${shown}, not ${value}`);
    }
    for (const name of samples.keys()) {
      const isKnown = expected.has(name) || !name.startsWith("probe_") ||
        name.startsWith("probe_build_info");
      journal.check(isKnown, "metrics are right", () => `${name} should not be there`);
    }
  }

  #checkSums(samples: Samples): void {
    const sums = new Map<string, number>();
    const sum = (name: string) => sums.get(name) ?? 0;
    for (const [series, value] of samples) {
      const [name = series] = series.split("{", 1);
      sums.set(name, sum(name) + value);
    }
    const same = (what: string, a: number, b: number) =>
      this.journal.check(
        a === b,
        "counters agree in every scrape",
        () => `${what}: ${a} is not ${b}`,
      );
    const created = sum("probe_tasks_created_total");
    const settled = sum("probe_tasks_succeeded_total") + sum("probe_tasks_failed_total");
    const inFlight = sum("probe_tasks_in_flight");
    same("created = succeeded + failed + in flight", created, settled + inFlight);
    same("failures by reason", sum("probe_task_failures_total"), sum("probe_tasks_failed_total"));
    same("durations", sum("probe_task_duration_seconds_count"), settled);
    same("tracked", sum("probe_tasks_tracked"), created - sum("probe_tasks_dismissed_total"));
    const lag = samples.get('probe_schedule_lag_seconds_count{loop="probe"}');
    const refused = samples.get('probe_slots_skipped_total{cause="in_flight"}') ?? 0;
    same("ticks", lag ?? 0, created + refused);
  }
}

function isCounter(name: string): boolean {
  return /^\w+_(total|count|sum|bucket)(\{|$)/.test(name);
}

function toleranceOf(name: string, value: number): number {
  if (name === "probe_oldest_pending_task_age_seconds") return SLOW_SECONDS;
  if (/_sum(\{|$)|_timestamp_seconds/.test(name)) {
    return 1e-3 + 1e-6 * (name.includes("_sum") ? value : 0);
  }
  return 0;
}
