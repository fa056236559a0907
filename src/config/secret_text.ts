/** Accidents that happen to secrets on their way into a variable or a file. */

/** Marks of quoting that env files keep and documents add. */
const QUOTES = ['""', "''", "``", "“”", "‘’", "«»", "„“"];

/** A secret alone, or a user and a password with a colon between them. */
export type SecretKind = "single" | "pair";

/** The secret without the line end that editors and shells add. */
export function withoutLineEnd(text: string): string {
  return text.replace(/(\r\n|\r|\n)$/, "");
}

/**
 * What is wrong with a secret, as `expected …, got …` that shows nothing of it; null when nothing is.
 * A blank may be the last character of a password that a person chose, so of a pair only blanks at
 * both ends are refused; around other secrets it is an accident.
 */
export function secretProblem(secret: string, kind: SecretKind = "single"): string | null {
  const expected = (what: string, got: string) => `expected a secret ${what}, got one ${got}`;
  if (/\ufeff/.test(secret)) return expected("without a byte order mark", "with U+FEFF");
  const control = secret.match(/\p{Cc}/u);
  if (control) return expected("without control characters", `with ${nameOf(control[0])}`);
  // Such as a zero-width space, which a web page put there.
  const invisible = secret.match(/[\p{Cf}\p{Zl}\p{Zp}]/u);
  if (invisible) return expected("of visible characters", `with ${nameOf(invisible[0])}`);
  if (QUOTES.some((quotes) => isBetween(secret, quotes))) {
    return expected("without quotes around it", "in quotes");
  }
  const [isFirst, isLast] = [/^\s/.test(secret), /\s$/.test(secret)];
  if (kind === "pair" ? isFirst && isLast : isFirst || isLast) {
    return expected("without blanks around it", "with blanks");
  }
  return null;
}

function isBetween(text: string, quotes: string): boolean {
  const [first = "", last = ""] = quotes;
  return text.length > 1 && text.startsWith(first) && text.endsWith(last);
}

function nameOf(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `U+${hex.padStart(4, "0")}`;
}
