import { levenshteinDistance } from "@std/text/levenshtein-distance";
import type { Setting } from "../setting.ts";
import { SETTINGS } from "../settings.ts";

/** More would be no hint. */
const MAX_SUGGESTIONS = 2;

/** The share of a word's letters that may be wrong. */
const MAX_WRONG_SHARE = 1 / 3;

/** What other programs call a command or flag, where no letters tell. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  tasks: ["status"],
  "log-level": ["verbose", "quiet", "debug"],
};

/** What other programs call the main loop, which has no word here. */
const MAIN_LOOP_WORDS: readonly string[] = ["probe", "run", "serve", "start"];

/**
 * What the user of an unknown flag may have meant, as the end of a sentence; `given` and `flags` are
 * without dashes.
 */
export function hintFor(given: string, flags: readonly string[]): string {
  const name = normalized(given);
  const variables = variablesWithoutFlag(name);
  if (variables.length > 0 && !flags.some((flag) => flag.startsWith(name))) {
    return `set ${variables.join(" or ")} in the environment`;
  }
  const meant = closestWords(name, flags).map((flag) => `--${flag}`);
  return meant.length === 0 ? "--help lists them all" : `did you mean ${meant.join(" or ")}?`;
}

/** What the user of an unknown word may have meant, as the end of a sentence; flags without dashes. */
export function hintForWord(
  given: string,
  words: readonly string[],
  flags: readonly string[],
): string {
  const name = normalized(given);
  if (MAIN_LOOP_WORDS.includes(name)) return "without a word it probes until it is stopped";
  const meant = flags.includes(name) ? [`--${name}`] : closestWords(name, words);
  return meant.length === 0 ? "a value follows its flag" : `did you mean ${meant.join(" or ")}?`;
}

/**
 * The words that a misspelt one may stand for: a synonym, else those that begin with it, else those
 * that are a part of it or it of them, else the ones with the fewest other letters; none when nothing
 * is near.
 */
export function closestWords(given: string, words: readonly string[]): string[] {
  const name = normalized(given);
  const candidates = [
    words.filter((word) => word === name || SYNONYMS[word]?.includes(name)),
    words.filter((word) => word.startsWith(name)),
    words.filter((word) => isPart(name, word) || isPart(word, name)),
    nearest(name, words),
  ].find((found) => found.length > 0) ?? [];
  return candidates.sort((a, b) => a.length - b.length).slice(0, MAX_SUGGESTIONS);
}

/** Whether the first consists of some of the second's parts between dashes. */
function isPart(part: string, whole: string): boolean {
  return `-${whole}-`.includes(`-${part}-`);
}

function nearest(name: string, words: readonly string[]): string[] {
  const distances = words.map((word) => levenshteinDistance(name, word));
  const least = Math.min(...distances);
  return words.filter((word, i) =>
    distances[i] === least &&
    least <= Math.ceil(Math.max(name.length, word.length) * MAX_WRONG_SHARE)
  );
}

/** The variables of that name that have no flag, secrets and files; none when it could be too many. */
function variablesWithoutFlag(name: string): string[] {
  const settings: Setting[] = Object.values(SETTINGS);
  const variables = settings
    .filter(({ env, flag }) => flag === undefined && `-${normalized(env)}`.endsWith(`-${name}`))
    .map(({ env }) => env);
  return variables.length > MAX_SUGGESTIONS ? [] : variables;
}

/** As flags are written. */
function normalized(word: string): string {
  return word.toLowerCase().replaceAll("_", "-");
}
