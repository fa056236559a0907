import type { DatasetStateRow } from "../probe_client/probe_status.ts";
import type { Ratio } from "../probing/health.ts";
import { formatShare, formatSpan } from "../text/format.ts";

/**
 * The shares of successes with the time that each covers, as `98.2 % in 5 min`, the shortest first.
 * A window that is longer than what the probe has seen has the time that it has seen, and ends the
 * list. One without a settled task is left out, and so is a probe's first second.
 */
export function describeRatios(datasets: readonly Pick<DatasetStateRow, "ratios">[]): string[] {
  const described: string[] = [];
  for (const { windowSeconds, coveredSeconds, settled, succeeded } of sumsOf(datasets)) {
    const seconds = Math.min(windowSeconds, coveredSeconds);
    if (settled > 0 && seconds >= 1) {
      described.push(`${formatShare(succeeded, settled)} in ${formatSpan(seconds)}`);
    }
    if (coveredSeconds < windowSeconds) break;
  }
  return described;
}

/** The counts of all datasets in each window. */
function sumsOf(datasets: readonly Pick<DatasetStateRow, "ratios">[]): Ratio[] {
  const sums = new Map<number, Ratio>();
  for (const ratio of datasets.flatMap(({ ratios }) => ratios)) {
    const sum = sums.get(ratio.windowSeconds);
    sums.set(ratio.windowSeconds, {
      windowSeconds: ratio.windowSeconds,
      coveredSeconds: Math.max(sum?.coveredSeconds ?? 0, ratio.coveredSeconds),
      settled: (sum?.settled ?? 0) + ratio.settled,
      succeeded: (sum?.succeeded ?? 0) + ratio.succeeded,
    });
  }
  return [...sums.values()].sort((a, b) => a.windowSeconds - b.windowSeconds);
}
