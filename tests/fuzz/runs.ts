/** Properties that are tried with random inputs, and generators that several of them use. */
import fc from "npm:fast-check@4.10.2";
import { anyCharacter } from "../support/arbitraries.ts";

/** How many inputs each property is tried with. */
export const RUNS = numberFrom("FUZZ_RUNS") ?? 2_000;

/** How often as many inputs are tried again for an outcome that has not happened yet. */
const MAX_ROUNDS = 20;

/**
 * Tries a property with random inputs. A failure shows the counterexample, and the seed that repeats
 * it as `FUZZ_SEED`. With `outcomes` it goes on until all that they want have happened: a rare one is
 * missed in one round by chance, in all rounds only when nothing causes it any more.
 */
export async function holds<Inputs>(
  property: fc.IAsyncProperty<Inputs>,
  { outcomes, ...options }: fc.Parameters<Inputs> & { outcomes?: Outcomes } = {},
): Promise<void> {
  const seed = numberFrom("FUZZ_SEED");
  for (let round = 0; round < MAX_ROUNDS; round++) {
    // Bounds shrinking too: the first counterexample is better than none within a time limit.
    await fc.assert(property, {
      numRuns: RUNS,
      ...seed === undefined ? {} : { seed: seed + round },
      interruptAfterTimeLimit: 1_800_000,
      markInterruptAsFailure: true,
      ...options,
    });
    if (!outcomes || outcomes.missed.length === 0) return;
  }
  throw new Error(`${outcomes}`);
}

/** Counts outcomes, so that a property whose inputs have only one outcome cannot pass. */
export class Outcomes {
  #counts = new Map<string, number>();

  /** `where` says where to add what causes the outcomes that are wanted. */
  constructor(
    private readonly wanted: readonly string[],
    private readonly where = "the inputs of this test",
  ) {}

  add(outcome: string): void {
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
  }

  /** The wanted outcomes that have not happened. */
  get missed(): string[] {
    return this.wanted.filter((outcome) => !this.#counts.has(outcome));
  }

  toString(): string {
    const counts = JSON.stringify(Object.fromEntries(this.#counts));
    return `never happened, add it to ${this.where}: ${
      this.missed.join(", ")
    }; happened: ${counts}`;
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
