import type { Reason } from "./task.ts";

/** Exit codes, as the README lists them. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  auth: 3,
  timeout: 4,
  unreachable: 5,
  invalidResponse: 6,
  brokenInvariant: 70,
  interrupted: 130,
  terminated: 143,
} as const;

/** Exit code of a one-off run that a signal has ended; the signal's name is the abort's reason. */
export function exitCodeOfSignal({ reason }: AbortSignal): number {
  return reason === "SIGTERM" ? EXIT.terminated : EXIT.interrupted;
}

/** What each exit code means, for the README. */
export const EXIT_CODES: readonly (readonly [number, string])[] = [
  [EXIT.ok, "every task succeeded; the main loop or a watch was stopped"],
  [
    EXIT.failed,
    "`unauthorized`, `not_found`, `rate_limited`, `server_error`, `http`, `internal`; or failures that need different codes; `--healthcheck` of a probe that is not well",
  ],
  [EXIT.usage, "wrong flags or configuration; the port cannot be had"],
  [EXIT.auth, "`auth`; a probe that was asked wants other credentials"],
  [EXIT.timeout, "`timeout`"],
  [EXIT.unreachable, "`dns`, `connect`, `tls`, `reset`; no probe answers where one was asked"],
  [EXIT.invalidResponse, "`invalid_response`; what answers there is no such probe"],
  [EXIT.brokenInvariant, "the probe found itself broken"],
  [EXIT.interrupted, "interrupted by SIGINT, or by a second signal"],
  [EXIT.terminated, "a one-off run, ended by SIGTERM"],
];

const CODE_BY_REASON: Record<Reason, number> = {
  unauthorized: EXIT.failed,
  not_found: EXIT.failed,
  rate_limited: EXIT.failed,
  server_error: EXIT.failed,
  http: EXIT.failed,
  internal: EXIT.failed,
  auth: EXIT.auth,
  timeout: EXIT.timeout,
  dns: EXIT.unreachable,
  connect: EXIT.unreachable,
  tls: EXIT.unreachable,
  reset: EXIT.unreachable,
  invalid_response: EXIT.invalidResponse,
};

/** Exit code of a one-off run: 0 without failures, 1 when they need different codes. */
export function exitCodeOf(failures: Iterable<Reason>): number {
  const codes = new Set(Array.from(failures, (reason) => CODE_BY_REASON[reason]));
  if (codes.size === 0) return EXIT.ok;
  return codes.size === 1 ? [...codes][0] : EXIT.failed;
}
