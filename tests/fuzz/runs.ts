/** How many inputs a property is tried with, and where they begin. */
import fc from "npm:fast-check@4.10.2";

/** Inputs of each property. */
export const RUNS = numberFrom("FUZZ_RUNS") ?? 2_000;

/**
 * Tries a property with many inputs. What fails is shown with the seed and the path that repeat it:
 * `FUZZ_SEED` takes the seed.
 */
export async function holds<Inputs>(
  property: fc.IAsyncProperty<Inputs>,
  options: fc.Parameters<Inputs> = {},
): Promise<void> {
  const seed = numberFrom("FUZZ_SEED");
  // Shrinking has its bound too: the first counterexample is better than none before a time limit.
  await fc.assert(property, {
    numRuns: RUNS,
    ...seed === undefined ? {} : { seed },
    interruptAfterTimeLimit: 1_800_000,
    markInterruptAsFailure: true,
    ...options,
  });
}

/** Counts outcomes, so that a property that meets only one of them cannot pass. */
export class Outcomes {
  #counts = new Map<string, number>();

  add(outcome: string): void {
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
  }

  /** Throws when one of these was never met. */
  requireAll(wanted: readonly string[]): void {
    const missed = wanted.filter((outcome) => !this.#counts.has(outcome));
    if (missed.length > 0) {
      const met = JSON.stringify(Object.fromEntries(this.#counts));
      throw new Error(`never met: ${missed.join(", ")}; met: ${met}`);
    }
  }
}

/** The one nearly always, and now and then the other. */
export function mostly<Usual, Unusual>(
  usual: fc.Arbitrary<Usual>,
  unusual: fc.Arbitrary<Unusual>,
  times = 12,
): fc.Arbitrary<Usual | Unusual> {
  return fc.oneof({ weight: times, arbitrary: usual }, { weight: 1, arbitrary: unusual });
}

/** A text with a few places changed: characters go, come, are doubled or replaced. */
export function mutated(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const change = fc.record({
    at: fc.nat({ max: 10_000 }),
    length: fc.nat({ max: 4 }),
    put: fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: "binary", maxLength: 3 })),
  });
  return fc.tuple(texts, fc.array(change, { maxLength: 3 })).map(([text, changes]) =>
    changes.reduce((changed, { at, length, put }) => {
      const from = at % (changed.length + 1);
      return changed.slice(0, from) + put + changed.slice(from + length);
    }, text)
  );
}

/** What has meant something to some parser. */
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
