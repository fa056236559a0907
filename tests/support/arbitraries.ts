/** Inputs that several property tests share. */
import fc from "npm:fast-check@4.10.2";

/** Any character, surrogates included. The unit "binary" of fast-check takes seconds to make. */
export const anyCharacter: fc.Arbitrary<string> = fc.integer({ min: 0, max: 0x10ffff })
  .map((code) => String.fromCodePoint(code));
