/** How the target responds to a request, and what the probe must show of that attempt. */
import type { Attempt } from "../../src/core/task.ts";
import type { Reason } from "../../src/core/reasons.ts";

type ResponseKind = {
  /** How often, in about a thousand attempts. */
  weight: number;
  /** Null for an attempt that succeeds. */
  reason: Reason | null;
  /** Null when no headers come. */
  status: number | null;
};

/** The kinds of responses. */
export const RESPONSE_KINDS = {
  plain: { weight: 800, reason: null, status: 200 },
  packed: { weight: 40, reason: null, status: 200 },
  slow: { weight: 40, reason: null, status: 200 },
  error500: { weight: 15, reason: "server_error", status: 500 },
  error501: { weight: 5, reason: "server_error", status: 501 },
  error503: { weight: 10, reason: "server_error", status: 503 },
  tooMany: { weight: 10, reason: "rate_limited", status: 429 },
  forbidden: { weight: 5, reason: "unauthorized", status: 403 },
  badToken: { weight: 2, reason: "unauthorized", status: 401 },
  missing: { weight: 8, reason: "not_found", status: 404 },
  moved: { weight: 4, reason: "http", status: 302 },
  teapot: { weight: 4, reason: "http", status: 418 },
  notJson: { weight: 5, reason: "invalid_response", status: 200 },
  otherDataset: { weight: 5, reason: "invalid_response", status: 200 },
  empty: { weight: 4, reason: "invalid_response", status: 200 },
  badlyPacked: { weight: 4, reason: "invalid_response", status: 200 },
  tooLarge: { weight: 0.5, reason: "invalid_response", status: 200 },
  silence: { weight: 2, reason: "timeout", status: null },
  stalledBody: { weight: 2, reason: "timeout", status: 200 },
  reset: { weight: 5, reason: "reset", status: null },
  end: { weight: 5, reason: "reset", status: null },
  cutBody: { weight: 5, reason: "reset", status: 200 },
  cutChunks: { weight: 3, reason: "reset", status: 200 },
  badChunks: { weight: 3, reason: "invalid_response", status: 200 },
  notHttp: { weight: 3, reason: "invalid_response", status: null },
} as const satisfies Record<string, ResponseKind>;

export type ResponseName = keyof typeof RESPONSE_KINDS;

/** Reasons that no response causes: no connection is made, no token is given, or the probe is broken. */
type WithoutResponse = "dns" | "connect" | "tls" | "auth" | "identity_provider" | "internal";
type Covered = WithoutResponse | NonNullable<typeof RESPONSE_KINDS[ResponseName]["reason"]>;

/** Does not compile while a reason is in neither of the two. */
export const COVERED_REASONS: Readonly<Record<Reason, true>> = {} as Record<Covered, true>;

/** What an attempt with this response must look like. */
export function expectedOf(name: ResponseName): Pick<Attempt, "status" | "reason"> {
  const { status, reason } = RESPONSE_KINDS[name];
  return { status, reason };
}

/** Draws kinds of responses by their weights. */
export function createDraw(fraction: () => number) {
  const drawn = Object.entries(RESPONSE_KINDS) as [ResponseName, ResponseKind][];
  const sum = drawn.reduce((total, [, { weight }]) => total + weight, 0);
  return (): ResponseName => {
    let left = fraction() * sum;
    for (const [name, { weight }] of drawn) {
      left -= weight;
      if (left < 0) return name;
    }
    return "plain";
  };
}
