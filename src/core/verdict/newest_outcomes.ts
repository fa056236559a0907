/** How a settled task ended, as `/status` writes it. */
export const OUTCOMES = { succeeded: ".", slow: "s", failed: "F" } as const;
export type Outcome = typeof OUTCOMES[keyof typeof OUTCOMES];

/** So many tasks are kept of a dataset, which bounds memory. */
export const MAX_OUTCOMES = 60;

/** How the newest settled tasks of a dataset ended, in the order in which they were created. */
export class NewestOutcomes {
  readonly #seqnos: number[] = [];
  readonly #outcomes: Outcome[] = [];

  /** Takes note of a settled task; one that is older than all that are kept is left out. */
  add(seqno: number, outcome: Outcome): void {
    const place = this.#seqnos.findLastIndex((each) => each < seqno) + 1;
    this.#seqnos.splice(place, 0, seqno);
    this.#outcomes.splice(place, 0, outcome);
    if (this.#seqnos.length <= MAX_OUTCOMES) return;
    this.#seqnos.shift();
    this.#outcomes.shift();
  }

  /** A letter for each task, the newest last. */
  toString(): string {
    return this.#outcomes.join("");
  }
}
