import { createBackoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import { RequestError } from "../http_client/errors.ts";
import { retryDelayMs } from "../http_client/retry.ts";
import type { FetchToken, Token } from "./oauth.ts";
import { isTransient, retryAfterMsOf } from "./token_failure.ts";

/** One token for all tasks. */
export type TokenCache = {
  /**
   * The current token, unless it is `refused`; waits for one when there is none. While the provider
   * is out of order, waits for up to `retries` further requests, but for none that begins at
   * `deadlineMs` or later, on the monotonic clock. Throws the `RequestError` of the last request;
   * after a refusal at once.
   */
  get(deadlineMs?: number, refused?: string): Promise<string>;
  /**
   * Drops a token that the platform does not accept (401). Returns whether a new one may be
   * requested: not within a second of the last one that was refused, since a token that new is
   * probably not the problem.
   */
  drop(refused: string): boolean;
  /**
   * Whether a new token may be requested in place of one that is accepted and gives no permission
   * (403), which is seldom the token's fault: it helps only when the client may now do more than when
   * the token was issued. At most once a minute. Until there is a new one the old one stays, since
   * it is good enough for other datasets.
   */
  doubt(refused: string): boolean;
};

/** How a request for a token ended. */
export type TokenResult = { token: Token; error?: never } | { error: RequestError; token?: never };

export type TokenCacheOptions = {
  fetchToken: FetchToken;
  clock: Clock;
  random: Random;
  /** How many further requests a caller waits for while the provider is out of order. */
  retries: number;
  /** Ends the background refresh. */
  signal: AbortSignal;
  /** Called after each request to the provider. */
  onRequest: (result: TokenResult) => void;
  /** Called when the current token is dropped. */
  onDrop?: () => void;
};

/** The share of its lifetime after which a token is refreshed in the background. */
const REFRESH_AT = 0.8;
const MIN_REFRESH_MS = 1_000;
const BACKOFF = { firstMs: 500, maxMs: 5_000 };
const MIN_DROP_INTERVAL_MS = 1_000;
const MIN_DOUBT_INTERVAL_MS = 60_000;
/** A provider that asks for a longer wait is asked again all the same. */
const MAX_RETRY_AFTER_MS = 300_000;

/**
 * Creates the cache: one request serves all callers, and a token is refreshed before it expires.
 * After a failure the provider is asked again in the background after 0.5 s, doubling to 5 s, and
 * while somebody waits for a token already after the back-off of a request to the API. A
 * `Retry-After` delays both, by 5 minutes at most.
 */
export function createTokenCache(options: TokenCacheOptions): TokenCache {
  const { fetchToken, clock, random, signal, onRequest, onDrop = () => {} } = options;
  const backoff = createBackoff(BACKOFF);
  let current: { value: string; expiresMs: number } | null = null;
  let fetching: Promise<string> | null = null;
  /** The failure of the last request. */
  let failure: RequestError | null = null;
  /** How many requests have failed in a row. */
  let failures = 0;
  /** What callers wait for who wait for a retry. */
  let retrying: PromiseWithResolvers<string> | null = null;
  /** When the next request begins, and when it may begin for those who wait. */
  let dueMs = Infinity;
  let retryDueMs = Infinity;
  /** The provider asked not to be asked before this instant. */
  let notBeforeMs = -Infinity;
  /** When a token was last dropped or doubted. */
  let refusedMs = -Infinity;
  let cancelRefresh = () => {};
  signal.addEventListener("abort", () => cancelRefresh(), { once: true });

  function refreshAt(instantMs: number): void {
    cancelRefresh();
    if (signal.aborted) return;
    dueMs = instantMs;
    const delayMs = Math.max(0, dueMs - clock.monotonic());
    cancelRefresh = clock.after(delayMs, () => void fetchOnce().catch(() => {}));
  }

  function fetchOnce(): Promise<string> {
    fetching ??= fetchNow().finally(() => fetching = null);
    return fetching;
  }

  async function fetchNow(): Promise<string> {
    const startMs = clock.monotonic();
    const waiting = retrying;
    retrying = null;
    try {
      const token = await fetchToken(signal);
      current = { value: token.value, expiresMs: startMs + token.lifetimeMs };
      failure = null;
      failures = 0;
      notBeforeMs = -Infinity;
      backoff.reset();
      refreshAt(clock.monotonic() + Math.max(MIN_REFRESH_MS, token.lifetimeMs * REFRESH_AT));
      onRequest({ token });
      waiting?.resolve(token.value);
      return token.value;
    } catch (error) {
      if (error instanceof RequestError) failed(error);
      waiting?.reject(error);
      throw error;
    }
  }

  function failed(error: RequestError): void {
    const nowMs = clock.monotonic();
    const retryAfterMs = Math.min(retryAfterMsOf(error) ?? 0, MAX_RETRY_AFTER_MS);
    failure = error;
    notBeforeMs = nowMs + retryAfterMs;
    retryDueMs = nowMs + retryDelayMs(failures++, random.fraction(), retryAfterMs);
    refreshAt(nowMs + Math.max(backoff.nextMs(), retryAfterMs));
    onRequest({ error });
  }

  /** The result of the next request, which is brought forward for those who wait. */
  function retry(): Promise<string> {
    if (retryDueMs < dueMs) refreshAt(retryDueMs);
    retrying ??= Promise.withResolvers();
    return retrying.promise;
  }

  /** Whether another token than this one may be had. */
  function mayReplace(refused: string, minIntervalMs: number): boolean {
    const nowMs = clock.monotonic();
    if (current?.value !== refused) return true;
    if (nowMs - refusedMs < minIntervalMs) return false;
    refusedMs = nowMs;
    // An older failure says nothing about the provider's next response.
    if (nowMs >= notBeforeMs) failure = null;
    return true;
  }

  return {
    async get(deadlineMs = Infinity, refused) {
      if (current && current.value !== refused && clock.monotonic() < current.expiresMs) {
        return current.value;
      }
      // Without a request under way, the last one's failure is the first that this caller sees.
      let last = fetching ? null : failure;
      for (let retries = 0;;) {
        if (last) {
          const nextMs = Math.min(retryDueMs, dueMs);
          if (retries >= options.retries || nextMs >= deadlineMs || !isTransient(last)) throw last;
          retries++;
        }
        try {
          return await (last ? retry() : fetchOnce());
        } catch (error) {
          if (!(error instanceof RequestError)) throw error;
          last = error;
        }
      }
    },
    drop(refused) {
      if (!mayReplace(refused, MIN_DROP_INTERVAL_MS)) return false;
      if (current?.value === refused) {
        current = null;
        onDrop();
      }
      return true;
    },
    doubt: (refused) => mayReplace(refused, MIN_DOUBT_INTERVAL_MS),
  };
}
