import { METRICS } from "./definitions.ts";

/** What the rules and the dashboard are made for. */
export type Objectives = {
  /** How often a dataset is probed. */
  taskIntervalSeconds: number;
  /** The share of tasks that must succeed, and of successes that must be fast; between 0 and 1. */
  availability: number;
  /** The longest duration of a fast success. */
  latencySeconds: number;
};

/** A PromQL selector of the successes that were fast, narrowed by `matchers`. */
export function fastSuccesses({ latencySeconds }: Objectives, ...matchers: string[]): string {
  const all = ['outcome="succeeded"', `le=~"${boundPattern(latencySeconds)}"`, ...matchers];
  return `${METRICS.duration.name}_bucket{${all.join(", ")}}`;
}

/** A share as text, without the noise of binary fractions: `99.9 %`. */
export function percentOf(share: number): string {
  return `${Number((share * 100).toPrecision(12))} %`;
}

/**
 * A regular expression for the bound of a bucket: Prometheus 2 stores it as the probe writes it,
 * Prometheus 3 as a float (`1.0`, `2.592e+06`).
 */
function boundPattern(seconds: number): string {
  if (!Number.isInteger(seconds)) return String(seconds).replace(".", "\\\\.");
  if (seconds < 1e6) return `${seconds}(\\\\.0)?`;
  const [digits = "", exponent] = seconds.toExponential().split("e+");
  return `${seconds}|${digits.replace(".", "\\\\.")}e\\\\+0${exponent}`;
}
