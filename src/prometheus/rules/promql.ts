// A restart changes `app_id`, and `instance` too for a pod: a sum by them would start again.
// Without `environment` the tasks of one would hide an outage of the other.
export const DATASET_LABELS = "job, environment, location, dataset_id";
/** A dataset as all locations see it. */
export const FLEET_LABELS = "job, environment, dataset_id";
export const LOCATION_LABELS = "job, environment, location";
/** For faults of one process: its address survives most restarts. */
export const INSTANCE_LABELS = "job, environment, location, instance";
/** Those of `up`, which the probe does not make. */
export const TARGET_LABELS = "job, location, instance";

/**
 * At least three: one failed task never alerts. Prometheus extrapolates an increase to the whole
 * window, but even with two samples in the window it does not turn one event into three.
 */
export const SEVERAL = "> 2.5";

/** The rate of a counter, summed by these labels. */
export function rate(by: string, selector: string, window: string): string {
  return `sum by (${by}) (rate(${selector}[${window}]))`;
}

/** The increase of a counter, summed by these labels. */
export function increase(by: string, selector: string, window: string): string {
  return `sum by (${by}) (increase(${selector}[${window}]))`;
}

/** Whether a counter has grown by `least` at least since a window ago. One that is new began at 0. */
export function grown(by: string, selector: string, window: string, least = 1): string {
  const before = `(${selector} offset ${window} or 0 * ${selector})`;
  const grown = least === 1 ? `${selector} > ${before}` : `${selector} >= ${before} + ${least}`;
  return `group by (${by}) (${grown})`;
}

/** Several failures in the window and no success, of a counter with the label `result`. */
export function onlyFailures(by: string, counter: string, window: string): string {
  const failed = increase(by, `${counter}{result="failed"}`, window);
  const ok = increase(by, `${counter}{result="ok"}`, window);
  return `${failed} ${SEVERAL}\nunless\n${ok} > 0`;
}

/** A part of an expression, two columns further right; its first line is already there. */
export function indented(text: string): string {
  return text.replaceAll("\n", "\n  ");
}
