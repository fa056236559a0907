import { METRICS } from "./definitions.ts";

/** What the rules and the dashboard are made for. */
export type Objectives = {
  /** How often a dataset is probed. */
  taskIntervalSeconds: number;
  /** The share of tasks that must succeed, and of successes that must be fast; between 0 and 1. */
  availability: number;
  /** How long a fast success takes at most. */
  latencySeconds: number;
};

/** A selector of the successes that were fast enough, and that fit the other matchers. */
export function fastSuccesses({ latencySeconds }: Objectives, ...others: string[]): string {
  const matchers = ['outcome="succeeded"', `le=~"${bound(latencySeconds)}"`, ...others];
  return `${METRICS.duration.name}_bucket{${matchers.join(", ")}}`;
}

/** A bucket's bound as Prometheus 2 keeps it, which is as written, or as Prometheus 3 writes it. */
function bound(seconds: number): string {
  if (!Number.isInteger(seconds)) return String(seconds).replace(".", "\\\\.");
  if (seconds < 1e6) return `${seconds}(\\\\.0)?`;
  const [digits, exponent] = seconds.toExponential().split("e+");
  return `${seconds}|${digits.replace(".", "\\\\.")}e\\\\+0${exponent}`;
}
