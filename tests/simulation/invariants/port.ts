import type { Journal } from "../journal.ts";
import type { SimulatedTime } from "../world/time.ts";

/** A port that was lost counts as open again after this long. */
const PROVEN_MS = 1_000;

/** What the log must say of a port that is lost and opened again. */
export class PortInvariants {
  closedMs = Infinity;
  /** Since when the port is open; null while it is lost. */
  #openMs: number | null = 0;
  /** Whether the log's last word is that the port is lost. */
  #isLoggedAsLost = false;

  constructor(private readonly time: SimulatedTime, private readonly journal: Journal) {}

  opened(): void {
    this.#openMs = this.time.nowMs;
  }

  lost(): void {
    this.#openMs = null;
  }

  closed(): void {
    this.closedMs = this.time.nowMs;
  }

  lossLogged(): void {
    this.journal.check(
      this.#openMs === null && !this.#isLoggedAsLost,
      "a lost port is logged once",
      () => this.#openMs === null ? "it was logged before" : "the port is open",
    );
    this.#isLoggedAsLost = true;
  }

  returnLogged(): void {
    const openForMs = this.time.nowMs - (this.#openMs ?? Infinity);
    this.journal.check(
      this.#isLoggedAsLost && openForMs >= PROVEN_MS - this.time.toleranceMs,
      "a port is logged as back when it has stayed open",
      () => `after ${openForMs} ms`,
    );
    this.#isLoggedAsLost = false;
  }

  checkStep(): void {
    this.journal.check(
      this.#openMs !== null || this.#isLoggedAsLost || this.closedMs < Infinity,
      "a lost port is logged",
      () => "the log says nothing",
    );
  }
}
