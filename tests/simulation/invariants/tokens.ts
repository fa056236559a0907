import type { Reason } from "../../../src/core/reasons.ts";
import type { Journal } from "../journal.ts";
import type { SimulatedTime } from "../world/time.ts";
import { isRetried, type SeenAttempt } from "./attempts.ts";

/** A refused token leads to a new request at most once in this time. */
const MIN_BETWEEN_FORCED_MS = 1_000;
/** A token that was refused with 403, at most once in this time. */
const MIN_BETWEEN_FORBIDDEN_MS = 60_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 5_000;
const MIN_REFRESH_MS = 1_000;
const REFRESH_AT = 0.8;
const MAX_RETRY_AFTER_MS = 300_000;
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 8_000;

/** For how many failures in a row the provider's past is kept. */
const MAX_FAILURES = 1_000;

/** A token request that failed. */
type FailedRequest = {
  atMs: number;
  reason: Reason;
  /** Whether the contract retries it for tasks that wait. */
  isRetried: boolean;
  retryAfterMs: number;
};

/** When tokens may and must be requested and used, from what the provider and the API see. */
export class TokenInvariants {
  /** Token requests by result. */
  ok = 0;
  failed = 0;
  /** What the expiry gauge must show, on the wall clock; null before the first token. */
  expiryMs: number | null = null;
  #isFetching = false;
  #current: { value: string; endsMs: number; gotMs: number } | null = null;
  #lastFailed = false;
  /** The failures since the last token, oldest first. */
  #failures: FailedRequest[] = [];
  #failedInARow = 0;
  #requestedMs = 0;
  /** When the next request in the background is due. */
  #dueMs = -Infinity;
  #givenUpMs = -Infinity;
  #forcedMs = -Infinity;
  #isGivenUp = false;
  /** Whether a task waits for another token than the current one, which gave no permission. */
  #isDoubted = false;
  /** The provider asked not to be asked before this instant. */
  #notBeforeMs = -Infinity;

  constructor(
    private readonly time: SimulatedTime,
    private readonly journal: Journal,
    private readonly retries: number,
  ) {}

  /** The failure of the last request; null while another one is under way, or after a token. */
  get failure(): FailedRequest | null {
    return this.#isFetching || !this.#lastFailed ? null : this.#failures.at(-1) ?? null;
  }

  /** How many failures a task knows of that waits since then: its own, and the last one before. */
  failuresSince(sinceMs: number): number {
    const earlier = this.#failures.filter(({ atMs }) => atMs < sinceMs).length;
    return this.#failures.length - earlier + Math.min(1, earlier);
  }

