import type { Objectives } from "../slo.ts";
import type { RuleOptions } from "./rule_options.ts";

/** A dataset without a success, or a probe without a task, for this many intervals is not chance. */
const MANY_INTERVALS = 6;
const DEFAULT_SHORTEST_WINDOW_SECONDS = 300;
/** Keeps the longest window within the durations that Prometheus can represent. */
const MAX_SHORTEST_WINDOW_SECONDS = 30 * 86_400;

/**
 * How fast the error budget of a month may be spent; 1 spends it in exactly a month. The long window
 * keeps a short fault from raising the alert, the short window ends the alert soon after its cause.
 * Both are multiples of the shortest window.
 */
export const BURN_RATES = [
  { severity: "page", factor: 14.4, long: 12, short: 1 },
  { severity: "page", factor: 6, long: 72, short: 6 },
  { severity: "ticket", factor: 3, long: 288, short: 24 },
  { severity: "ticket", factor: 1, long: 864, short: 72 },
] as const;
export type BurnRate = typeof BURN_RATES[number];

/** Every window of the burn rates, as multiples of the shortest one, in ascending order. */
export const WINDOWS: number[] = [
  ...new Set(BURN_RATES.flatMap(({ short, long }) => [short, long])),
].sort((a, b) => a - b);

/** Whether a burn rate's short window has this length. */
export function isShortWindow(multiple: number): boolean {
  return BURN_RATES.some(({ short }) => short === multiple);
}

/** The durations of all rules, scaled to the objectives and options. */
export type Times = ReturnType<typeof timesFor>;

/** The shortest window holds several task intervals; every other duration scales with the options. */
export function timesFor(
  { taskIntervalSeconds }: Objectives,
  { shortestWindowSeconds = DEFAULT_SHORTEST_WINDOW_SECONDS }: RuleOptions,
) {
  const minuteSeconds = shortestWindowSeconds / 5;
  const manySeconds = Math.min(MANY_INTERVALS * taskIntervalSeconds, MAX_SHORTEST_WINDOW_SECONDS);
  const neededSeconds = Math.ceil(manySeconds / minuteSeconds) * minuteSeconds;
  const outageSeconds = Math.max(2 * minuteSeconds, manySeconds);
  const shortestSeconds = Math.max(shortestWindowSeconds, neededSeconds);
  return {
    /** A multiple of the shortest window. */
    window: (multiple: number) => duration(multiple * shortestSeconds),
    windowSeconds: (multiple: number) => multiple * shortestSeconds,
    /** Minutes and hours, scaled with the shortest window. */
    minutes: (count: number) => duration(count * minuteSeconds),
    hours: (count: number) => duration(count * 60 * minuteSeconds),
    /** A dataset without a success for this long is down. */
    outage: duration(outageSeconds),
    outageSeconds,
    /** A dataset that is down has recovered after two successes and no failure in this time. */
    recovery: duration(Math.max(minuteSeconds / 2, 3 * taskIntervalSeconds)),
    /** Failures go on while there was one in this time. */
    recent: duration(Math.max(minuteSeconds, manySeconds)),
  };
}

/** A duration as PromQL writes it, such as `1h12m`. */
export function duration(seconds: number): string {
  const unitsMs = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1e3, ms: 1 };
  let leftMs = Math.max(1, Math.round(seconds * 1e3));
  return Object.entries(unitsMs).map(([unit, unitMs]) => {
    const count = Math.floor(leftMs / unitMs);
    leftMs %= unitMs;
    return count > 0 ? `${count}${unit}` : "";
  }).join("");
}
