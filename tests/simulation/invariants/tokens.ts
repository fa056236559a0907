import type { Journal } from "../journal.ts";
import type { SimulatedTime } from "../world/time.ts";

/** A refused token leads to a new request at most once in this time. */
const MIN_BETWEEN_FORCED_MS = 1_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 5_000;
const MIN_REFRESH_MS = 1_000;
const REFRESH_AT = 0.8;

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
  #failedInARow = 0;
  #requestedMs = 0;
  /** When the next request in the background is due. */
  #dueMs = -Infinity;
  #givenUpMs = -Infinity;
  #forcedMs = -Infinity;
  #isGivenUp = false;

  constructor(private readonly time: SimulatedTime, private readonly journal: Journal) {}

  /** Why a task could not get a token at once; null where it could. */
  get state(): "failed" | "fetching" | null {
    if (this.#isFetching) return "fetching";
    return this.#lastFailed ? "failed" : null;
  }

  requested(): void {
    const { nowMs, toleranceMs } = this.time;
    this.journal.check(!this.#isFetching, "one token request at a time", () => "two at once");
    if (this.#dueMs - nowMs > toleranceMs) {
      const isForced = this.#current === null && this.#isGivenUp;
      const hasEnded = !this.#lastFailed && this.#current !== null &&
        nowMs >= this.#current.endsMs - toleranceMs;
      this.journal.check(
        isForced || hasEnded,
        "tokens are requested when they are due",
        () => `requested ${this.#dueMs - nowMs} ms before it is due`,
      );
      if (isForced) {
        this.journal.check(
          nowMs - this.#forcedMs >= MIN_BETWEEN_FORCED_MS - toleranceMs,
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
    this.#current = { value, endsMs: this.#requestedMs + lifetimeMs, gotMs: nowMs };
    this.#dueMs = nowMs + Math.max(MIN_REFRESH_MS, lifetimeMs * REFRESH_AT);
    this.expiryMs = this.time.now() + lifetimeMs;
  }

  notIssued(): void {
    const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failedInARow++);
    this.#end(true);
    this.failed++;
    this.#dueMs = this.time.nowMs + backoffMs;
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

  /** The API has refused it with a 401; returns whether the task may make another attempt. */
  refused(value: string | null): boolean {
    const { nowMs, toleranceMs } = this.time;
    if (this.#current?.value !== value) return true;
    if (nowMs - this.#givenUpMs < MIN_BETWEEN_FORCED_MS - toleranceMs) return false;
    this.#givenUpMs = nowMs;
    this.#current = null;
    this.#isGivenUp = true;
    this.#lastFailed = false;
    this.expiryMs = this.time.now();
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