  /** When the request after the last failure begins at the latest, for tasks that wait. */
  get maxRetryMs(): number {
    const { atMs = -Infinity, retryAfterMs = 0 } = this.#failures.at(-1) ?? {};
    const backoffMs = FIRST_RETRY_MS * 2 ** (this.#failedInARow - 1);
    return atMs + Math.max(Math.min(MAX_RETRY_MS, backoffMs), retryAfterMs);
  }

  /** `isAwaited` says whether tasks are pending. */
  requested(isAwaited: boolean): void {
    const { nowMs, toleranceMs } = this.time;
    this.journal.check(!this.#isFetching, "one token request at a time", () => "two at once");
    this.journal.check(
      nowMs >= this.#notBeforeMs - toleranceMs,
      "the provider's Retry-After is honoured",
      () => `requested ${this.#notBeforeMs - nowMs} ms before`,
    );
    if (this.#dueMs - nowMs > toleranceMs) {
      const isForced = this.#isGivenUp;
      const hasEnded = this.#current !== null && nowMs >= this.#current.endsMs - toleranceMs;
      const isMissing = this.#current === null || hasEnded || this.#isDoubted;
      const isRetry = isMissing && isAwaited && this.retries > 0 &&
        this.failure?.isRetried === true;
      this.journal.check(
        isForced || (hasEnded && !this.#lastFailed) || isRetry,
        "tokens are requested when they are due",
        () => `requested ${this.#dueMs - nowMs} ms before it is due`,
      );
      if (isForced) {
        this.journal.check(
          nowMs - this.#forcedMs >= MIN_BETWEEN_FORCED_MS - toleranceMs || isRetry,
          "refused tokens are replaced at most once a second",
          () => `${nowMs - this.#forcedMs} ms after the last one`,
        );
        this.#forcedMs = nowMs;
      }
    }
    this.#isFetching = true;
    this.#requestedMs = nowMs;
  }

  issued(value: string, lifetimeSeconds: number): void {
    const { nowMs } = this.time;
    const lifetimeMs = lifetimeSeconds * 1e3;
    this.#end(false);
    this.ok++;
    this.#failedInARow = 0;
    this.#failures = [];
    this.#notBeforeMs = -Infinity;
    this.#current = { value, endsMs: this.#requestedMs + lifetimeMs, gotMs: nowMs };
    this.#isDoubted = false;
    this.#dueMs = nowMs + Math.max(MIN_REFRESH_MS, lifetimeMs * REFRESH_AT);
    this.expiryMs = this.time.now() + lifetimeMs;
  }

  /** The request brought no token; `attempt` is how it ended. */
  notIssued(attempt: SeenAttempt): void {
    const { nowMs } = this.time;
    const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failedInARow++);
    const retryAfterMs = Math.min(attempt.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    const isOutage = attempt.reason === "server_error" || isRetried(attempt);
    this.#failures.push({
      atMs: nowMs,
      reason: isOutage ? "identity_provider" : "auth",
      isRetried: isRetried(attempt),
      retryAfterMs,
    });
    if (this.#failures.length > MAX_FAILURES) this.#failures.shift();
    this.#end(true);
    this.failed++;
    this.#dueMs = nowMs + Math.max(backoffMs, retryAfterMs);
    this.#notBeforeMs = nowMs + retryAfterMs;
  }

  /** A request to the API carries this token. */
  used(value: string | null): void {
    const { nowMs, toleranceMs } = this.time;
    const current = this.#current;
    const isGood = current !== null && value === current.value &&
      (nowMs < current.endsMs + toleranceMs || nowMs === current.gotMs);
    this.journal.check(isGood, "requests carry the current token", () => {
      return `${value} where ${current?.value} is good for ${(current?.endsMs ?? 0) - nowMs} ms`;
    });
  }

  /** The API has refused it with this status; returns whether the task may make another attempt. */
  refused(value: string | null, status: number): boolean {
    const { nowMs, toleranceMs } = this.time;
    if (this.#current?.value !== value) return true;
    const minMs = status === 403 ? MIN_BETWEEN_FORBIDDEN_MS : MIN_BETWEEN_FORCED_MS;
    if (nowMs - this.#givenUpMs < minMs - toleranceMs) return false;
    this.#givenUpMs = nowMs;
    this.#isGivenUp = true;
    // After a 403 it stays until there is another one.
    if (status === 403) this.#isDoubted = true;
    else {
      this.#current = null;
      this.expiryMs = this.time.now();
    }
    // A Retry-After holds for the request that replaces a refused token too.
    if (nowMs >= this.#notBeforeMs) {
      this.#lastFailed = false;
      this.#failures = [];
    }
    return true;
  }

  /** What must hold when every timer that is due has run. */
  checkCaughtUp(): void {
    const { nowMs, toleranceMs } = this.time;
    const isDue = !this.#isFetching && this.#dueMs > -Infinity && this.#dueMs < nowMs - toleranceMs;
    this.journal.check(!isDue, "tokens are refreshed in the background", () => {
      return `a request is overdue by ${nowMs - this.#dueMs} ms`;
    });
  }

  #end(hasFailed: boolean): void {
    this.#isFetching = false;
    this.#lastFailed = hasFailed;
    this.#isGivenUp = false;
  }
}
