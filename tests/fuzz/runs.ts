/** Properties that are tried with random inputs, and generators that several of them use. */
import fc from "npm:fast-check@4.10.2";
import { anyCharacter } from "../support/arbitraries.ts";

/** How many inputs each property is tried with. */
export const RUNS = numberFrom("FUZZ_RUNS") ?? 2_000;

/**
 * Tries a property with random inputs. A failure shows the counterexample, and the seed that repeats
 * it as `FUZZ_SEED`.
 */
export async function holds<Inputs>(
  property: fc.IAsyncProperty<Inputs>,
  options: fc.Parameters<Inputs> = {},
): Promise<void> {
  const seed = numberFrom("FUZZ_SEED");
  // Bounds shrinking too: the first counterexample is better than none within a time limit.
  await fc.assert(property, {
    numRuns: RUNS,
    ...seed === undefined ? {} : { seed },
    interruptAfterTimeLimit: 1_800_000,
    markInterruptAsFailure: true,
    ...options,
  });
}

/** Counts outcomes, so that a property whose inputs have only one outcome cannot pass. */
export class Outcomes {
  #counts = new Map<string, number>();

  add(outcome: string): void {
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
  }

  /** Throws when one of these never happened; `where` says where to add what causes them. */
  requireAll(wanted: readonly string[], where = "the inputs of this test"): void {
    const missed = wanted.filter((outcome) => !this.#counts.has(outcome));
    if (missed.length > 0) {
      const counts = JSON.stringify(Object.fromEntries(this.#counts));
      throw new Error(
        `never happened, add it to ${where}: ${missed.join(", ")}; happened: ${counts}`,
      );
    }
  }
}

/** `usual` in `times` of `times + 1` cases, else `unusual`. */
export function mostly<Usual, Unusual>(
  usual: fc.Arbitrary<Usual>,
  unusual: fc.Arbitrary<Unusual>,
  times = 12,
): fc.Arbitrary<Usual | Unusual> {
  return fc.oneof({ weight: times, arbitrary: usual }, { weight: 1, arbitrary: unusual });
}

/** A text with up to three changes: characters are removed, inserted or replaced. */
export function mutated(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const change = fc.record({
    at: fc.nat({ max: 10_000 }),
    length: fc.nat({ max: 4 }),
    put: fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: anyCharacter, maxLength: 3 })),
  });
  return fc.tuple(texts, fc.array(change, { maxLength: 3 })).map(([text, changes]) =>
    changes.reduce((changed, { at, length, put }) => {
      const from = at % (changed.length + 1);
      return changed.slice(0, from) + put + changed.slice(from + length);
    }, text)
  );
}

/** Texts that have a meaning to some parser. */
export const HOSTILE = [
  ..."\0\r\n\t \"'<>&;,:=%#?/\\@+-._~[]{}()$`|^*!0189aeZ\x1b\x7f\x85\x9b\u00a0\u2028\u202e\ufeff\ud800",
  "\r\n",
  "\r\n\r\n",
  "..",
  "%00",
  "%",
  "%zz",
  "%c3%28",
  "__proto__",
  "constructor",
  "null",
  "NaN",
  "Infinity",
  "1e999",
  "-0",
  "0x10",
  "\u0661",
  "9007199254740993",
  "<script>alert(1)</script>",
  "\x1b[2J",
  "😀",
] as const;

function numberFrom(name: string): number | undefined {
  const text = Deno.env.get(name);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isSafeInteger(number)) throw new Error(`${name}: expected a whole number`);
  return number;
}
