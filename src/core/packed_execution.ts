import { REASONS } from "./reasons.ts";
import { type Attempt, PHASES, type Phases, WAITS } from "./task.ts";

/** What a settled task keeps of its execution. */
type Execution = { readonly attempts: readonly Attempt[]; readonly phases: Phases };

const STATUS = 0;
const REASON = 1;
const WAIT = 2;
const DURATION = 3;
const START = 4;
const PHASE = 5;
const ATTEMPT_LENGTH = PHASE + PHASES.length;

/**
 * An execution in one array of numbers, which takes 8 bytes for each: as objects, attempts with their
 * phases would take three times as much memory. First the phases of the task, then each attempt; NaN
 * stands for a phase that was not reached, and for no status.
 */
export function packExecution({ attempts, phases }: Execution): readonly number[] {
  // V8 keeps an array that holds fractions from the start without pointers and without spare room.
  const packed = new Array<number>(PHASES.length + attempts.length * ATTEMPT_LENGTH).fill(NaN);
  packPhases(phases, packed, 0);
  attempts.forEach((attempt, i) => {
    const offset = offsetOf(i);
    packed[offset + STATUS] = attempt.status ?? NaN;
    packed[offset + REASON] = attempt.reason === null ? -1 : REASONS.indexOf(attempt.reason);
    packed[offset + WAIT] = attempt.wait === null ? -1 : WAITS.indexOf(attempt.wait);
    packed[offset + DURATION] = attempt.durationSeconds;
    packed[offset + START] = attempt.startSeconds;
    packPhases(attempt.phases, packed, offset + PHASE);
  });
  return packed;
}

/** The execution that was packed. */
export function unpackExecution(packed: readonly number[]): Execution {
  const at = (index: number) => packed[index] ?? NaN;
  const count = (packed.length - PHASES.length) / ATTEMPT_LENGTH;
  const attempts = Array.from({ length: count }, (_, i) => {
    const offset = offsetOf(i);
    const status = at(offset + STATUS);
    return {
      status: Number.isNaN(status) ? null : status,
      reason: REASONS[at(offset + REASON)] ?? null,
      durationSeconds: at(offset + DURATION),
      startSeconds: at(offset + START),
      wait: WAITS[at(offset + WAIT)] ?? null,
      phases: unpackPhases(packed, offset + PHASE),
    };
  });
  return { attempts, phases: unpackPhases(packed, 0) };
}

function offsetOf(attempt: number): number {
  return PHASES.length + attempt * ATTEMPT_LENGTH;
}

function packPhases(phases: Phases, packed: number[], offset: number): void {
  PHASES.forEach((phase, i) => packed[offset + i] = phases[phase] ?? NaN);
}

function unpackPhases(packed: readonly number[], offset: number): Phases {
  const phases: Phases = {};
  PHASES.forEach((phase, i) => {
    const seconds = packed[offset + i] ?? NaN;
    if (!Number.isNaN(seconds)) phases[phase] = seconds;
  });
  return phases;
}
