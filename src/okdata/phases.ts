import { type Phases, secondsBetween } from "../task.ts";

/** Monotonic instants at which an exchange passed from one phase to the next. */
export type Marks = {
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

/** The marks of an exchange that starts at this monotonic instant; the transport sets the others. */
export function newMarks(startMs: number): Marks {
  return { startMs, named: false, secure: false };
}

/**
 * Seconds spent in each phase up to `endMs`. The phase that the end fell into counts up to there, so
 * that the phases of a failure add up to its duration too; later ones are left out.
 */
export function phasesOf(marks: Marks, endMs: number): Phases {
  const phases: Phases = {};
  let fromMs = marks.startMs;
  for (
    const [phase, passes, untilMs] of [
      ["resolve", marks.named, marks.resolvedMs],
      ["connect", true, marks.connectedMs],
      ["tls", marks.secure, marks.securedMs],
      ["processing", true, marks.headersMs],
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
