import type { SkipCause } from "./catalogue.ts";
import type { State } from "./task.ts";

/**
 * The probe's own books: what it has created, settled and dismissed since its start. They are kept
 * apart from the metrics and the backlog, so that each can be checked by the others.
 */
export class Accounts {
  created = 0;
  succeeded = 0;
  failed = 0;
  dismissed = 0;
  skipped: Record<SkipCause, number> = { late: 0, in_flight: 0 };

  /** Throws when the tracked tasks are not those that the books say. */
  check(tracked: Record<State, number>): void {
    const pending = this.created - this.succeeded - this.failed;
    const settled = this.succeeded + this.failed - this.dismissed;
    if (tracked.PENDING === pending && tracked.SUCCEEDED + tracked.FAILED === settled) return;
    throw new Error(
      `the accounts say ${pending} pending and ${settled} settled tasks, the backlog has ` +
        `${tracked.PENDING} and ${tracked.SUCCEEDED + tracked.FAILED}`,
    );
  }
}
