import { STATE_DEFINITIONS } from "../core/verdict/states.ts";
import type { DatasetStateRow } from "../probe_client/probe_status.ts";
import type { DatasetHealth } from "../probing/health.ts";

/** The row of one of this program's own datasets. */
export function stateRowOf(health: DatasetHealth): DatasetStateRow {
  const { datasetId, state, sinceMs, recent, lastFailure } = health;
  return {
    datasetId,
    state,
    word: STATE_DEFINITIONS[state].word,
    sinceMs,
    recent: { coveredSeconds: health.recentCoveredSeconds, ...recent },
    reason: lastFailure && lastFailure.reason,
    outcomes: health.outcomes,
    ratios: health.ratios,
  };
}
