import type { Incident } from "../core/verdict/rows.ts";
import { type Bar, QUARTER, type Range, startOfBar, type Strip, sumOf } from "./bars.ts";
import {
  type DatasetPast,
  type KnownIncident,
  NO_PAST,
  type Past,
  type PastSource,
} from "./past.ts";
import type { TaskMemory } from "./task_memory.ts";

/** What is known of a dataset, before this process too. */
export type DatasetHistory = {
  /** Bars of a quarter of an hour. */
  day: Strip;
  /** Bars of a day (UTC); null while Prometheus has told none. */
  quarter: Strip | null;
  /** Newest first. */
  incidents: readonly KnownIncident[];
  /** From when on the bars of `day` are known; days and incidents may go further back. */
  knownSinceMs: number;
};

/** What this process has seen. */
export type Recorded = {
  readonly memory: Pick<TaskMemory, "knownSinceMs" | "read">;
  /** The outages of a dataset, oldest first. */
  incidentsOf(datasetId: string): readonly Incident[];
};

/** So long after the end of an outage its row of failures goes on, when the probe has restarted. */
const MAX_RESTART_MS = 10 * 60_000;

/** The incidents that are shown of a dataset. */
const MAX_INCIDENTS = 20;

/**
 * What this process has seen, and before it what others have. Where both know, this process is
 * right. Reading costs the same whatever the number of tasks.
 */
export class History {
  readonly #recorded: Recorded;
  readonly #past: Past;

  /** Without a past, nothing is known from before this process. */
  constructor(recorded: Recorded, past: Past = NO_PAST) {
    this.#recorded = recorded;
    this.#past = past;
  }

  /** Null for a dataset that is not probed. */
  of(datasetId: string): DatasetHistory | null {
    const own = this.#recorded.memory.read(datasetId, "24h");
    if (!own) return null;
    const before = this.#past.of(datasetId);
    const day = withPast(own, before);
    return {
      day,
      quarter: before && before.quarter.length > 0 ? quarterOf(before.quarter, day) : null,
      incidents: this.#incidents(datasetId, before, own.knownSinceMs),
      knownSinceMs: day.knownSinceMs,
    };
  }

  /** The newest outage of a dataset that is known; null when none is. */
  lastIncident(datasetId: string): KnownIncident | null {
    return this.incidents(datasetId)[0] ?? null;
  }

  /** The outages of a dataset, newest first; costs less than all that is known of it. */
  incidents(datasetId: string): KnownIncident[] {
    const { knownSinceMs } = this.#recorded.memory;
    return this.#incidents(datasetId, this.#past.of(datasetId), knownSinceMs);
  }

  /** A window of a dataset, the day with its past; null for a dataset that is not probed. */
  range(datasetId: string, range: Range): Strip | null {
    const own = this.#recorded.memory.read(datasetId, range);
    return own && range === "24h" ? withPast(own, this.#past.of(datasetId)) : own;
  }

  /** Where the past comes from, and how that went. */
  past(): PastSource {
    return this.#past.source();
  }

  #incidents(datasetId: string, past: DatasetPast | null, sinceMs: number): KnownIncident[] {
    return allIncidents(this.#recorded.incidentsOf(datasetId), past?.incidents ?? [], sinceMs);
  }
}

function withPast(own: Strip, past: DatasetPast | null): Strip {
  const [first] = own.bars;
  const before = past?.day.filter(({ startMs }) => first && startMs >= first.startMs) ?? [];
  const [earliest] = before;
  if (!earliest) return own;
  const known = new Map(before.map((bar) => [bar.startMs, bar]));
  const bars = own.bars.map((bar) => {
    const other = bar.startMs < own.knownSinceMs ? known.get(bar.startMs) : undefined;
    // The process began within this bar: whoever has seen more is right.
    return other && other.settled >= bar.settled ? other : bar;
  });
  return { ...own, knownSinceMs: Math.min(own.knownSinceMs, earliest.startMs), bars };
}

/** What is recorded of a day counts; of today, and when nothing is recorded, the bars of `day`. */
function quarterOf(recorded: readonly Bar[], day: Strip): Strip {
  const { barSeconds, bars: count } = QUARTER;
  const today = startOfBar(day.bars.at(-1)?.startMs ?? day.knownSinceMs, barSeconds);
  const known = new Map(recorded.map((bar) => [bar.startMs, bar]));
  const parts = Map.groupBy(day.bars, ({ startMs }) => startOfBar(startMs, barSeconds));
  const bars = Array.from({ length: count }, (_, i): Bar => {
    const startMs = today - (count - 1 - i) * barSeconds * 1e3;
    return known.get(startMs) ?? sumOf(startMs, parts.get(startMs) ?? []);
  });
  const earliest = bars.find(({ startMs }) => known.has(startMs));
  return { barSeconds, knownSinceMs: earliest?.startMs ?? day.knownSinceMs, bars };
}

/** Newest first. An outage that a restart has interrupted is one incident. */
function allIncidents(
  own: readonly Incident[],
  past: readonly KnownIncident[],
  sinceMs: number,
): KnownIncident[] {
  const seen = own.map((incident) => ({ ...incident, resolutionSeconds: 0 })).reverse();
  const before = past.filter(({ startMs }) => startMs < sinceMs);
  const [interrupted] = before;
  const first = seen.at(-1);
  const isOne = interrupted && first &&
    first.startMs - (interrupted.endMs ?? sinceMs) <= MAX_RESTART_MS;
  const all = isOne
    ? [...seen.slice(0, -1), joined(interrupted, first), ...before.slice(1)]
    : [...seen, ...before];
  return all.slice(0, MAX_INCIDENTS);
}

function joined(before: KnownIncident, after: KnownIncident): KnownIncident {
  return {
    ...after,
    startMs: before.startMs,
    lost: before.lost + after.lost,
    resolutionSeconds: before.resolutionSeconds,
  };
}
