import type { Journal } from "./journal.ts";
import type { SimulatedTime } from "./time.ts";

/** The longest that a token may be asked for less than this after it was given up. */
const BETWEEN_FORCED_MS = 1_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 5_000;
const MIN_REFRESH_MS = 1_000;
const REFRESH_AT = 0.8;

/** What may and must happen to tokens, from what the identity provider and the API have seen. */
export class TokenBook {
  ok = 0;
  failed = 0;
  /** When the gauge of the expiry says that the token ends, on the wall clock. */
  shownExpiryMs: number | null = null;
  isFetching = false;
  #current: { value: string; endsMs: number; gotMs: number } | null = null;
  #lastFailed = false;
  #failedInARow = 0;
  #requestedMs = 0;
  /** When the next request in the background is due. */
  #dueMs = -Infinity;
  #givenUpMs = -Infinity;
  #forcedMs = -Infinity;
  #isGivenUp = false;

  constructor(private readonly time: SimulatedTime, private readonly journal: Journal) {}

  /** Whether a task cannot get a token at this moment, or is still waiting for one. */
  get isWanting(): "failed" | "waiting" | null {
    if (this.isFetching) return "waiting";
    return this.#lastFailed ? "failed" : null;
  }

  requested(): void {
    const { nowMs, toleranceMs } = this.time;
    this.journal.check(!this.isFetching, "one token request at a time", () => "two at once");
    if (this.#dueMs - nowMs > toleranceMs) {
      const isForced = this.#current === null && this.#isGivenUp;
      const hasEnded = !this.#lastFailed && this.#current !== null &&
        nowMs >= this.#current.endsMs - toleranceMs;
      this.journal.check(
        isForced || hasEnded,
        "tokens are asked for in turn",
        () => `asked ${this.#dueMs - nowMs} ms before it is due`,
      );
      if (isForced) {
        this.journal.check(
          nowMs - this.#forcedMs >= BETWEEN_FORCED_MS - toleranceMs,
          "tokens are forced at most once a second",
          () => `${nowMs - this.#forcedMs} ms after the last one`,
        );
        this.#forcedMs = nowMs;
      }
    }
    this.isFetching = true;
    this.#requestedMs = nowMs;
  }

  issued(value: string, lifetimeSeconds: number): void {
    const { nowMs } = this.time;
    const lifetimeMs = lifetimeSeconds * 1e3;
    this.#end(false);
    this.ok++;
    this.#failedInARow = 0;
    this.#current = { value, endsMs: this.#requestedMs + lifetimeMs, gotMs: nowMs };
    this.#dueMs = nowMs + Math.max(MIN_REFRESH_MS, lifetimeMs * REFRESH_AT);
    this.shownExpiryMs = this.time.now() + lifetimeMs;
  }

  notIssued(): void {
    const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failedInARow++);
    this.#end(true);
    this.failed++;
    this.#dueMs = this.time.nowMs + backoffMs;
  }

  /** The API has seen this token with a request. */
  used(value: string | null): void {
    const { nowMs, toleranceMs } = this.time;
    const current = this.#current;
    const isGood = current !== null && value === current.value &&
      (nowMs < current.endsMs + toleranceMs || nowMs === current.gotMs);
    this.journal.check(isGood, "requests carry the current token", () => {
      return `${value} where ${current?.value} is good for ${(current?.endsMs ?? 0) - nowMs} ms`;
    });
  }

  /** The API has refused it with a 401; returns whether that is worth another attempt. */
  refused(value: string | null): boolean {
    const { nowMs, toleranceMs } = this.time;
    if (this.#current?.value !== value) return true;
    if (nowMs - this.#givenUpMs < BETWEEN_FORCED_MS - toleranceMs) return false;
    this.#givenUpMs = nowMs;
    this.#current = null;
    this.#isGivenUp = true;
    this.#lastFailed = false;
    this.shownExpiryMs = this.time.now();
    return true;
  }

  /** When every timer has run that is due. */
  checkCaughtUp(): void {
    const { nowMs, toleranceMs } = this.time;
    const isDue = !this.isFetching && this.#dueMs > -Infinity && this.#dueMs < nowMs - toleranceMs;
    this.journal.check(!isDue, "tokens are refreshed in the background", () => {
      return `nobody has asked for ${nowMs - this.#dueMs} ms`;
    });
  }

  #end(hasFailed: boolean): void {
    this.isFetching = false;
    this.#lastFailed = hasFailed;
    this.#isGivenUp = false;
  }
}
