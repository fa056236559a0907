import { at } from "../support/at.ts";
import { median, quantile } from "./figure.ts";

/** How late slots were, in milliseconds. */
export type Lateness = {
  p50: number;
  p99: number;
  max: number;
  /** How much later the earliest slots of the last quarter were than those of the first one. */
  drift: number;
};

/** Sums up the lateness of slots, given in their order. */
export function latenessOf(lateMs: readonly number[]): Lateness {
  const quarter = Math.floor(lateMs.length / 4);
  return {
    p50: median(lateMs),
    p99: quantile(lateMs, 0.99),
    max: Math.max(...lateMs),
    // The earliest ones, since what holds a slot up can only make it later.
    drift: quantile(lateMs.slice(-quarter), 0.1) - quantile(lateMs.slice(0, quarter), 0.1),
  };
}

/**
 * How late each slot was when the mean is known. The arrivals give the lateness but for a constant,
 * the usual time from a slot to the target, since the target knows only the slots' distance.
 */
export function latenessMs(
  arrivalsMs: readonly number[],
  intervalMs: number,
  meanMs: number,
): number[] {
  const lateMs = latenessAfterEarliestMs(arrivalsMs, intervalMs);
  const mean = lateMs.reduce((sum, each) => sum + each, 0) / lateMs.length;
  return lateMs.map((each) => each - mean + meanMs);
}

/** How late each slot was, taking the earliest one for on time. */
export function latenessAfterEarliestMs(
  arrivalsMs: readonly number[],
  intervalMs: number,
): number[] {
  const originMs = earliestPhase(arrivalsMs, intervalMs);
  return arrivalsMs.map((arrivalMs) => modulo(arrivalMs - originMs, intervalMs));
}

/**
 * Where in the interval the earliest arrivals lie: behind the widest stretch in which none ever
 * came. A slot that is late by a whole interval is skipped, so that there is such a stretch.
 */
function earliestPhase(arrivalsMs: readonly number[], intervalMs: number): number {
  const phases = arrivalsMs.map((arrivalMs) => modulo(arrivalMs, intervalMs)).sort((a, b) => a - b);
  const gapsMs = phases.map((phase, i) => modulo(phase - (phases.at(i - 1) ?? phase), intervalMs));
  return at(phases, gapsMs.indexOf(Math.max(...gapsMs)));
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
