import { type Clock, type Exactness, sleep } from "../core/clock.ts";
import type { TaskObserver } from "../core/task_observer.ts";
import type { Backlog } from "./backlog.ts";
import { createDeadlineCheck } from "./ledger.ts";
import { every, isStalled, type Loop, type Tick } from "./schedule.ts";
import type { RunTask } from "./task_runner.ts";

/**
 * Exact timers may poll, so they are used only for slots at least this far apart: at that distance
 * they cost up to 2 % of a core.
 */
const EXACT_FROM_MS = 100;

export type ProbeLoopsOptions = {
  clock: Clock;
  datasetIds: readonly string[];
  taskIntervalSeconds: number;
  taskTimeoutSeconds: number;
  cleanTasksIntervalSeconds: number;
  dismissTaskSeconds: number;
  backlog: Backlog;
  runTask: RunTask;
  observer: Required<TaskObserver>;
  /** Called when a slot of a loop runs, with how late it runs. */
  onTick: (loop: "probe" | "prune", lagMs: number) => void;
  /** Called after each pruning of the backlog with the number of dismissed tasks. */
  onPruned: (dismissed: number) => void;
  /** Called when a handler or an observer throws: an invariant is broken. */
  onBroken: (error: unknown) => void;
  /** Ends the loops: no new slots. */
  noNewSlots: AbortSignal;
  /** Ends the tasks in flight, which stay pending. */
  abandonTasks: AbortSignal;
};

/**
 * The loops of the program: one for each dataset, spread evenly over the interval, and one that
 * prunes the backlog. A slot starts its task without waiting for it.
 */
export class ProbeLoops {
  readonly #options: ProbeLoopsOptions;
  readonly #checkDeadline: ReturnType<typeof createDeadlineCheck>;
  readonly #loops: Loop[] = [];
  readonly #inFlight = new Set<Promise<void>>();

  constructor(options: ProbeLoopsOptions) {
    this.#options = options;
    this.#checkDeadline = createDeadlineCheck(options.taskTimeoutSeconds * 1e3);
  }

  start(): void {
    const { datasetIds, taskIntervalSeconds, cleanTasksIntervalSeconds } = this.#options;
    const isSparse = taskIntervalSeconds * 1e3 / datasetIds.length >= EXACT_FROM_MS;
    // A response that came meanwhile would have a wrong instant.
    const exact = isSparse ? { mayBlock: () => this.#inFlight.size === 0 } : undefined;
    for (const [i, datasetId] of datasetIds.entries()) {
      const phase = i / datasetIds.length;
      const runSlot = (tick: Tick) => this.#runSlot(datasetId, tick);
      this.run("probe", taskIntervalSeconds, runSlot, { phase, exact });
    }
    this.run("prune", cleanTasksIntervalSeconds, (tick) => this.#prune(tick), { phase: 1 });
  }

  /** Runs `handler` in slots until no new slots are wanted; `phase` counts in intervals. */
  run(
    name: string,
    intervalSeconds: number,
    handler: (tick: Tick) => void,
    { phase = 0, exact }: { phase?: number; exact?: Exactness } = {},
  ): void {
    const { clock, noNewSlots: signal, onBroken } = this.#options;
    const intervalMs = intervalSeconds * 1e3;
    const guarded = (tick: Tick) => {
      try {
        handler(tick);
      } catch (error) {
        onBroken(error);
      }
    };
    const options = { clock, signal, phaseMs: phase * intervalMs, exact };
    this.#loops.push(every(name, intervalMs, guarded, options));
  }

  get tasksInFlight(): number {
    return this.#inFlight.size;
  }

  /** Names of the loops that have stopped ticking; none in a healthy probe. */
  stalled(): string[] {
    if (this.#options.noNewSlots.aborted) return [];
    return this.#loops.filter(isStalled).map(({ name }) => name);
  }

  /** Resolves when all tasks in flight are settled, and after `graceMs` at the latest. */
  async drain(graceMs: number): Promise<void> {
    const { clock, abandonTasks } = this.#options;
    await Promise.race([Promise.all(this.#inFlight), sleep(clock, graceMs, abandonTasks)]);
  }

  #runSlot(datasetId: string, { skipped, lagMs }: Tick): void {
    const { clock, backlog, runTask, observer, onTick, onBroken, abandonTasks } = this.#options;
    onTick("probe", lagMs);
    if (skipped > 0) observer.skipped({ datasetId, cause: "late", count: skipped });
    this.#checkDeadline(backlog.oldestPending, clock.monotonic());
    const task = runTask(datasetId, abandonTasks);
    if (!task) return observer.skipped({ datasetId, cause: "in_flight", count: 1 });
    const followed: Promise<void> = task
      .then(() => {}, onBroken)
      .finally(() => this.#inFlight.delete(followed));
    this.#inFlight.add(followed);
  }

  #prune({ lagMs }: Tick): void {
    const { clock, backlog, dismissTaskSeconds, onTick, onPruned } = this.#options;
    onTick("prune", lagMs);
    onPruned(backlog.prune(clock.monotonic() - dismissTaskSeconds * 1e3));
  }
}
