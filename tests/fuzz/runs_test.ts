import { assertEquals, assertRejects } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { holds, Outcomes } from "./runs.ts";

/** A property that holds, with an outcome that the given input alone has. */
function property(outcomes: Outcomes, rare: number) {
  let tried = 0;
  return fc.asyncProperty(fc.nat(), () => {
    outcomes.add(tried++ === rare ? "rare" : "usual");
    return Promise.resolve();
  });
}

Deno.test("a property is tried until each wanted outcome has happened, however rare", async () => {
  const outcomes = new Outcomes(["usual", "rare"]);
  await holds(property(outcomes, 25), { numRuns: 10, outcomes });
  assertEquals(outcomes.missed, []);
});

Deno.test("a wanted outcome that never happens fails, and what did happen is told", async () => {
  const outcomes = new Outcomes(["usual", "rare"], "a file");
  await assertRejects(
    () => holds(property(outcomes, Infinity), { numRuns: 10, outcomes }),
    Error,
    'never happened, add it to a file: rare; happened: {"usual":200}',
  );
});
