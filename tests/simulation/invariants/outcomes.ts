import type { Config } from "../../../src/config/config.ts";
import type { Attempt, Task } from "../../../src/core/task.ts";
import type { Journal } from "../journal.ts";
import type { SimulatedTime } from "../world/time.ts";
import { isRetried, maxWaitMsOf, type SeenAttempt } from "./attempts.ts";
import type { PendingRecord } from "./ledger.ts";
import type { TokenInvariants } from "./tokens.ts";

/** What a settled task must say, given what the platform saw of its attempts. */
export class OutcomeInvariants {
  constructor(
    private readonly config: Config,
    private readonly time: SimulatedTime,
    private readonly journal: Journal,
    private readonly tokens: TokenInvariants,
  ) {}

  check(record: PendingRecord, task: Task): void {
    const { journal } = this;
    const { seqno } = record.task;
    if (task.state === "PENDING") {
      return journal.broken("a settled task is not pending", String(seqno));
    }
    const describe = (what: string) => () => `task ${seqno} ${what}: ${JSON.stringify(task)}`;
    this.#checkTimes(record, task, describe);
    if (task.state === "SUCCEEDED") {
      const last = record.attempts.at(-1);
      const isRight = last?.reason === null && last.end === "plan" &&
        last.endMs === this.time.nowMs;
      return journal.check(
        isRight,
        "a task succeeds only with the dataset",
        describe("did not get it"),
      );
    }
    const last = record.attempts.at(-1);
    if (last?.status === 403 && last.earnsAnother) {
      journal.check(
        task.reason === last.reason,
        "a task that is forbidden fails for that, when there is no other token",
        describe("has another reason"),
      );
      return this.#checkWithoutToken(record, this.tokens.failure?.reason, describe);
    }
    if (task.reason === "auth" || task.reason === "identity_provider") {
      return this.#checkWithoutToken(record, task.reason, describe);
    }
    this.#checkFailure(record, task.reason, describe);
  }

  #checkTimes(
    record: PendingRecord,
    task: Exclude<Task, { state: "PENDING" }>,
    describe: Describe,
  ): void {
    const { journal, time } = this;
    const last = record.attempts.at(-1);
    journal.check(
      isNear(task.durationSeconds, (time.nowMs - record.task.createdMonotonicMs) / 1e3),
      "a task's duration is the time from its creation",
      describe(`settled at ${time.nowMs}`),
    );
    journal.check(
      task.attempts.length === record.attempts.length &&
        record.attempts.every(({ startMs, endMs, status, reason }, i) => {
          const shown = task.attempts[i];
          return status === shown?.status && reason === shown.reason &&
            isNear(shown.durationSeconds, (endMs - startMs) / 1e3);
        }),
      "attempts are as the platform saw them",
      describe(`made ${JSON.stringify(record.attempts)}`),
    );
    journal.check(
      task.attempts.every((shown, i) => isTimelineRight(record, shown, i)),
      "attempts, waits and tokens add up to a task's duration",
      describe(`made ${JSON.stringify(record.attempts)}`),
    );
    if (last && task.phases.processing !== undefined) {
      const { token: _, ...phases } = task.phases;
      const sum = Object.values(phases).reduce((total, seconds) => total + seconds, 0);
      journal.check(
        isNear(sum, (last.endMs - last.startMs) / 1e3),
        "phases add up to the last attempt",
        describe("has others"),
      );
    }
    // Phases of a task that was dismissed at once are unknown.
    const hasPhases = Object.keys(task.phases).length > 0;
    journal.check(
      !hasPhases || (task.phases.token !== undefined) === (this.config.credentials !== null),
      "the token phase is there where there are credentials",
      describe("has other phases"),
    );
  }

  #checkFailure(record: PendingRecord, reason: string, describe: Describe): void {
    const { journal, time } = this;
    const last = record.attempts.at(-1);
    // After a stall a task may find no time left for its next step.
    const isTooLate = time.nowMs >= record.deadlineMs;
    if (isTooLate && reason === "timeout" && record.attempts.length === 0) return;
    journal.check(
      last?.reason === reason && (last.endMs === time.nowMs || isTooLate),
      "a task fails at once, for the reason of its last attempt",
      describe(`ended with ${JSON.stringify(last)}`),
    );
    journal.check(
      !last?.earnsAnother || isTooLate,
      "a refused token earns one more attempt",
      describe("made none"),
    );
    if (!last || !isRetried(last) || record.retries >= this.config.retries) return;
    const leftMs = record.deadlineMs - time.nowMs;
    journal.check(
      leftMs <= maxWaitMsOf(record, last) + time.toleranceMs,
      "transient failures are retried",
      describe(`has ${leftMs} ms left`),
    );
  }

  /** `reason` is that of the last request for a token, unless it is still under way. */
  #checkWithoutToken(record: PendingRecord, reason: string | undefined, describe: Describe): void {
    const { tokens, time, journal, config: { credentials, retries } } = this;
    if (time.nowMs >= record.deadlineMs - time.toleranceMs && reason !== "auth") return;
    const { failure } = tokens;
    journal.check(
      credentials !== null && failure?.reason === reason,
      "a task fails for lack of a token with the reason of the last request for one",
      describe(`could have had one, or failed for ${failure?.reason}`),
    );
    if (!failure?.isRetried) return;
    const sinceMs = record.attempts.at(-1)?.endMs ?? record.task.createdMonotonicMs;
    const isTried = tokens.failuresSince(sinceMs) > retries;
    journal.check(
      isTried || tokens.maxRetryMs >= record.deadlineMs - time.toleranceMs,
      "requests for a token are retried while a task waits",
      describe(`saw ${tokens.failuresSince(sinceMs)} of them fail`),
    );
  }
}

