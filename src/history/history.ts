import { REASONS } from "../core/reasons.ts";
import type { Cause } from "../core/verdict/dataset_verdict.ts";
import { type Incident, MAX_INCIDENTS, sumOfReasons } from "../core/verdict/rows.ts";
import type { DatasetState } from "../core/verdict/states.ts";
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
  /** When the first task of a dataset that succeeded was created; null while none has. */
  firstSuccessMsOf(datasetId: string): number | null;
};

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

  /** The health of a dataset, with the beginning of an outage that a restart has interrupted. */
  withPast<Health extends { datasetId: string; state: DatasetState; sinceMs: number }>(
    health: Health,
  ): Health {
    return { ...health, sinceMs: this.sinceMs(health) };
  }

  /**
   * Since when a dataset is in its state: of an outage that a restart has interrupted, its beginning
   * before this process.
   */
  sinceMs(
    { datasetId, state, sinceMs }: { datasetId: string; state: DatasetState; sinceMs: number },
  ): number {
    const last = state === "failing" ? this.lastIncident(datasetId) : null;
    return last?.endMs === null ? Math.min(sinceMs, last.startMs) : sinceMs;
  }

  /** Why a dataset is failing, also before a restart that has interrupted the outage. */
  cause(datasetId: string, cause: Cause): Cause {
    const { first } = cause;
    const sinceMs = this.sinceMs({ datasetId, state: "failing", sinceMs: first.sinceMs });
    if (sinceMs >= first.sinceMs) return cause;
    const before = this.#past.of(datasetId)?.incidents[0]?.reasons ?? {};
    const [frequent] = REASONS.filter((reason) => before[reason])
      .sort((a, b) => (before[b] ?? 0) - (before[a] ?? 0));
    if (frequent && !before[first.reason]) {
      return { ...cause, first: { reason: frequent, sinceMs } };
    }
    return {
      reason: cause.reason,
      sinceMs: cause.reason === first.reason ? sinceMs : cause.sinceMs,
      first: { reason: first.reason, sinceMs },
    };
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
    const own = {
      incidents: this.#recorded.incidentsOf(datasetId),
      firstSuccessMs: this.#recorded.firstSuccessMsOf(datasetId),
      sinceMs,
    };
    return allIncidents(own, past?.incidents ?? []);
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
    // The process began within this bar: whoever has seen more is right. Only it knows durations.
    if (!other || other.settled < bar.settled) return bar;
    const { meanSeconds, longestSeconds } = bar;
    return { ...other, meanSeconds, longestSeconds };
  });
  const pastSinceMs = Math.max(earliest.startMs, past?.daySinceMs ?? earliest.startMs);
  return { ...own, knownSinceMs: Math.min(own.knownSinceMs, pastSinceMs), bars };
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

/**
 * Newest first. An outage that lasted when this process began goes on in its first row of failures,
 * unless a task has succeeded before; then it ended with that.
 */
function allIncidents(
  own: { incidents: readonly Incident[]; firstSuccessMs: number | null; sinceMs: number },
  past: readonly KnownIncident[],
): KnownIncident[] {
  const { firstSuccessMs, sinceMs } = own;
  const seen = own.incidents.map((each) => ({ ...each, resolutionSeconds: 0 })).reverse();
  const [last, ...older] = past.filter(({ startMs }) => startMs < sinceMs);
  if (!last) return seen.slice(0, MAX_INCIDENTS);
  const first = seen.at(-1);
  const goesOn = last.endMs === null && first &&
    first.startMs < (firstSuccessMs ?? Infinity);
  const all = goesOn
    ? [...seen.slice(0, -1), joined(last, first), ...older]
    : [...seen, { ...last, endMs: last.endMs ?? firstSuccessMs }, ...older];
  return all.slice(0, MAX_INCIDENTS);
}

function joined(before: KnownIncident, after: KnownIncident): KnownIncident {
  return {
    ...after,
    startMs: before.startMs,
    lost: before.lost + after.lost,
    reasons: sumOfReasons([before.reasons, after.reasons]),
    resolutionSeconds: before.resolutionSeconds,
  };
}
