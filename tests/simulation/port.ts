import type { System } from "../../src/server/listen.ts";
import type { Books } from "./books.ts";
import type { Draw } from "./draw.ts";
import type { Journal } from "./journal.ts";
import type { Readers } from "./readers.ts";
import type { SimulatedTime } from "./time.ts";

/** A port that was lost is tried again at the latest after this. */
const MAX_BACKOFF_MS = 5_000;

/** What the program listens with: a port that can be lost while descriptors have run out. */
export class SimulatedPort implements System {
  /** Since when there are descriptors; null while there are none. */
  #plentySinceMs: number | null = -Infinity;
  wasOpened = false;
  /** When the port was lost; null while it is open. */
  #lostMs: number | null = null;
  #isClosed = false;
  #lose: (error: Error) => void = () => {};

  constructor(
    readonly clock: SimulatedTime,
    private readonly draw: Draw,
    private readonly journal: Journal,
    private readonly books: Books,
    private readonly readers: Readers,
    private readonly onClosed: () => void,
  ) {}

  readonly openDescriptor: System["openDescriptor"] = () => {
    if (this.#plentySinceMs === null) throw new Error("too many open files");
    return { close() {} };
  };

  readonly serve: System["serve"] = ({ hostname = "", port = 0 }, handler) => {
    const { promise: finished, reject } = Promise.withResolvers<void>();
    this.journal.line(`port ${port} is open`);
    this.wasOpened = true;
    this.#lostMs = null;
    this.#lose = reject;
    this.books.portOpened();
    this.readers.open(handler);
    const addr: Deno.NetAddr = { transport: "tcp", hostname, port };
    return { addr, finished, shutdown: () => this.#close() };
  };

  /** Descriptors run out, and the port is lost with the next connection; returns what ends that. */
  exhaust(): () => void {
    this.#plentySinceMs = null;
    if (this.#lostMs === null && !this.#isClosed) {
      this.#lostMs = this.clock.nowMs;
      this.readers.close();
      this.books.portLost();
      this.#lose(new Error("too many open files"));
    }
    return () => void (this.#plentySinceMs = this.clock.nowMs);
  }

  /** When every timer has run that is due. */
  checkCaughtUp(): void {
    if (this.#lostMs === null || this.#plentySinceMs === null || this.#isClosed) return;
    const { nowMs, toleranceMs } = this.clock;
    const waitedMs = nowMs - Math.max(this.#lostMs, this.#plentySinceMs);
    this.journal.check(
      waitedMs <= MAX_BACKOFF_MS + toleranceMs,
      "a lost port is opened again",
      () => `nobody has tried for ${waitedMs} ms`,
    );
  }

  /** Whoever is being answered may hold the port for a while, longer than is waited for it. */
  #close(): Promise<void> {
    this.#isClosed = true;
    this.books.portClosed();
    this.readers.close();
    this.onClosed();
    const { clock, draw } = this;
    const endMs = clock.nowMs + (draw.chance(0.5) ? 0 : draw.between(0, 2_000));
    return new Promise((resolve) => {
      const look = () => {
        const isIdle = clock.nowMs >= endMs && this.readers.waiting === 0;
        if (isIdle) resolve();
        else clock.input(Math.max(1, endMs - clock.nowMs), look);
      };
      look();
    });
  }
}
