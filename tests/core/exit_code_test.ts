import { assertEquals } from "@std/assert";
import { EXIT, EXIT_MEANINGS, exitCodeOfSignal } from "../../src/core/exit_code.ts";
import { REASON_DEFINITIONS, REASONS } from "../../src/core/reasons.ts";

Deno.test("EXIT has the documented codes, each once", () => {
  assertEquals(Object.values(EXIT), [0, 1, 2, 3, 4, 5, 6, 7, 70, 130, 143]);
});

Deno.test("every exit code has a meaning: that of its own, or the reasons that lead to it", () => {
  const byReasons = new Set(REASONS.map((reason) => REASON_DEFINITIONS[reason].exitCode));
  const unexplained = (Object.keys(EXIT) as (keyof typeof EXIT)[])
    .filter((name) => EXIT_MEANINGS[name] === "" && !byReasons.has(EXIT[name]));
  assertEquals(unexplained, []);
});

Deno.test("exitCodeOfSignal is 143 after SIGTERM and 130 otherwise", () => {
  assertEquals(exitCodeOfSignal(AbortSignal.abort("SIGTERM")), 143);
  assertEquals(exitCodeOfSignal(AbortSignal.abort("SIGINT")), 130);
  assertEquals(exitCodeOfSignal(AbortSignal.abort()), 130);
});
