import { z } from "zod";
import { between, describe, type Problem, problemsOf, wholeBetween } from "./settings.ts";

export const percent = between(0, 100, "a percentage");
export const seconds = between(0, 3600, "a number of seconds");
const failure = wholeBetween(201, 599, "null or an HTTP status");

const BODIES = ["html", "broken_json", "other_id", "empty"] as const;

const FIELDS = {
  /** How many dataset requests get a random delay, and the longest one. */
  delay_percent: percent,
  delay_max_seconds: seconds,
  /** How many dataset requests are answered 401. */
  unauthorized_percent: percent,
  /** A delay for every dataset request, on top of the random one. */
  fixed_delay_seconds: seconds,
  /** What dataset requests are answered, and how many of them. */
  status: failure.nullable(),
  status_percent: percent,
  /**
   * How many dataset requests lose their connection in the middle of the body:
   * `Deno.serve` has no way to drop one before the headers. A HEAD has no body
   * to cut, and is spared.
   */
  reset_percent: percent,
  /** How many dataset requests are never answered. */
  hang_percent: percent,
  /** What an answer of 200 carries instead of the dataset. */
  body: z.enum(BODIES, `null or one of ${BODIES.join(", ")}`).nullable(),
  /** What the token endpoint answers. */
  token_status: failure.nullable(),
};

const FAULTS = z.strictObject(FIELDS, {
  error: ({ code }) =>
    code === "unrecognized_keys"
      ? `the name of a fault (${Object.keys(FIELDS).join(", ")})`
      : "a JSON object",
});

/** What goes wrong, and how often. */
export type Faults = z.infer<typeof FAULTS>;

/** Everything works. */
export const NO_FAULTS: Faults = {
  delay_percent: 0,
  delay_max_seconds: 0,
  unauthorized_percent: 0,
  fixed_delay_seconds: 0,
  status: null,
  status_percent: 100,
  reset_percent: 0,
  hang_percent: 0,
  body: null,
  token_status: null,
};

/** The input named a fault that does not exist, or gave one a wrong value. */
export class WrongFaults extends Error {
  constructor(readonly problems: Problem[]) {
    super(problems.map(describe).join("; "));
  }
}

/** The faults that `named` asks for, the others as in `base`. Throws `WrongFaults`. */
export function mergeFaults(base: Faults, named: unknown = {}): Faults {
  const result = FAULTS.partial().safeParse(named);
  if (result.success) return { ...base, ...result.data };
  throw new WrongFaults(problemsOf(result.error, named));
}

/** The longest that a timer can wait, 24 days: longer than any client will. */
const NEVER_MS = 2 ** 31 - 1;

/** What is going to happen to one request. */
export interface Fate {
  /** `NEVER_MS`: it is not answered. */
  delayMs: number;
  reset: boolean;
  /** The status that it is answered whatever it asks for; null: the one it deserves. */
  status: number | null;
}

/**
 * Draws the fate of one request. Every request takes the same number of draws, so that
 * a fault that comes or goes does not change what the seed has in store for the others.
 */
export function drawFate(faults: Faults, random: () => number): Fate {
  const happens = (percent: number) => random() * 100 < percent;
  const hung = happens(faults.hang_percent);
  const delayed = happens(faults.delay_percent);
  const delaySeconds = random() * faults.delay_max_seconds;
  const reset = happens(faults.reset_percent);
  const forced = happens(faults.status_percent);
  const unauthorized = happens(faults.unauthorized_percent);

  const waitSeconds = faults.fixed_delay_seconds + (delayed ? delaySeconds : 0);
  const forcedStatus = forced ? faults.status : null;
  return {
    delayMs: hung ? NEVER_MS : Math.ceil(waitSeconds * 1000),
    reset,
    status: forcedStatus ?? (unauthorized ? 401 : null),
  };
}
