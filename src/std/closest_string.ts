/** A hint at a misspelt word, of Deno's standard library, whose npm package has no types. */
import { closestString as untyped } from "deno-std/text/closest_string.js";

/**
 * Returns the word with the smallest Levenshtein distance, ignoring case. Throws a `TypeError` when
 * there is no word to choose from.
 */
export const closestString: (given: string, words: readonly string[]) => string = untyped;
