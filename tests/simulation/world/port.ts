import type { System } from "../../../src/server/listen.ts";
import type { Invariants } from "../invariants/invariants.ts";
import type { Draw } from "./draw.ts";
import type { Journal } from "../journal.ts";
import type { Readers } from "../readers/readers.ts";
import type { SimulatedTime } from "./time.ts";

/** The probe tries to open a lost port again at least this often. */
const MAX_BACKOFF_MS = 5_000;

/** The port that the probe listens on, which is lost while descriptors have run out. */
export class SimulatedPort implements System {
  /** Since when there are descriptors; null while there are none. */
  #availableSinceMs: number | null = -Infinity;
  wasOpened = false;
  /** When the port was lost; null while it is open. */
  #lostMs: number | null = null;
  #isClosed = false;
  #onLost: (error: Error) => void = () => {};

  constructor(
    readonly clock: SimulatedTime,
    private readonly draw: Draw,
    private readonly journal: Journal,
    private readonly invariants: Invariants,
    private readonly readers: Readers,
    private readonly onClosed: () => void,
  ) {}

  readonly openDescriptor: System["openDescriptor"] = () => {
    if (this.#availableSinceMs === null) throw new Error("too many open files");
    return { close() {} };
  };

  readonly isTaken: System["isTaken"] = () => this.#lostMs === null;

  readonly serve: System["serve"] = ({ hostname = "", port = 0 }, handler) => {
    const { promise: finished, reject } = Promise.withResolvers<void>();
    this.journal.line(`port ${port} is open`);
    this.wasOpened = true;
    this.#lostMs = null;
    this.#onLost = reject;
    this.invariants.port.opened();
    this.readers.open(handler);
    const addr: Deno.NetAddr = { transport: "tcp", hostname, port };
    return { addr, finished, shutdown: () => this.#close() };
  };

  /** Descriptors run out, so that the port is lost; returns what ends that. */
  exhaust(): () => void {
    this.#availableSinceMs = null;
    if (this.#lostMs === null && !this.#isClosed) {
      this.#lostMs = this.clock.nowMs;
      this.readers.close();
      this.invariants.port.lost();
      this.#onLost(new Error("too many open files"));
    }
    return () => void (this.#availableSinceMs = this.clock.nowMs);
  }

  /** What must hold when every timer that is due has run. */
  checkCaughtUp(): void {
    if (this.#lostMs === null || this.#availableSinceMs === null || this.#isClosed) return;
    const { nowMs, toleranceMs } = this.clock;
    const waitedMs = nowMs - Math.max(this.#lostMs, this.#availableSinceMs);
    this.journal.check(
      waitedMs <= MAX_BACKOFF_MS + toleranceMs,
      "a lost port is opened again",
      () => `there was no attempt for ${waitedMs} ms`,
    );
  }

  /** Open requests may keep the port busy for longer than the probe waits. */
  #close(): Promise<void> {
    this.#isClosed = true;
    this.invariants.portClosed();
    this.readers.close();
    this.onClosed();
    const { clock, draw } = this;
    const endMs = clock.nowMs + (draw.chance(0.5) ? 0 : draw.between(0, 2_000));
    return new Promise((resolve) => {
      const check = () => {
        const isIdle = clock.nowMs >= endMs && this.readers.waiting === 0;
        if (isIdle) resolve();
        else clock.input(Math.max(1, endMs - clock.nowMs), check);
      };
      check();
    });
  }
}
