import { AssertionError } from "node:assert";

const TRIES = 3;

/** For what leaves hardly more room than the machine takes. */
export const MANY_TRIES = 6;

const STALLED_TRIES = 2;

/** When this process has stood still for so long, the others may have too. */
const STALL_MS = 100;
const TICK_MS = 20;

/**
 * Judges what a busy machine can disturb, such as how late slots ran. `measure` returns what is
 * wrong, or null, and is called again when something is: a fault of the program is there every
 * time, the machine's are not. Throws when it is there `tries` times.
 */
export async function undisturbed(
  measure: () => Promise<string | null>,
  tries = TRIES,
): Promise<void> {
  const complaints: string[] = [];
  while (complaints.length < tries) {
    const complaint = await measure();
    if (complaint === null) return;
    complaints.push(complaint);
  }
  throw new AssertionError({ message: complaints.join("; again: ") });
}

/**
 * Runs a test that waits for other processes. One that fails is run again if the machine stood still
 * meanwhile: limits of some tenths of a second then say nothing. Throws what the last run throws.
 */
export async function unlessStalled(run: () => void | Promise<void>): Promise<void> {
  for (let tries = 1;; tries++) {
    using stalls = new Stalls();
    try {
      return await run();
    } catch (error) {
      if (stalls.longestMs < STALL_MS || tries === STALLED_TRIES) throw error;
      console.warn(`again, as this stood still for ${Math.round(stalls.longestMs)} ms: ${error}`);
    }
  }
}

/** How long the timers of this process were late at most. */
class Stalls implements Disposable {
  longestMs = 0;
  #dueMs = performance.now() + TICK_MS;
  readonly #timer = setInterval(() => {
    this.longestMs = Math.max(this.longestMs, performance.now() - this.#dueMs);
    this.#dueMs = performance.now() + TICK_MS;
  }, TICK_MS);

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
