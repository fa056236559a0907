import { type Clock, within } from "../core/clock.ts";
import type { SettledTask } from "../core/task.ts";
import type { TaskObserver } from "../core/task_observer.ts";
import { USER_AGENT } from "../core/version.ts";
import { explain } from "../http_client/errors.ts";
import type { Exchange } from "../http_client/exchange.ts";
import { newTimings } from "../http_client/timings.ts";
import { credentialsOf, encodeCredentials } from "../text/basic_credentials.ts";

export type HeartbeatMethod = "HEAD" | "GET" | "POST";

export type HeartbeatOptions = {
  /** Sends one heartbeat; rejects unless it was received. */
  send: (signal: AbortSignal) => Promise<void>;
  /** Cancels a heartbeat that is on its way; its result is not reported. */
  signal: AbortSignal;
  monotonic: () => number;
  /** At most one heartbeat is sent in this time. */
  intervalMs: number;
  onResult: (result: "ok" | "failed") => void;
  /**
   * Called with the error when heartbeats begin to fail and when they fail for a new cause, and with
   * null when they recover.
   */
  onChange: (error: unknown) => void;
};

/** A cause that has come before in an outage is reported again only after so long. */
const REPEAT_MS = 3_600_000;
const MAX_CAUSES = 20;

/**
 * Tells a service outside that all is well: a heartbeat after a settled task, at most one an
 * interval, and only while no dataset's last task failed. Never throws.
 */
export class Heartbeat implements TaskObserver {
  readonly #options: HeartbeatOptions;
  /** The datasets whose last settled task failed. They need not be failing: one failure is enough. */
  readonly #lastTaskFailed = new Set<string>();
  #lastInterval = -Infinity;
  /** When each cause of the present outage was last reported, the oldest report first. */
  readonly #reported = new Map<string, number>();
  /** The cause that was reported last; null while heartbeats are received. */
  #lastCause: string | null = null;
  #isUnderWay = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  settled({ state, datasetId }: SettledTask): void {
    if (state === "FAILED") this.#lastTaskFailed.add(datasetId);
    else this.#lastTaskFailed.delete(datasetId);
    // Intervals of a fixed grid: the time between two settlements may be slightly shorter.
    const interval = Math.floor(this.#options.monotonic() / this.#options.intervalMs);
    if (this.#lastTaskFailed.size > 0 || interval === this.#lastInterval) return;
    if (this.#isUnderWay) return;
    this.#lastInterval = interval;
    void this.#send();
  }

  async #send(): Promise<void> {
    const { send, signal, onResult, onChange } = this.#options;
    this.#isUnderWay = true;
    try {
      await send(signal);
      onResult("ok");
      if (this.#lastCause !== null) onChange(null);
      this.#lastCause = null;
      this.#reported.clear();
    } catch (error) {
      if (signal.aborted) return;
      onResult("failed");
      if (this.#isNews(error)) onChange(error);
    } finally {
      this.#isUnderWay = false;
    }
  }

  /** Whether a cause differs from the reported one, and was not reported a short while ago either. */
  #isNews(error: unknown): boolean {
    const cause = causeOf(error);
    const nowMs = this.#options.monotonic();
    const reportedMs = this.#reported.get(cause) ?? -Infinity;
    if (cause === this.#lastCause || nowMs - reportedMs < REPEAT_MS) return false;
    this.#lastCause = cause;
    this.#reported.delete(cause);
    this.#reported.set(cause, nowMs);
    const [oldest] = this.#reported.keys();
    if (this.#reported.size > MAX_CAUSES && oldest !== undefined) this.#reported.delete(oldest);
    return true;
  }
}

/**
 * What stays the same of a message while its cause does: a status, but no other word with a digit,
 * such as an address, a port or a time with its unit.
 */
function causeOf(error: unknown): string {
  return explain(error).replaceAll(
    /\bstatus \d+|\S*\d\S*( (ms|s|min|h|d|days?|hours?|minutes?|seconds?)\b)?/g,
    (found) => found.startsWith("status ") ? found : "#",
  ).replaceAll(/#( #)+/g, "#");
}

/**
 * Sends a request without a body. Rejects when no response with status 2xx comes within
 * `timeoutSeconds`.
 */
export async function sendHeartbeat(
  { url, method }: { url: string; method: HeartbeatMethod },
  { exchange, clock }: { exchange: Exchange; clock: Clock },
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const timings = newTimings(clock.monotonic());
  const credentials = credentialsOf(new URL(url));
  const headers = {
    "user-agent": USER_AGENT,
    ...credentials && { authorization: `Basic ${encodeCredentials(credentials)}` },
  };
  // Its length is sent, which some receivers require of a POST. RFC 9110, section 8.6.
  const body = method === "POST" ? { body: "" } : {};
  const { status } = await within(
    clock,
    timeoutSeconds * 1e3,
    signal,
    (limited) =>
      exchange({ url: new URL(url), method, headers, ...body }, { signal: limited, timings }),
    () => new Error(`no response within ${timeoutSeconds} s`),
  );
  if (status < 200 || status > 299) throw new Error(`the response has status ${status}`);
}
