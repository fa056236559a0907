import { platformText, REASON_DEFINITIONS } from "../../core/reasons.ts";
import { type Phase, PHASES, type SettledTask } from "../../core/task.ts";
import { RequestError } from "../../http_client/errors.ts";
import { formatSeconds } from "../../text/format.ts";

const NETWORK = "the network or proxy between this machine and the platform";

/** Where the fault is when a phase takes long. */
const LOOK_AT: Readonly<Record<Phase, string>> = {
  token: "the identity provider",
  resolve: "this machine's name server",
  connect: NETWORK,
  tls: NETWORK,
  processing: "the platform's own load and log",
  transfer: "the size of the response, and the network",
};

/**
 * What a reader can do about a failure. Why the identity provider could not be reached says more than
 * that it could not.
 */
export function adviceFor(
  failure: RequestError,
  { environmentName }: { environmentName: string | null },
): string {
  const advice = ownAdvice(failure);
  if (advice !== undefined) return advice;
  const { reason, cause } = failure;
  const isUnreachable = reason === "identity_provider" && cause instanceof RequestError &&
    REASON_DEFINITIONS[cause.reason].origin === "network";
  return REASON_DEFINITIONS[isUnreachable ? cause.reason : reason].advice(
    platformText(environmentName),
  );
}

/** What took the most time of a task that succeeded too late, and what to look at. */
export function adviceForSlow({ attempts, phases }: SettledTask): string {
  const timeOf = (phase: Phase) => phases[phase] ?? 0;
  const longest = PHASES.reduce((one, other) => timeOf(other) > timeOf(one) ? other : one);
  const reasons = new Set(attempts.flatMap(({ reason }) => reason ?? []));
  const before = reasons.size > 0 ? attempts.at(-1)?.startSeconds ?? 0 : 0;
  return before > timeOf(longest)
    ? `${
      formatSeconds(before)
    } passed before the last of ${attempts.length} attempts: look at why ` +
      `the earlier ones failed (${[...reasons].join(", ")}).`
    : `The longest phase was ${longest} (${formatSeconds(timeOf(longest))}): look at ` +
      `${LOOK_AT[longest]}.`;
}

/** That a task took too long, in the form of a failure's reason and message. */
export function describeTooSlow(
  { durationSeconds }: SettledTask,
  maxDurationSeconds: number | null,
): string {
  return `too slow: ${formatSeconds(durationSeconds)}, slower than ${maxDurationSeconds} s`;
}

/** The advice of a failure itself, or of the one that it was made from. */
function ownAdvice(error: unknown): string | undefined {
  return error instanceof RequestError ? error.advice ?? ownAdvice(error.cause) : undefined;
}
