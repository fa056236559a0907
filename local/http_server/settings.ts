import { z } from "zod";

/** A number from `low` to `high`; its error message is "`what` from `low` to `high`". */
export function between(low: number, high: number, what: string) {
  const expected = `${what} from ${low} to ${high}`;
  return z.number(expected).min(low, expected).max(high, expected);
}

/** Like `between`, without a fraction. */
export function wholeBetween(low: number, high: number, what: string) {
  return between(low, high, what).int(`${what} from ${low} to ${high}`);
}

/** A number in an environment variable. */
export function numeral(number: z.ZodNumber) {
  return z.string().transform(Number).pipe(number);
}

/** A switch in an environment variable: true, false, 1 or 0 in any case. */
export function flag() {
  return z.string().toLowerCase()
    .pipe(z.enum(["true", "1", "false", "0"], "true, false, 1 or 0"))
    .transform((word) => word === "true" || word === "1");
}

/** Words in an environment variable, separated by commas. */
export function list() {
  return z.string().transform((words) =>
    words.split(",").map((word) => word.trim()).filter(Boolean)
  );
}

/** What a person needs to correct one invalid value. */
export interface Problem {
  field: string;
  expected: string;
  given: unknown;
}

/** All problems that a schema found in `input`. */
export function problemsOf(error: z.ZodError, input: unknown): Problem[] {
  return error.issues.flatMap((issue) => {
    if (issue.path.length === 0 && issue.code !== "unrecognized_keys") {
      return { field: "body", expected: issue.message, given: input };
    }
    const fields = issue.code === "unrecognized_keys" ? issue.keys : [issue.path.join(".")];
    return fields.map((field) => ({
      field,
      expected: issue.message,
      given: valueOf(input, field),
    }));
  });
}

/** A problem as one line of text. */
export function describe({ field, expected, given }: Problem): string {
  return `${field}: expected ${expected}, got ${JSON.stringify(given)}`;
}

function valueOf(input: unknown, field: string): unknown {
  return Object.entries(input ?? {}).find(([name]) => name === field)?.[1];
}
