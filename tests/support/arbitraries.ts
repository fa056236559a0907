/** Inputs that several property tests share. */
import fc from "npm:fast-check@4.10.2";
import { REASONS } from "../../src/core/reasons.ts";
import { type Attempt, type Phase, PHASES, type Phases, WAITS } from "../../src/core/task.ts";

/** Any character, surrogates included. The unit "binary" of fast-check takes seconds to make. */
export const anyCharacter: fc.Arbitrary<string> = fc.integer({ min: 0, max: 0x10ffff })
  .map((code) => String.fromCodePoint(code));

const microseconds = fc.integer({ min: 0, max: 60_000_000 }).map((us) => us / 1e6);

/** Any phases, each of up to a minute. */
export const anyPhases: fc.Arbitrary<Phases> = fc.dictionary(
  fc.constantFrom<Phase>(...PHASES),
  microseconds,
  { noNullPrototype: true },
);

/** Any attempt, whose fields need not fit each other. */
export const anyAttempt: fc.Arbitrary<Attempt> = fc.record({
  status: fc.constantFrom(503, null, 200),
  reason: fc.constantFrom(...REASONS, null),
  durationSeconds: microseconds,
  startSeconds: microseconds,
  wait: fc.constantFrom(...WAITS, null),
  phases: anyPhases,
});
