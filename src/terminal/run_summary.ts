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
  reasons: ReadonlyMap<Reason, number>;
};

/** The state of a task in its colour, where there is colour. */
export function paintTaskState(state: State, color: boolean): string {
  return color ? styled(TASK_COLORS[state], state) : state;
}

/**
 * The lines under those of the tasks: the state of each dataset with the URL that was asked, and
 * the sum of them when there are several.
 */
export function renderRunSummary(runs: readonly DatasetRun[], color: boolean): string[] {
  const lines = runs.map(({ datasetId, url, state, counts, reasons }) => {
    const { word } = STATE_DEFINITIONS[state];
    const shown = color ? styled(DATASET_COLORS[state] ?? YELLOW, word) : word;
    return `${datasetId}: ${shown}, ${describeCounts(counts, reasons)}; ${url}`;
  });
  if (runs.length < 2) return lines;
  const counts = { PENDING: 0, SUCCEEDED: 0, FAILED: 0 };
  const reasons = new Map<Reason, number>();
  for (const run of runs) {
    for (const state of STATES) {
      counts[state] += run.counts[state];
    }
    for (const [reason, count] of run.reasons) {
      reasons.set(reason, (reasons.get(reason) ?? 0) + count);
    }
  }
  return [...lines, `${runs.length} datasets: ${describeCounts(counts, reasons)}`];
}

function describeCounts(
  { PENDING, SUCCEEDED, FAILED }: Readonly<Record<State, number>>,
  reasons: ReadonlyMap<Reason, number>,
): string {
  const settled = SUCCEEDED + FAILED;
  const sorted = [...reasons].sort(([, a], [, b]) => b - a);
  const causes = sorted.length === 1
    ? sorted[0]?.[0]
    : sorted.map(([reason, count]) => `${count} ${reason}`).join(", ");
  return [
    `${SUCCEEDED} of ${settled} ${settled === 1 ? "task" : "tasks"} succeeded`,
    ...FAILED > 0 ? [`${FAILED} failed (${causes})`] : [],
    ...PENDING > 0 ? [`${PENDING} abandoned`] : [],
  ].join(", ");
}
