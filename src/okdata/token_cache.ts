import type { Clock } from "../core/clock.ts";
import { RequestError } from "../http_client/errors.ts";
import type { FetchToken, Token } from "./oauth.ts";

/** Hands out tokens to many tasks. */
export type TokenSource = {
  /**
   * The current token; waits for one where there is none. Throws an `RequestError` with the reason
   * `auth`, at once when the provider has just failed.
   */
  get(): Promise<string>;
  /**
   * Gives up a token that the platform has refused. Returns whether another one can be had: not when
   * one was given up less than a second ago, since the fault is then hardly the token's.
   */
  drop(refused: string): boolean;
};

/** How a request for a token ended. */
export type TokenResult = { token: Token; error?: never } | { error: RequestError; token?: never };

export type TokenOptions = {
  fetchToken: FetchToken;
  clock: Clock;
  /** Ends the refreshing in the background. */
  signal: AbortSignal;
  /** Hears of each request to the provider. */
  onRequest: (result: TokenResult) => void;
  /** Hears that the current token is given up, since the platform has refused it. */
  onDrop?: () => void;
};

/** The part of its life after which a token is refreshed in the background. */
const REFRESH_AT = 0.8;
const MIN_REFRESH_MS = 1_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 5_000;
const MIN_DROP_MS = 1_000;

/**
 * Caches a token, fetches it once however many want it, and refreshes it before it ends. After a
 * failure it asks again in the background after 0.5 s, doubling to 5 s; meanwhile `get` fails at once
 * unless the old token is still good.
 */
export function createTokenSource(options: TokenOptions): TokenSource {
  const { fetchToken, clock, signal, onRequest, onDrop = () => {} } = options;
  let current: { value: string; endsMs: number } | null = null;
  let fetching: Promise<string> | null = null;
  let failure: RequestError | null = null;
  let backoffMs = FIRST_BACKOFF_MS;
  let droppedMs = -Infinity;
  let cancel = () => {};
  signal.addEventListener("abort", () => cancel(), { once: true });

  function refreshIn(delayMs: number): void {
    cancel();
    if (!signal.aborted) cancel = clock.after(delayMs, () => void fetchOnce().catch(() => {}));
  }

  function fetchOnce(): Promise<string> {
    fetching ??= fetchNow().finally(() => fetching = null);
    return fetching;
  }

  async function fetchNow(): Promise<string> {
    const startMs = clock.monotonic();
    try {
      const token = await fetchToken(signal);
      current = { value: token.value, endsMs: startMs + token.lifetimeMs };
      failure = null;
      backoffMs = FIRST_BACKOFF_MS;
      refreshIn(Math.max(MIN_REFRESH_MS, token.lifetimeMs * REFRESH_AT));
      onRequest({ token });
      return token.value;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      failure = error;
      refreshIn(backoffMs);
      backoffMs = Math.min(MAX_BACKOFF_MS, backoffMs * 2);
      onRequest({ error });
      throw error;
    }
  }

  function isGood(): boolean {
    return current !== null && clock.monotonic() < current.endsMs;
  }

  return {
    async get() {
      if (current && isGood()) return current.value;
      if (failure && !fetching) throw failure;
      return await fetchOnce();
    },
    drop(refused) {
      if (current?.value !== refused) return true;
      if (clock.monotonic() - droppedMs < MIN_DROP_MS) return false;
      droppedMs = clock.monotonic();
      current = null;
      onDrop();
      // An older failure says nothing of what the provider would answer now.
      failure = null;
      return true;
    },
  };
}
