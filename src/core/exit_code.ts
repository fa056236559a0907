/** Exit codes, as the documentation lists them. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  auth: 3,
  timeout: 4,
  unreachable: 5,
  invalidResponse: 6,
  identityProvider: 7,
  brokenInvariant: 70,
  interrupted: 130,
  terminated: 143,
} as const;

/** What each exit code means besides the reasons of failed tasks, for the documentation. */
export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: "every task succeeded; the main loop or a watch was stopped",
  failed: "failures with different exit codes; `--healthcheck` of a probe that is not healthy; " +
    "standard output cannot be written",
  usage: "wrong flags or configuration; the port cannot be opened",
  auth: "`tasks`: the probe refuses these credentials",
  timeout: "a success slower than `--max-duration`",
  unreachable: "`tasks`, `--healthcheck`: no probe responds there, or it is too busy to",
  invalidResponse: "`tasks`, `--healthcheck`: what responds is not this probe",
  identityProvider: "",
  brokenInvariant: "the probe ended itself: an invariant was broken, or an error was not caught",
  interrupted: "interrupted by SIGINT, or by a second signal",
  terminated: "a one-off run, ended by SIGTERM, or by SIGHUP at a terminal",
};

/** Exit code of a one-off run that a signal ended; the abort's reason is the signal's name. */
export function exitCodeOfSignal({ reason }: AbortSignal): number {
  return reason === "SIGTERM" ? EXIT.terminated : EXIT.interrupted;
}
