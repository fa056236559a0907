import { z } from "zod";
import { between, describe, type Problem, problemsOf, wholeBetween } from "./settings.ts";

export const percent = between(0, 100, "a percentage");
export const seconds = between(0, 3600, "a number of seconds");
const failure = wholeBetween(201, 599, "null or an HTTP status");

const BODIES = ["html", "broken_json", "other_id", "empty"] as const;

const FIELDS = {
  /** The share of dataset requests with a random delay, and the longest delay. */
  delay_percent: percent,
  delay_max_seconds: seconds,
  /** The share of dataset requests that get status 401. */
  unauthorized_percent: percent,
  /** A delay of every dataset request, added to the random one. */
  fixed_delay_seconds: seconds,
  /** A status for dataset requests, and the share of them that gets it. */
  status: failure.nullable(),
  status_percent: percent,
  /**
   * The share of dataset requests whose connection is closed in the middle of the body. `Deno.serve`
   * cannot close it before the headers, so that HEAD requests are not affected.
   */
  reset_percent: percent,
  /** The share of dataset requests that get no response. */
  hang_percent: percent,
  /** What a response of status 200 holds instead of the dataset. */
  body: z.enum(BODIES, `null or one of ${BODIES.join(", ")}`).nullable(),
  /** The status of all token responses. */
  token_status: failure.nullable(),
};

const FAULTS = z.strictObject(FIELDS, {
  error: ({ code }) =>
    code === "unrecognized_keys"
      ? `the name of a fault (${Object.keys(FIELDS).join(", ")})`
      : "a JSON object",
});

/** What goes wrong, and how often. The field names are those of `/faults`. */
export type Faults = z.infer<typeof FAULTS>;

/** Nothing goes wrong. */
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

/** Faults with an unknown name or an invalid value. */
export class InvalidFaultsError extends Error {
  override name = "InvalidFaultsError";

  constructor(readonly problems: Problem[]) {
    super(problems.map(describe).join("; "));
  }
}

/** The given faults, completed by those of `base`. Throws an `InvalidFaultsError`. */
export function mergeFaults(base: Faults, given: unknown = {}): Faults {
  const result = FAULTS.partial().safeParse(given);
  if (result.success) return { ...base, ...result.data };
  throw new InvalidFaultsError(problemsOf(result.error, given));
}

/** The longest delay of a timer, 24 days. No client waits that long. */
const NEVER_MS = 2 ** 31 - 1;

/** What happens to one dataset request. */
export type RequestPlan = {
  /** `NEVER_MS` for a request that gets no response. */
  delayMs: number;
  /** Whether the connection is closed in the middle of the body. */
  reset: boolean;
  /** The status of the response; null for the one that the request should get. */
  status: number | null;
};

/**
 * Draws what happens to one dataset request. Each request takes the same number of draws, so that
 * changing the faults does not change which draws later requests get.
 */
export function drawPlan(faults: Faults, random: () => number): RequestPlan {
  const happens = (percent: number) => random() * 100 < percent;
  const hangs = happens(faults.hang_percent);
  const isDelayed = happens(faults.delay_percent);
  const randomDelaySeconds = random() * faults.delay_max_seconds;
  const reset = happens(faults.reset_percent);
  const isForced = happens(faults.status_percent);
  const isUnauthorized = happens(faults.unauthorized_percent);

  const delaySeconds = faults.fixed_delay_seconds + (isDelayed ? randomDelaySeconds : 0);
  const forcedStatus = isForced ? faults.status : null;
  return {
    delayMs: hangs ? NEVER_MS : Math.ceil(delaySeconds * 1000),
    reset,
    status: forcedStatus ?? (isUnauthorized ? 401 : null),
  };
}
