import type { Clock } from "../../core/clock.ts";
import { type Connection, tryToClose } from "../connection/connection.ts";

/**
 * Deno keeps the socket of a TLS 1.3 client for 100 ms after its end, and for that long one of its 32
 * threads for blocking calls (rustls-tokio-stream, `nonblocking_tcp_drop`); a little is for waking up.
 */
const HELD_MS = 105;

/** How many connections may hold a thread: the remaining eight are for names and files. */
const MAX_HELD = 24;

/** How many TLS connections can be closed in a second, on average. */
export const MAX_CLOSED_PER_SECOND = Math.floor(MAX_HELD * 1e3 / HELD_MS);

type Closable = Pick<Connection, "close">;

/**
 * Closes TLS connections no faster than the runtime can. If it had to close more, name resolution
 * would wait behind them, and the platform would be blamed for that. Those that cannot be closed yet
 * wait, in their order.
 */
export class PacedClosing {
  readonly #clock: Clock;
  readonly #waiting: Closable[] = [];
  /** When the newest of them were closed, the oldest first. */
  readonly #closedMs: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many connections wait to be closed. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Closes the connection, now or as soon as that is possible. */
  close(connection: Closable): void {
    this.#waiting.push(connection);
    if (this.#waiting.length === 1) this.#closeNext();
  }

  /** Closes all that may be closed by now; is called again when the next one may be. */
  #closeNext(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const nowMs = this.#clock.monotonic();
      const heldMs = nowMs - (this.#closedMs.at(-MAX_HELD) ?? -Infinity);
      if (heldMs < HELD_MS) {
        this.#clock.after(HELD_MS - heldMs, () => this.#closeNext());
        return;
      }
      this.#closedMs.push(nowMs);
      if (this.#closedMs.length > MAX_HELD) this.#closedMs.shift();
      this.#waiting.shift();
      tryToClose(next);
    }
  }
}
