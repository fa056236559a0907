import { type Clock, within } from "../core/clock.ts";
import type { SettledTask } from "../core/task.ts";
import type { TaskObserver } from "../core/task_observer.ts";
import { RequestError } from "../http_client/errors.ts";

/** How often the certificates are looked at. */
const INTERVAL_MS = 3_600_000;

/** After a TLS failure they are looked at again, but at most this often. */
const MIN_INTERVAL_MS = 60_000;

export type CertificateWatchOptions = {
  clock: Clock;
  /** The hosts; those without https are ignored. */
  urls: readonly URL[];
  /** When the first certificate of the chain that a host presents expires, by the wall clock. */
  readExpiryMs: (url: URL, signal: AbortSignal) => Promise<number>;
  timeoutMs: number;
  /** Ends the watch. */
  signal: AbortSignal;
  onExpiry: (host: string, expiresMs: number) => void;
  onError: (host: string, error: unknown) => void;
};

/**
 * Watches when the certificates of the probed hosts expire, on connections of its own: at the start,
 * every hour, and after a TLS failure, so that the time is known of a certificate that is not trusted
 * or has expired too. Never in the way of a task.
 */
export class CertificateWatch implements TaskObserver {
  readonly #options: CertificateWatchOptions;
  readonly #urls: readonly URL[];
  #lastMs = -Infinity;
  #cancel = () => {};

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
    const secure = options.urls.filter(({ protocol }) => protocol === "https:");
    this.#urls = [...new Map(secure.map((url) => [url.host, url])).values()];
  }

  start(): void {
    if (this.#urls.length === 0) return;
    this.#options.signal.addEventListener("abort", () => this.#cancel(), { once: true });
    this.#look();
  }

  settled(_task: SettledTask, error: unknown): void {
    if (this.#urls.length === 0 || !isTlsFailure(error)) return;
    if (this.#options.clock.monotonic() - this.#lastMs >= MIN_INTERVAL_MS) this.#look();
  }

  #look(): void {
    const { clock, signal } = this.#options;
    if (signal.aborted) return;
    this.#cancel();
    this.#cancel = clock.after(INTERVAL_MS, () => this.#look());
    this.#lastMs = clock.monotonic();
    for (const url of this.#urls) void this.#lookAt(url);
  }

  async #lookAt(url: URL): Promise<void> {
    const { clock, readExpiryMs, timeoutMs, signal, onExpiry, onError } = this.#options;
    try {
      const read = (limited: AbortSignal) => readExpiryMs(url, limited);
      const timeout = () => new Error(`no TLS handshake within ${timeoutMs / 1e3} s`);
      onExpiry(url.host, await within(clock, timeoutMs, signal, read, timeout));
    } catch (error) {
      if (!signal.aborted) onError(url.host, error);
    }
  }
}

/** A token request that fails has the failure of the provider's connection as its cause. */
function isTlsFailure(error: unknown): boolean {
  return error instanceof RequestError && (error.reason === "tls" || isTlsFailure(error.cause));
}
