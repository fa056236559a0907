import { AssertionError } from "node:assert";

const TRIES = 3;

/** For what leaves hardly more room than the machine takes. */
export const MANY_TRIES = 6;

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
