import type { Clock } from "../core/clock.ts";
import { isSlow, type SettledTask } from "../core/task.ts";
import { BarRing } from "./bar_ring.ts";
import { type Bar, type Range, RANGE_NAMES, RANGES, startOfBar, type Strip } from "./bars.ts";

type Rings = Readonly<Record<Range, BarRing>>;

export type TaskMemoryOptions = {
  datasetIds: readonly string[];
  clock: Pick<Clock, "now" | "monotonic">;
  /** A success that takes longer is slow. */
  sloLatencySeconds: number;
};

/**
 * What this process has settled in the last day, in bars: the same amount of memory whatever the
 * number of tasks. A task counts in the bar in which it settles. Bars are aligned to the wall clock;
 * when that is set back, the times of the bars follow it by whole bars.
 */
export class TaskMemory {
  readonly #datasets: Map<string, Rings>;
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  readonly #slowSeconds: number;
  /** From the monotonic clock to the times of the rings, which never go back. */
  #offsetMs = -Infinity;
  /** In the times of the rings. */
  readonly #startedMs: number;

  constructor({ datasetIds, clock, sloLatencySeconds }: TaskMemoryOptions) {
    this.#datasets = new Map(datasetIds.map((id) => [id, newRings()]));
    this.#clock = clock;
    this.#slowSeconds = sloLatencySeconds;
    this.#startedMs = this.#now();
  }

  /** When the process began to remember, by the present wall clock. */
  get knownSinceMs(): number {
    return this.#startedMs - Math.max(0, this.#now() - this.#clock.now());
  }

  /** Counts a task that is settled now. */
  settled(task: SettledTask): void {
    const { datasetId, state, durationSeconds: seconds } = task;
    const failed = state === "FAILED";
    const slow = isSlow(task, this.#slowSeconds);
    const nowMs = this.#now();
    for (const ring of Object.values(this.#datasets.get(datasetId) ?? {})) {
      ring.add(nowMs, { failed, slow, seconds });
    }
  }

  /** The bars of a range; null for a dataset that is not probed. */
  read(datasetId: string, range: Range): Strip | null {
    const rings = this.#datasets.get(datasetId);
    if (!rings) return null;
    const { barSeconds } = RANGES[range];
    const nowMs = this.#now();
    const shiftMs = startOfBar(nowMs - this.#clock.now(), barSeconds);
    const bars = rings[range].read(nowMs).map((bar) => earlier(bar, shiftMs));
    return { barSeconds, knownSinceMs: this.knownSinceMs, bars };
  }

  /** What was settled in a range; nothing of a dataset that is not probed. */
  counts(datasetId: string, range: Range): { settled: number; failed: number } {
    return this.#datasets.get(datasetId)?.[range].counts(this.#now()) ?? { settled: 0, failed: 0 };
  }

  /** The wall clock as long as it is not set back; a machine that sleeps makes a gap. */
  #now(): number {
    const monotonicMs = this.#clock.monotonic();
    this.#offsetMs = Math.max(this.#offsetMs, this.#clock.now() - monotonicMs);
    return monotonicMs + this.#offsetMs;
  }
}

function newRings(): Rings {
  const rings = RANGE_NAMES.map((name) => {
    const { bars, barSeconds } = RANGES[name];
    return [name, new BarRing(bars, barSeconds)];
  });
  return Object.fromEntries(rings);
}

function earlier(bar: Bar, byMs: number): Bar {
  return byMs === 0 ? bar : { ...bar, startMs: bar.startMs - byMs };
}
