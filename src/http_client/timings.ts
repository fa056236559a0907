import type { RequestError } from "./errors.ts";
import { type Phases, secondsBetween } from "../core/task.ts";

/** Monotonic instants, in milliseconds, at which an exchange passed from phase to phase. */
export type Timings = {
  /** When connecting began; before that, when the exchange was requested. */
  startMs: number;
  /** Whether the host is a name, which has to be resolved. */
  hasHostName: boolean;
  isTls: boolean;
  resolvedMs?: number;
  connectedMs?: number;
  securedMs?: number;
  headersMs?: number;
  /** The last byte of the response. */
  wholeMs?: number;
  /** When and why it failed, with what has been found out about that since. */
  failure?: { ms: number; error: RequestError };
  /** The response as far as it has come. */
  partial?: { status: number; chunks: readonly Uint8Array[] };
};

/** The timings of an exchange that starts at this monotonic instant; the exchange sets the rest. */
export function newTimings(startMs: number): Timings {
  return { startMs, hasHostName: false, isTls: false };
}

/**
 * Seconds spent in each phase up to `endMs`. The phase in which the exchange ended counts up to
 * there, so that the phases of a failure add up to its duration; later phases are left out.
 */
export function phasesOf(timings: Timings, endMs: number): Phases {
  const phases: Phases = {};
  const steps = [
    ["resolve", timings.hasHostName, timings.resolvedMs],
    ["connect", true, timings.connectedMs],
    ["tls", timings.isTls, timings.securedMs],
    ["processing", true, timings.headersMs],
    ["transfer", true, endMs],
  ] as const;
  let fromMs = timings.startMs;
  for (const [phase, applies, untilMs] of steps) {
    if (!applies) continue;
    phases[phase] = secondsBetween(fromMs, untilMs ?? endMs);
    if (untilMs === undefined) break;
    fromMs = untilMs;
  }
  return phases;
}
