import type { Reason } from "../core/reasons.ts";
import { type State, STATES } from "../core/task.ts";
import { type DatasetState, STATE_DEFINITIONS } from "../core/verdict/states.ts";
import { DATASET_COLORS, styled, TASK_COLORS, YELLOW } from "./ansi.ts";

/** What became of the tasks of one dataset in a one-off run. */
export type DatasetRun = {
  datasetId: string;
  url: string;
  state: DatasetState;
  counts: Readonly<Record<State, number>>;
  /** Successes that took longer than they may: they count as failed. */
  tooSlow: number;
  reasons: ReadonlyMap<Reason, number>;
};

/** The counts of one dataset, or of several together. */
export type RunCounts = Pick<DatasetRun, "counts" | "tooSlow" | "reasons">;

/** The state of a task in its colour, where there is colour. */
export function paintTaskState(state: State, color: boolean): string {
  return color ? styled(TASK_COLORS[state], state) : state;
}

/**
 * The lines under those of the tasks: the state of each dataset with the URL that was asked, and
 * the sum of them when there are several.
 */
export function renderRunSummary(runs: readonly DatasetRun[], color: boolean): string[] {
  const lines = runs.map(({ datasetId, url, state, ...counts }) => {
    const { word } = STATE_DEFINITIONS[state];
    const shown = color ? styled(DATASET_COLORS[state] ?? YELLOW, word) : word;
    return `${datasetId}: ${shown}, ${describeRunCounts(counts)}; ${url}`;
  });
  if (runs.length < 2) return lines;
  return [...lines, `${runs.length} datasets: ${describeRunCounts(sumRuns(runs))}`];
}

/** The counts of all datasets together. */
export function sumRuns(runs: readonly RunCounts[]): RunCounts {
  const counts = { PENDING: 0, SUCCEEDED: 0, FAILED: 0 };
  const reasons = new Map<Reason, number>();
  let tooSlow = 0;
  for (const run of runs) {
    for (const state of STATES) counts[state] += run.counts[state];
    for (const [reason, count] of run.reasons) {
      reasons.set(reason, (reasons.get(reason) ?? 0) + count);
    }
    tooSlow += run.tooSlow;
  }
  return { counts, tooSlow, reasons };
}

/** Such as `1 of 4 tasks succeeded, 3 failed (1 dns, 1 reset, 1 too slow)`. */
export function describeRunCounts(run: RunCounts): string {
  const { counts: { PENDING, SUCCEEDED, FAILED }, tooSlow } = run;
  const failed = FAILED + tooSlow;
  const settled = SUCCEEDED + FAILED;
  return [
    `${SUCCEEDED - tooSlow} of ${settled} ${settled === 1 ? "task" : "tasks"} succeeded`,
    ...failed > 0 ? [`${failed} failed (${describeReasons(run)})`] : [],
    ...PENDING > 0 ? [`${PENDING} abandoned`] : [],
  ].join(", ");
}

/** Why tasks failed, with counts, the most frequent reason first; a single one without. */
export function describeReasons({ reasons, tooSlow }: Omit<RunCounts, "counts">): string {
  const all: [string, number][] = [...reasons];
  if (tooSlow > 0) all.push(["too slow", tooSlow]);
  const sorted = all.sort(([, a], [, b]) => b - a);
  if (sorted.length === 1) return String(sorted[0]?.[0]);
  return sorted.map(([reason, count]) => `${count} ${reason}`).join(", ");
}
