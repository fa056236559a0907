import { type Backoff, createBackoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import type { DescriptorReserve } from "./descriptor_reserve.ts";

/** How long requests in progress may take once the port is being closed. */
const GRACE_MS = 1_000;

/** The old server of a port that is opened anew leaves it within this time; longer is a loss. */
const LEAVE_MS = 1_000;

/** Delays before a lost port is opened again. */
const BACKOFF = { firstMs: 100, maxMs: 5_000 };

/**
 * How often free descriptors are looked for. A port that was opened again counts as recovered at
 * the first such check: until then a further loss neither is reported nor resets the back-off.
 */
const CHECK_MS = 5_000;

/** The part of `Deno.HttpServer` that is needed here. */
export type HttpServer = {
  addr: Deno.NetAddr;
  finished: Promise<void>;
  shutdown: () => Promise<void>;
};

export type ReopeningPortOptions = {
  clock: Clock;
  /** Opens `port` and returns the server there; throws when it cannot. */
  open: (port: number) => HttpServer;
  reserve: DescriptorReserve;
  /** Whether something listens on the port. */
  isTaken: (port: number) => boolean;
  /** Notified of the loss of the port with the error, and of its recovery with null. */
  onChange: (error: unknown) => void;
};

/**
 * A port that is opened again after it was lost. `Deno.serve` stops listening for good when the
 * descriptors run out; and when they run out without that, the port is closed here, so that the
 * reserve and the connections become free for the probe's own requests.
 */
export class ReopeningPort {
  /** The port that was opened; the one that the system chose when 0 was given. */
  readonly number: number;
  /** The address that the host name stands for. */
  readonly hostname: string;
  #options: ReopeningPortOptions;
  /** Null while the port is closed. */
  #server: HttpServer | null = null;
  /** The last one that was open: its requests may still be in progress. */
  #lastServer: HttpServer | null = null;
  #backoff: Backoff = createBackoff(BACKOFF);
  #isDown = false;
  /** When the port was last closed, to be opened anew. */
  #closedMs = -Infinity;
  #isClosed = false;
  #cancelTimer = () => {};

  /** Throws when the port cannot be opened. */
  constructor(port: number, options: ReopeningPortOptions) {
    this.#options = options;
    const server = this.#open(port);
    this.number = server.addr.port;
    this.hostname = server.addr.hostname;
    this.#watch(server);
  }

  /**
   * Opens the port anew at once, as `open` makes it now. Requests in progress end on their old
   * connections.
   */
  reopen(): void {
    if (this.#isClosed || this.#server === null) return;
    const old = this.#server;
    this.#server = null;
    this.#closedMs = this.#options.clock.monotonic();
    this.#cancelTimer();
    old.shutdown().catch(() => {});
    this.#options.reserve.release();
    this.#openAgain();
  }

  /** Closes the port for good; waits up to a second for requests in progress. */
  async close(): Promise<void> {
    const { clock, reserve } = this.#options;
    this.#isClosed = true;
    this.#cancelTimer();
    reserve.release();
    const grace = Promise.withResolvers<void>();
    const cancelGrace = clock.after(GRACE_MS, grace.resolve);
    await Promise.race([this.#lastServer?.shutdown().catch(() => {}), grace.promise]);
    cancelGrace();
  }

  #open(port: number): HttpServer {
    const { open, reserve } = this.#options;
    return reserve.holdFor(() => open(port));
  }

  #watch(server: HttpServer): void {
    this.#server = this.#lastServer = server;
    const onEnd = (error: unknown) => {
      if (server === this.#server) this.#lose(error);
    };
    server.finished.then(() => onEnd(new Error("the port was closed unexpectedly")), onEnd);
    this.#checkLater();
  }

  #checkLater(): void {
    const { clock, reserve, isTaken, onChange } = this.#options;
    this.#cancelTimer = clock.after(CHECK_MS, () => {
      try {
        reserve.requireFree();
        // Some versions of Deno tell only when the last connection is gone that they stopped.
        if (!isTaken(this.number)) throw new Error("the port was closed unexpectedly");
      } catch (error) {
        this.#server?.shutdown().catch(() => {});
        return this.#lose(error);
      }
      this.#backoff.reset();
      if (this.#isDown) onChange(null);
      this.#isDown = false;
      this.#checkLater();
    });
  }

  #lose(error: unknown): void {
    this.#options.reserve.release();
    if (this.#isClosed) return;
    this.#cancelTimer();
    this.#report(error);
    this.#server = null;
    this.#reopenLater();
  }

  #report(error: unknown): void {
    if (!this.#isDown) this.#options.onChange(error);
    this.#isDown = true;
  }

  #reopenLater(): void {
    this.#cancelTimer = this.#options.clock.after(this.#backoff.nextMs(), () => this.#openAgain());
  }

  #openAgain(): void {
    try {
      this.#watch(this.#open(this.number));
    } catch (error) {
      if (this.#options.clock.monotonic() - this.#closedMs >= LEAVE_MS) this.#report(error);
      this.#reopenLater();
    }
  }
}
