import { z } from "zod";

/** A number from `low` to `high`; anything else is refused with "expected `what` from … to …". */
export function between(low: number, high: number, what: string) {
  const expected = `${what} from ${low} to ${high}`;
  return z.number(expected).min(low, expected).max(high, expected);
}

/** Like `between`, and without a fraction. */
export function wholeBetween(low: number, high: number, what: string) {
  return between(low, high, what).int(`${what} from ${low} to ${high}`);
}

/** A number written as text, as the environment has it. */
export function numeral(number: z.ZodNumber) {
  return z.string().transform(Number).pipe(number);
}

/** A yes or no written as text: true, false, 1 or 0 in any case. */
export function flag() {
  return z.string().toLowerCase()
    .pipe(z.enum(["true", "1", "false", "0"], "true, false, 1 or 0"))
    .transform((word) => word === "true" || word === "1");
}

/** Words separated by commas. */
export function list() {
  return z.string().transform((words) =>
    words.split(",").map((word) => word.trim()).filter(Boolean)
  );
}

/** What a person needs in order to mend one wrong value. */
export interface Problem {
  field: string;
  expected: string;
  given: unknown;
}

/** Everything that a schema found wrong with `input`. */
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
