import { isRetried } from "./reasons.ts";
import {
  type Attempt,
  type PendingTask,
  type Phase,
  PHASES,
  type Phases,
  type SettledTask,
  type Wait,
} from "./task.ts";

/** A part of a task's duration, in seconds since its beginning. */
export type Span = {
  /** `probe` is what the probe itself did between two of the others. */
  readonly what: "token" | "wait" | "attempt" | "probe";
  readonly startSeconds: number;
  readonly endSeconds: number;
  /** Of a wait: why; null when that is not known. */
  readonly wait: Wait | null;
  /** Of an attempt: its number, from 1, and what came of it once it has ended. */
  readonly number: number | null;
  readonly attempt: Attempt | null;
};

/** A task's duration without a gap: each span begins where the one before it ends. */
export type Timeline = {
  readonly durationSeconds: number;
  readonly spans: readonly Span[];
  /** Whether the last span goes on. */
  readonly isOpen: boolean;
};

/** Instants are rounded to the microsecond one by one, so that two of them may differ by this. */
const ROUNDING_US = 2;

/** The timeline of a settled task: begins at 0 and ends with its duration. */
export function timelineOf(task: SettledTask): Timeline {
  const { durationSeconds, attempts, phases } = task;
  const spans = new Spans(durationSeconds);
  spans.addAttempts(attempts);
  const last = attempts.at(-1);
  // No attempt has a token alone: this one was awaited after the last attempt, and never came.
  const isAwaited = PHASES.every((phase) => phase === "token" || phases[phase] === undefined);
  const tokenSeconds = isAwaited ? phases.token ?? 0 : 0;
  const isWait = last !== undefined && last.reason !== null && isRetried(last.reason, last.status);
  spans.add(isWait ? "wait" : "probe", durationSeconds - tokenSeconds);
  spans.add("token", durationSeconds);
  return { durationSeconds, spans: spans.all, isOpen: false };
}

/** The timeline of a task that is pending, up to `nowMonotonicMs`; its last span goes on. */
export function timelineSoFar(task: PendingTask, nowMonotonicMs: number): Timeline {
  const { createdMonotonicMs, execution } = task;
  const begunMs = execution?.begunMs ?? createdMonotonicMs;
  const durationSeconds = Math.max(0, nowMonotonicMs - begunMs) / 1e3;
  const spans = new Spans(durationSeconds);
  spans.addAttempts(execution?.attempts ?? []);
  const step = execution?.step;
  if (step) {
    const sinceSeconds = (step.sinceMs - begunMs) / 1e3;
    const before = step.wait ? "wait" : "probe";
    const tokenSeconds = step.what === "attempt" ? execution?.phases.token ?? 0 : 0;
    if (step.what !== "wait") {
      spans.add(before, sinceSeconds - tokenSeconds, { wait: step.wait });
      spans.add("token", sinceSeconds);
    }
    spans.add(step.what, durationSeconds, {
      wait: step.what === "wait" ? step.wait : null,
      number: step.what === "attempt" ? (execution?.attempts.length ?? 0) + 1 : null,
    });
  }
  return { durationSeconds, spans: spans.all, isOpen: step !== undefined };
}

/** The phases of an attempt with the seconds, since its beginning, at which they begin and end. */
export function phaseSpansOf(
  phases: Phases,
): { phase: Phase; startSeconds: number; endSeconds: number }[] {
  let endSeconds = 0;
  return PHASES.flatMap((phase) => {
    const seconds = phases[phase];
    if (phase === "token" || seconds === undefined) return [];
    const startSeconds = endSeconds;
    endSeconds = toSeconds(toMicroseconds(startSeconds) + toMicroseconds(seconds));
    return [{ phase, startSeconds, endSeconds }];
  });
}

/** Collects spans one after the other, up to the end of the duration. */
class Spans {
  readonly all: Span[] = [];
  readonly #endUs: number;
  #atUs = 0;

  constructor(durationSeconds: number) {
    this.#endUs = toMicroseconds(durationSeconds);
  }

  addAttempts(attempts: readonly Attempt[]): void {
    attempts.forEach((attempt, i) => {
      const { startSeconds, durationSeconds, wait } = attempt;
      const tokenSeconds = attempt.phases.token ?? 0;
      this.add(wait ? "wait" : "probe", startSeconds - tokenSeconds, { wait });
      this.add("token", startSeconds);
      this.add("attempt", startSeconds + durationSeconds, { number: i + 1, attempt });
    });
  }

  /** Adds what lasts from the end of the span before to this instant; nothing when that is over. */
  add(what: Span["what"], untilSeconds: number, more: Partial<Span> = {}): void {
    const fromUs = this.#atUs;
    const untilUs = Math.min(this.#endUs, Math.max(fromUs, toMicroseconds(untilSeconds)));
    const isLast = this.#endUs - untilUs <= ROUNDING_US;
    const toUs = isLast ? this.#endUs : untilUs;
    const isRounding = what !== "attempt" && toUs - fromUs <= (isLast ? 0 : ROUNDING_US);
    if (isRounding) return;
    this.all.push({
      what,
      startSeconds: toSeconds(fromUs),
      endSeconds: toSeconds(toUs),
      wait: null,
      number: null,
      attempt: null,
      ...more,
    });
    this.#atUs = toUs;
  }
}

function toMicroseconds(seconds: number): number {
  return Math.round(seconds * 1e6);
}

function toSeconds(microseconds: number): number {
  return microseconds / 1e6;
}
