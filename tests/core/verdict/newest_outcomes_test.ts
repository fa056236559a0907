import { assertEquals } from "@std/assert";
import { MAX_OUTCOMES, NewestOutcomes } from "../../../src/core/verdict/newest_outcomes.ts";

Deno.test("the newest outcomes are in the order of creation, whatever settles first", () => {
  const newest = new NewestOutcomes();
  assertEquals(String(newest), "");
  newest.add(2, ".");
  newest.add(4, "s");
  newest.add(1, "F");
  newest.add(3, "F");
  assertEquals(String(newest), "F.Fs");
});

Deno.test("the newest outcomes are bounded, and a straggler takes no place of a newer one", () => {
  const newest = new NewestOutcomes();
  for (let seqno = 2; seqno < MAX_OUTCOMES + 10; seqno++) newest.add(seqno, ".");
  newest.add(1, "F");
  assertEquals(String(newest), ".".repeat(MAX_OUTCOMES));
});
