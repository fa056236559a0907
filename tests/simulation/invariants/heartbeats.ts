import type { Config } from "../../../src/config/config.ts";
import type { Journal } from "../journal.ts";
import type { SimulatedTime } from "../world/time.ts";
import type { Ledger } from "./ledger.ts";

const INVARIANT = "one heartbeat an interval while no dataset fails";

/** When heartbeats must and must not be sent. */
export class HeartbeatInvariants {
  /** How many were sent with which result. */
  readonly sent = { ok: 0, failed: 0 };
  #isUnderWay = false;
  /** The interval of the last one. */
  #interval = -1;
  #isDue = false;

  constructor(
    private readonly config: Config,
    private readonly time: SimulatedTime,
    private readonly journal: Journal,
    private readonly ledger: Ledger,
  ) {}

  /** A task was settled, so that a heartbeat may have to follow at once. */
  settled(): void {
    if (!this.config.heartbeatUrl || this.ledger.failing.size > 0 || this.#isUnderWay) return;
    if (this.#intervalNow() !== this.#interval) this.#isDue = true;
  }

  started(): void {
    const { failing } = this.ledger;
    const interval = this.#intervalNow();
    const isAllowed = failing.size === 0 && !this.#isUnderWay && interval !== this.#interval;
    this.journal.check(
      isAllowed,
      INVARIANT,
      () =>
        `sent in interval ${interval}, the last one in ${this.#interval}, ` +
        `${this.#isUnderWay ? "one" : "none"} under way, failing: ${[...failing].join() || "none"}`,
    );
    this.#isUnderWay = true;
    this.#interval = interval;
    this.#isDue = false;
  }

  ended(isReceived: boolean): void {
    this.#isUnderWay = false;
    this.sent[isReceived ? "ok" : "failed"]++;
  }

  checkStep(): void {
    if (this.#isDue) this.journal.broken(INVARIANT, "none was sent");
  }

  #intervalNow(): number {
    return Math.floor(this.time.nowMs / (this.config.taskIntervalSeconds * 1e3));
  }
}
