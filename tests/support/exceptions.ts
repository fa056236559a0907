/** The runtime that the list is about, as `PROBE_RUNTIME` names it; users get another one. */
export const EXCEPTED_RUNTIME = "2.6.10";

const COMPILED =
  "any executable takes OpenTelemetry's switch when it is compiled, not when it runs";
const LAX =
  "its server takes two hosts, a length beside chunks and 100 kB of headers, and no other scheme";

/** The same reason for several tests. */
function excepted(reason: string, ...names: string[]): { name: string; reason: string }[] {
  return names.map((name) => ({ name, reason }));
}

/**
 * The only list of tests that are not run on that runtime: what no code of this program can change.
 * The code is never bent to it.
 */
export const EXCEPTIONS: readonly { name: string; reason: string }[] = [
  ...excepted(
    COMPILED,
    "with Deno's OpenTelemetry each task is one root trace, of the id that the task shows",
  ),
  // tests/e2e/oddities_test.ts
  ...excepted(
    LAX,
    "absolute form of a file",
    "two hosts",
    "a length and chunks",
    "chunks and a length",
    "200 headers",
    "a header of 100 kB",
  ),
];
