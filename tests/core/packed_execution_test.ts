import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { packExecution, unpackExecution } from "../../src/core/packed_execution.ts";
import { anyAttempt, anyPhases } from "../support/arbitraries.ts";

Deno.test("unpackExecution returns what packExecution was given, field by field", () => {
  fc.assert(fc.property(fc.array(anyAttempt), anyPhases, (attempts, phases) => {
    const unpacked = unpackExecution(packExecution({ attempts, phases }));
    assertEquals(unpacked, { attempts, phases });
  }));
});

Deno.test("packExecution takes eleven numbers for an attempt, and six for the task", () => {
  fc.assert(fc.property(fc.array(anyAttempt), anyPhases, (attempts, phases) => {
    assertEquals(packExecution({ attempts, phases }).length, 6 + 11 * attempts.length);
  }));
});
