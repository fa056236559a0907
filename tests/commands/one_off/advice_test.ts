import { assertEquals } from "@std/assert";
import { adviceForSlow } from "../../../src/commands/one_off/advice.ts";
import type { Attempt } from "../../../src/core/task.ts";
import { attempt, pending, succeeded } from "../../support/tasks.ts";

/** What is advised about a success after these attempts. */
function adviceAfter(...attempts: Attempt[]): string {
  const phases = attempts.at(-1)?.phases ?? {};
  return adviceForSlow({ ...succeeded(pending()), attempts, phases });
}

Deno.test("adviceForSlow names the phase that took the longest, and what to look at", () => {
  assertEquals(
    adviceAfter(attempt({ phases: { connect: 0.1, processing: 1.2, transfer: 0.2 } })),
    "The longest phase was processing (1.200 s): look at the platform's own load and log.",
  );
  assertEquals(
    adviceAfter(attempt({ startSeconds: 3, phases: { token: 3, processing: 0.2 } })),
    "The longest phase was token (3.000 s): look at the identity provider.",
  );
});

Deno.test("adviceForSlow leads to the attempts that failed when they took longer", () => {
  const failed = attempt({ status: 503, reason: "server_error" });
  const last = (startSeconds: number) => attempt({ startSeconds, phases: { processing: 1 } });
  assertEquals(
    adviceAfter(failed, failed, last(2.5)),
    "2.500 s passed before the last of 3 attempts: look at why the earlier ones failed " +
      "(server_error).",
  );
  assertEquals(
    adviceAfter(failed, last(0.5)),
    "The longest phase was processing (1.000 s): look at the platform's own load and log.",
  );
});
