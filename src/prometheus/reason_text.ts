import { type Origin, REASON_DEFINITIONS, REASONS, reasonsFrom } from "../core/reasons.ts";

/** The reasons that come from these origins, as a list for a sentence: `auth, internal`. */
export function listReasons(...origins: Origin[]): string {
  return reasonsFrom(...origins).join(", ");
}

/** Who is at fault, by reason: `network (dns, connect), platform (not_found), …`. */
export function listOrigins(): string {
  const origins = new Set(REASONS.map((reason) => REASON_DEFINITIONS[reason].origin));
  return [...origins].map((origin) => `${origin} (${listReasons(origin)})`).join(", ");
}
