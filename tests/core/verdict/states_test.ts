import { assertEquals } from "@std/assert";
import { mostUrgent } from "../../../src/core/verdict/states.ts";

const NONE = { failing: 0, no_news: 0, unsteady: 0, slow: 0, working: 0, starting: 0 };

Deno.test("mostUrgent is the state that needs attention first, however many have another", () => {
  assertEquals(mostUrgent({ ...NONE, working: 199, failing: 1 }), "failing");
  assertEquals(mostUrgent({ ...NONE, unsteady: 3, no_news: 1, slow: 2 }), "no_news");
  assertEquals(mostUrgent({ ...NONE, working: 1, starting: 2 }), "working");
  assertEquals(mostUrgent(NONE), "starting");
});
