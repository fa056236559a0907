import { REASON_DEFINITIONS } from "../../core/reasons.ts";
import { RequestError } from "../../http_client/errors.ts";

/**
 * What a reader can do about a failure. Why the identity provider could not be reached says more than
 * that it could not.
 */
export function adviceFor(
  failure: RequestError,
  { environment }: { environment?: string },
): string {
  const advice = ownAdvice(failure);
  if (advice !== undefined) return advice;
  const { reason, cause } = failure;
  const platform = environment ? `OKDATA_ENVIRONMENT=${environment}` : "this platform";
  const isUnreachable = reason === "identity_provider" && cause instanceof RequestError &&
    REASON_DEFINITIONS[cause.reason].origin === "network";
  return REASON_DEFINITIONS[isUnreachable ? cause.reason : reason].advice(platform);
}

/** The advice of a failure itself, or of the one that it was made from. */
function ownAdvice(error: unknown): string | undefined {
  return error instanceof RequestError ? error.advice ?? ownAdvice(error.cause) : undefined;
}
