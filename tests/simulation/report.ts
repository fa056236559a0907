import type { Outcome } from "./simulation.ts";

/** How many of the last journal lines a failure shows; a replay can show more. */
export const FAILURE_LINES = 12;

/** The violation of a run, the command that replays the run, and the last lines before it. */
export function describeFailure(
  { seed, violation, tail }: Outcome,
  { hours, env = {} }: { hours: number; env?: Record<string, string> },
): string {
  if (!violation) return `seed ${seed}: every invariant holds`;
  const fixed = Object.entries(env).map(([name, value]) => ` --env '${name}=${value}'`).join("");
  return `seed ${seed}: violation after ${(violation.atMs / 1e3).toFixed(3)} virtual seconds
  ${violation.invariant}: ${violation.detail}
replay: deno task simulate --seed ${seed} --hours ${hours}${fixed}
the last lines before it:
${tail}`;
}
