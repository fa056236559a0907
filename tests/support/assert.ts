/** Assertions of Deno's standard library, whose npm package has no types. */
import * as untyped from "deno-std/assert/mod.js";

// deno-lint-ignore no-explicit-any -- a constructor takes what it takes
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

/** Throws unless the value is truthy. */
export const assert: (value: unknown, message?: string) => asserts value = untyped.assert;

/** Throws unless the two are equal in depth. */
export const assertEquals: <T>(actual: T, expected: T, message?: string) => void =
  untyped.assertEquals;

/** Throws when the two are equal in depth. */
export const assertNotEquals: <T>(actual: T, expected: T, message?: string) => void =
  untyped.assertNotEquals;

/** Throws unless the two are the same by `Object.is`. */
export const assertStrictEquals: <T>(
  actual: unknown,
  expected: T,
  message?: string,
) => asserts actual is T = untyped.assertStrictEquals;

/** Throws when the two differ by more than `tolerance`, 1e-7 of the expected value by default. */
export const assertAlmostEquals: (
  actual: number,
  expected: number,
  tolerance?: number,
  message?: string,
) => void = untyped.assertAlmostEquals;

/** Throws unless the first is greater. */
export const assertGreater: (actual: number, low: number, message?: string) => void =
  untyped.assertGreater;

export const assertMatch: (actual: string, expected: RegExp, message?: string) => void =
  untyped.assertMatch;

export const assertStringIncludes: (actual: string, expected: string, message?: string) => void =
  untyped.assertStringIncludes;

/** Throws unless the expected keys are there with equal values; other keys do not matter. */
export const assertObjectMatch: (
  actual: object,
  expected: Record<PropertyKey, unknown>,
  message?: string,
) => void = untyped.assertObjectMatch;

/** Throws unless the function throws, an error of this class whose message holds the text. */
export const assertThrows:
  & ((body: () => unknown, message?: string) => unknown)
  & (<E extends Error = Error>(
    body: () => unknown,
    errorClass: ErrorClass<E>,
    includes?: string,
    message?: string,
  ) => E) = untyped.assertThrows;

/** The same for a promise that rejects. */
export const assertRejects:
  & ((body: () => PromiseLike<unknown>, message?: string) => Promise<unknown>)
  & (<E extends Error = Error>(
    body: () => PromiseLike<unknown>,
    errorClass: ErrorClass<E>,
    includes?: string,
    message?: string,
  ) => Promise<E>) = untyped.assertRejects;
