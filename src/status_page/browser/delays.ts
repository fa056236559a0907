/** How long the page waits for what; all in milliseconds. */

/** Least time between two refreshes that events cause. */
export const MIN_REFRESH_MS = 1_000;
/** Largest share of the time that refreshing may take, so that a busy probe is not loaded more. */
export const MAX_BUSY_SHARE = 0.1;
/**
 * Time after which the page refreshes without an event, since a schedule that has stopped sends
 * none. A hidden tab refreshes only this often: its title and icon must not stay wrong for long.
 */
export const IDLE_REFRESH_MS = 15_000;
/** Silence after which a connection counts as lost; the probe sends something every 10 s. */
export const SILENCE_MS = 25_000;
/** Timeout of a request that a reader waits for. */
export const NAVIGATION_TIMEOUT_MS = 5_000;

const RETRY_MS = 2_000;

/** Time before the next try: 1 to 3 s, random so that the browsers do not all return at once. */
export function retryDelayMs(): number {
  return RETRY_MS * (0.5 + Math.random());
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
