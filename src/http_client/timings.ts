import { type Phases, secondsBetween } from "../core/task.ts";

/** Monotonic instants at which an exchange passed from one phase to the next. */
export type Timings = {
  /** When the connection was begun; before that, when the exchange was asked for. */
  startMs: number;
  /** A name and not an address is connected to, so that it has to be resolved. */
  named: boolean;
  secure: boolean;
  resolvedMs?: number;
  connectedMs?: number;
  securedMs?: number;
  headersMs?: number;
  /** The last byte of the answer. */
  wholeMs?: number;
  /** The answer as far as it has come. */
  answer?: { status: number; chunks: Uint8Array[] };
  /** When the server's certificate ends, on the wall clock, milliseconds since the epoch. */
  certificateExpiresMs?: number;
};

/** The timings of an exchange that starts at this monotonic instant; the transport sets the others. */
export function newTimings(startMs: number): Timings {
  return { startMs, named: false, secure: false };
}

/**
 * Seconds spent in each phase up to `endMs`. The phase that the end fell into counts up to there, so
 * that the phases of a failure add up to its duration too; later ones are left out.
 */
export function phasesOf(timings: Timings, endMs: number): Phases {
  const phases: Phases = {};
  let fromMs = timings.startMs;
  for (
    const [phase, passes, untilMs] of [
      ["resolve", timings.named, timings.resolvedMs],
      ["connect", true, timings.connectedMs],
      ["tls", timings.secure, timings.securedMs],
      ["processing", true, timings.headersMs],
      ["transfer", true, endMs],
    ] as const
  ) {
    if (!passes) continue;
    phases[phase] = secondsBetween(fromMs, untilMs ?? endMs);
    if (untilMs === undefined) break;
    fromMs = untilMs;
  }
  return phases;
}