/** Whether the attempt at this index says when it began, why it had to wait, and what it reached. */
function isTimelineRight(record: PendingRecord, shown: Attempt, index: number): boolean {
  const { task, attempts } = record;
  const seen = attempts[index];
  const previous = attempts[index - 1];
  if (!seen) return false;
  const startSeconds = (seen.startMs - task.createdMonotonicMs) / 1e3;
  const freeSeconds = (seen.startMs - (previous?.endMs ?? task.createdMonotonicMs)) / 1e3;
  const { token = 0, ...phases } = shown.phases;
  const sum = Object.values(phases).reduce((total, seconds) => total + seconds, 0);
  // Phases of a task that was dismissed at once are unknown, and so is why its attempts had to wait.
  const isKnown = Object.keys(phases).length > 0;
  return isNear(shown.startSeconds, startSeconds) &&
    (token <= freeSeconds || isNear(token, freeSeconds)) &&
    // The first attempt waits for nothing but its token.
    (index > 0 || !isKnown || isNear(token, freeSeconds)) &&
    (!isKnown || isNear(sum, shown.durationSeconds)) &&
    (!isKnown || waitsAfter(attempts.slice(0, index), record).includes(shown.wait));
}

/** Why an attempt may have had to wait, after the ones before it. */
function waitsAfter(before: readonly SeenAttempt[], record: PendingRecord): Attempt["wait"][] {
  const previous = before.at(-1);
  if (!previous || previous.earnsAnother) return [null];
  const { retryAfterMs } = previous;
  if (retryAfterMs === null) return ["backoff"];
  const retries = before.slice(0, -1).filter(({ earnsAnother }) => !earnsAnother).length;
  const isLonger =
    retryAfterMs > maxWaitMsOf({ ...record, retries }, { ...previous, retryAfterMs: 0 });
  return isLonger ? ["retry_after"] : ["retry_after", "backoff"];
}

type Describe = (what: string) => () => string;

/** Durations are rounded to the microsecond, and sums of them more than once. */
function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) < 5e-6 * Math.max(1, Math.abs(a) * 1e-2);
}
