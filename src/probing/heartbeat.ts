import { type Clock, within } from "../core/clock.ts";
import type { SettledTask } from "../core/task.ts";
import type { TaskObserver } from "../core/task_observer.ts";
import { USER_AGENT } from "../core/version.ts";
import type { Exchange } from "../http_client/exchange.ts";
import { newTimings } from "../http_client/timings.ts";

export type HeartbeatOptions = {
  /** Sends one heartbeat; rejects unless it was received. */
  send: (signal: AbortSignal) => Promise<void>;
  /** Cancels a heartbeat that is on its way; its result is not reported. */
  signal: AbortSignal;
  monotonic: () => number;
  /** At most one heartbeat is sent in this time. */
  intervalMs: number;
  onResult: (result: "ok" | "failed") => void;
  /** Called with the error when heartbeats begin to fail, and with null when they recover. */
  onChange: (error: unknown) => void;
};

/**
 * Tells a service outside that all is well: a heartbeat after a settled task, at most one an
 * interval, and only while no dataset's last task failed. Never throws.
 */
export class Heartbeat implements TaskObserver {
  readonly #options: HeartbeatOptions;
  readonly #failingDatasets = new Set<string>();
  #lastInterval = -Infinity;
  #isFailing = false;
  #isUnderWay = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  settled({ state, datasetId }: SettledTask): void {
    if (state === "FAILED") this.#failingDatasets.add(datasetId);
    else this.#failingDatasets.delete(datasetId);
    // Intervals of a fixed grid: the time between two settlements may be slightly shorter.
    const interval = Math.floor(this.#options.monotonic() / this.#options.intervalMs);
    if (this.#failingDatasets.size > 0 || interval === this.#lastInterval) return;
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
      if (this.#isFailing) onChange(null);
      this.#isFailing = false;
    } catch (error) {
      if (signal.aborted) return;
      onResult("failed");
      if (!this.#isFailing) onChange(error);
      this.#isFailing = true;
    } finally {
      this.#isUnderWay = false;
    }
  }
}

/** Sends a HEAD to `url`. Rejects when no response with status 2xx comes within `timeoutSeconds`. */
export async function sendHeartbeat(
  url: string,
  { exchange, clock }: { exchange: Exchange; clock: Clock },
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const timings = newTimings(clock.monotonic());
  const headers = { "user-agent": USER_AGENT };
  const { status } = await within(
    clock,
    timeoutSeconds * 1e3,
    signal,
    (limited) =>
      exchange({ url: new URL(url), method: "HEAD", headers }, { signal: limited, timings }),
    () => new Error(`no response within ${timeoutSeconds} s`),
  );
  if (status < 200 || status > 299) throw new Error(`the response has status ${status}`);
}
