import { listOrigins } from "../../reason_text.ts";

/** The failed tasks of the alert's dataset. */
export const FAILED_TASKS =
  "`/tasks?state=failed&dataset_id={{ $labels.dataset_id }}` on the probe";

export const CHECK =
  "`dataplatform-probe --check` on the probe's machine, with the probe's settings";

/** What a failure's reason says of its cause. */
export const WHO_IS_AT_FAULT = `The reason says where the fault is: ${listOrigins()}.`;

/**
 * The alert's own labels as matchers of a query in a step, so that it shows one environment alone. An
 * empty one matches the series without that label.
 */
export function ownMatchers(labels: string): string {
  return labels.split(", ").map((name) => `${name}="{{ $labels.${name} }}"`).join(", ");
}

/** A runbook: what to look at first, and numbered steps after it. */
export function steps(first: string, ...others: string[]): string {
  return [first, ...others.map((step, i) => `${i + 1}. ${step}`)].join("\n");
}
