import type { Config } from "../../../src/config/config.ts";
import type { Journal } from "../journal.ts";
import type { SimulatedTime } from "../world/time.ts";

/** A loop of the schedule. */
type Loop = {
  name: "probe" | "prune" | "table";
  startMs: number;
  intervalMs: number;
  /** The first slot that has not run and was not skipped. */
  next: number;
};

/** How long a loop may be overdue before the health check names it: two intervals, within these. */
const MIN_PATIENCE_MS = 5_000;
const MAX_PATIENCE_MS = 60_000;

/** The slots of each loop: none runs twice, early, or not at all. */
export class SlotInvariants {
  /** One probing loop for each dataset, in the order of the configuration. */
  readonly #probing = new Map<string, Loop>();
  readonly #prune: Loop;
  #table: Loop | null = null;

  constructor(
    private readonly config: Config,
    private readonly time: SimulatedTime,
    private readonly journal: Journal,
    private readonly onLag: (loop: "probe" | "prune", lagMs: number) => void,
  ) {
    const startMs = time.nowMs;
    const intervalMs = config.taskIntervalSeconds * 1e3;
    config.datasetIds.forEach((datasetId, i) => {
      const phaseMs = i / config.datasetIds.length * intervalMs;
      const loop: Loop = { name: "probe", startMs: startMs + phaseMs, intervalMs, next: 0 };
      this.#probing.set(datasetId, loop);
    });
    const cleanMs = config.cleanTasksIntervalSeconds * 1e3;
    this.#prune = { name: "prune", startMs: startMs + cleanMs, intervalMs: cleanMs, next: 0 };
  }

  /** A slot of this dataset runs; returns how many slots before it were skipped. */
  probed(datasetId: string): number {
    const loop = this.#probing.get(datasetId);
    if (loop) return this.#ran(loop);
    this.journal.broken("only datasets of the configuration are probed", datasetId);
    return 0;
  }

  pruned(): void {
    this.#ran(this.#prune);
  }

  /** Tables follow one another from the first settled task on. */
  startTables(): void {
    if (this.#table) return;
    const intervalMs = this.config.tableIntervalSeconds * 1e3;
    this.#table = { name: "table", startMs: this.time.nowMs, intervalMs, next: 0 };
  }

  tablePrinted(): void {
    if (this.#table) this.#ran(this.#table);
    else this.journal.broken("the first table comes with the first settled task", "it came before");
  }

  /** The loops that the health check must name. */
  stalled(): string[] {
    const { nowMs, toleranceMs } = this.time;
    return this.#loops().filter((loop) => {
      const patienceMs = Math.min(MAX_PATIENCE_MS, Math.max(MIN_PATIENCE_MS, 2 * loop.intervalMs));
      return nowMs - dueMs(loop) > patienceMs + toleranceMs;
    }).map(({ name }) => name);
  }

  /** What must hold when every timer that is due has run. */
  checkCaughtUp(): void {
    const { nowMs, toleranceMs } = this.time;
    for (const loop of this.#loops()) {
      this.journal.check(
        dueMs(loop) > nowMs - toleranceMs,
        "every due slot has run",
        () => `slot ${loop.next} of ${loop.name} is due for ${nowMs - dueMs(loop)} ms`,
      );
    }
  }

  #loops(): Loop[] {
    const loops = [...this.#probing.values(), this.#prune];
    return this.#table ? [...loops, this.#table] : loops;
  }

  /** Returns how many slots were passed over. */
  #ran(loop: Loop): number {
    const { time: { nowMs, toleranceMs } } = this;
    const slot = Math.floor((nowMs + toleranceMs - loop.startMs) / loop.intervalMs);
    this.journal.check(
      slot >= loop.next,
      "a slot runs once, and not early",
      () => `${loop.name} runs again in slot ${slot}, ${loop.next} comes next`,
    );
    const skipped = slot - loop.next;
    if (loop.name !== "table") {
      this.onLag(loop.name, Math.max(0, nowMs - loop.startMs - slot * loop.intervalMs));
    }
    loop.next = slot + 1;
    return skipped;
  }
}

function dueMs({ startMs, intervalMs, next }: Loop): number {
  return startMs + next * intervalMs;
}
