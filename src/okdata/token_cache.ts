import { createBackoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { RequestError } from "../http_client/errors.ts";
import type { FetchToken, Token } from "./oauth.ts";

/** One token for all tasks. */
export type TokenCache = {
  /**
   * The current token; waits for one when there is none. Throws a `RequestError`: at once if the last
   * token request failed.
   */
  get(): Promise<string>;
  /**
   * Drops a token that the platform has refused. Returns whether a new one may be requested. False
   * within a second of the last drop: a token that new is probably not the problem.
   */
  drop(refused: string): boolean;
};

/** How a request for a token ended. */
export type TokenResult = { token: Token; error?: never } | { error: RequestError; token?: never };

export type TokenCacheOptions = {
  fetchToken: FetchToken;
  clock: Clock;
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

/**
 * Creates the cache: one request serves all callers, and a token is refreshed before it expires.
 * After a failure the provider is asked again in the background after 0.5 s, doubling to 5 s;
 * meanwhile `get` fails at once unless the old token is still valid.
 */
export function createTokenCache(options: TokenCacheOptions): TokenCache {
  const { fetchToken, clock, signal, onRequest, onDrop = () => {} } = options;
  const backoff = createBackoff(BACKOFF);
  let current: { value: string; expiresMs: number } | null = null;
  let fetching: Promise<string> | null = null;
  let failure: RequestError | null = null;
  let droppedMs = -Infinity;
  let cancelRefresh = () => {};
  signal.addEventListener("abort", () => cancelRefresh(), { once: true });

  function refreshIn(delayMs: number): void {
    cancelRefresh();
    if (signal.aborted) return;
    cancelRefresh = clock.after(delayMs, () => void fetchOnce().catch(() => {}));
  }

  function fetchOnce(): Promise<string> {
    fetching ??= fetchNow().finally(() => fetching = null);
    return fetching;
  }

  async function fetchNow(): Promise<string> {
    const startMs = clock.monotonic();
    try {
      const token = await fetchToken(signal);
      current = { value: token.value, expiresMs: startMs + token.lifetimeMs };
      failure = null;
      backoff.reset();
      refreshIn(Math.max(MIN_REFRESH_MS, token.lifetimeMs * REFRESH_AT));
      onRequest({ token });
      return token.value;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      failure = error;
      refreshIn(backoff.nextMs());
      onRequest({ error });
      throw error;
    }
  }

  return {
    async get() {
      if (current && clock.monotonic() < current.expiresMs) return current.value;
      if (failure && !fetching) throw failure;
      return await fetchOnce();
    },
    drop(refused) {
      if (current?.value !== refused) return true;
      if (clock.monotonic() - droppedMs < MIN_DROP_INTERVAL_MS) return false;
      droppedMs = clock.monotonic();
      current = null;
      onDrop();
      // An older failure says nothing about the provider's next response.
      failure = null;
      return true;
    },
  };
}
