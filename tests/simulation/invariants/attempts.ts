import type { Config } from "../../../src/config/config.ts";
import type { Reason } from "../../../src/core/reasons.ts";
import type { Journal } from "../journal.ts";
import type { SimulatedTime } from "../world/time.ts";
import type { PendingRecord } from "./ledger.ts";
import type { TokenInvariants } from "./tokens.ts";

/** One attempt as the platform saw it. */
export type SeenAttempt = {
  startMs: number;
  token: string | null;
  end: "open" | "plan" | "given up" | "broken";
  endMs: number;
  status: number | null;
  reason: Reason | null;
  retryAfterMs: number | null;
  /** Whether its token was refused in a way that earns the task one more attempt. */
  earnsAnother: boolean;
};

export function newAttempt(startMs: number, token: string | null): SeenAttempt {
  return {
    startMs,
    token,
    end: "open",
    endMs: startMs,
    status: null,
    reason: null,
    retryAfterMs: null,
    earnsAnother: false,
  };
}

// Restated from the contract on purpose: the program's own table must not judge itself.
const RETRIED: ReadonlySet<Reason> = new Set(["timeout", "dns", "connect", "tls", "reset"]);
const RETRIED_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 8_000;

/** With fewer back-offs than this, their mean says nothing about the jitter. */
const MIN_BACKOFFS_TO_JUDGE = 100;
/** How far the mean of the jitter may be from one half: far beyond what chance could do. */
const MAX_JITTER_BIAS = 0.2;

/** What must hold from one attempt of a task to the next: how many there are, when, with what token. */
export class AttemptInvariants {
  /** Waits before attempts, as shares of the longest wait that was allowed. */
  #jitter = { sum: 0, count: 0 };

  constructor(
    private readonly config: Config,
    private readonly time: SimulatedTime,
    private readonly journal: Journal,
    private readonly tokens: TokenInvariants,
  ) {}

  started(record: PendingRecord, attempt: SeenAttempt, datasetId: string): void {
    const { journal, time, config } = this;
    const { seqno } = record.task;
    journal.check(
      record.task.datasetId === datasetId,
      "a task requests its own dataset",
      () => `task ${seqno} of ${record.task.datasetId} requests ${datasetId}`,
    );
    journal.check(
      (attempt.token === null) === (config.credentials === null),
      "requests carry a token where there are credentials",
      () => `task ${seqno}`,
    );
    journal.check(
      time.nowMs < record.deadlineMs,
      "no attempt begins after the deadline",
      () => `task ${seqno} begins one ${time.nowMs - record.deadlineMs} ms after it`,
    );
    if (attempt.token !== null) this.tokens.used(attempt.token);
    const previous = record.attempts.at(-1);
    if (previous) this.#checkNext(record, previous, attempt);
    record.attempts.push(attempt);
    const extra = record.attempts.some(({ earnsAnother }) => earnsAnother) ? 1 : 0;
    const max = 1 + config.retries + extra;
    journal.check(
      record.attempts.length <= max,
      "attempts are bounded",
      () => `task ${seqno} makes ${record.attempts.length}, ${max} are allowed`,
    );
  }

  /** Must be called as soon as the headers have come, even when the body never does. */
  ended(record: PendingRecord, attempt: SeenAttempt): void {
    const { status, token } = attempt;
    if (!isRefusal(status) || token === null) return;
    const isFirst = !record.attempts.some((each) => each !== attempt && isRefusal(each.status));
    attempt.earnsAnother = isFirst && this.tokens.refused(token, status);
  }

  checkJitter(): void {
    const { sum, count } = this.#jitter;
    const isEven = count < MIN_BACKOFFS_TO_JUDGE || Math.abs(sum / count - 0.5) < MAX_JITTER_BIAS;
    this.journal.check(
      isEven,
      "back-off has full jitter",
      () => `the mean wait is ${sum / count} of the longest one`,
    );
  }

  #checkNext(record: PendingRecord, previous: SeenAttempt, next: SeenAttempt): void {
    const { journal, time } = this;
    const { seqno } = record.task;
    journal.check(
      previous.end !== "open",
      "a task makes one attempt at a time",
      () => `task ${seqno} makes two`,
    );
    if (previous.earnsAnother) {
      return journal.check(
        next.token !== previous.token,
        "a refused token is not used again",
        () => `task ${seqno} uses ${next.token}`,
      );
    }
    journal.check(
      isRetried(previous),
      "only transient failures are retried",
      () => `task ${seqno} after ${JSON.stringify(previous)}`,
    );
    const waitMs = next.startMs - previous.endMs;
    journal.check(
      waitMs >= (previous.retryAfterMs ?? 0) - time.toleranceMs,
      "Retry-After is honoured",
      () => `task ${seqno} waited ${waitMs} of ${previous.retryAfterMs} ms`,
    );
    const maxWaitMs = maxWaitMsOf(record, previous);
    const isOnTime = time.lastLateMs < previous.endMs && next.token === null;
    journal.check(
      !isOnTime || waitMs <= maxWaitMs + time.toleranceMs,
      "back-off is bounded",
      () => `task ${seqno} waited ${waitMs} ms, ${maxWaitMs} at most`,
    );
    if (isOnTime && previous.retryAfterMs === null) {
      this.#jitter.sum += waitMs / maxWaitMs;
      this.#jitter.count++;
    }
    record.retries++;
  }
}

/** Whether a status says that the platform refuses the token. */
function isRefusal(status: number | null): status is 401 | 403 {
  return status === 401 || status === 403;
}

/** Whether the contract retries an attempt that ended so. */
export function isRetried({ reason, status, end }: SeenAttempt): boolean {
  if (reason === null) return false;
  return RETRIED.has(reason) || (end === "plan" && RETRIED_STATUSES.has(status ?? 0));
}

/** The longest back-off after this attempt: doubling and bounded, but at least Retry-After. */
export function maxWaitMsOf({ retries }: PendingRecord, { retryAfterMs }: SeenAttempt): number {
  return Math.max(Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** retries), retryAfterMs ?? 0);
}
