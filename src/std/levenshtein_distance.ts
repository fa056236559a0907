/** How far two words are apart, of Deno's standard library, whose npm package has no types. */
import { levenshteinDistance as untyped } from "deno-std/text/levenshtein_distance.js";

/** Returns the number of letters to insert, remove or replace between the two words. */
export const levenshteinDistance: (one: string, other: string) => number = untyped;
