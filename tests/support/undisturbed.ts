import { AssertionError } from "node:assert";

const TRIES = 3;

/**
 * Judges what a busy machine can disturb, such as how late slots ran. `measure` returns what is
 * wrong, or null, and is called again when something is: a fault of the program is there every
 * time, the machine's are not. Throws when it is there three times.
 */
export async function undisturbed(measure: () => Promise<string | null>): Promise<void> {
  const complaints: string[] = [];
  while (complaints.length < TRIES) {
    const complaint = await measure();
    if (complaint === null) return;
    complaints.push(complaint);
  }
  throw new AssertionError({ message: complaints.join("; again: ") });
}
