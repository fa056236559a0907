import { assert, assertEquals, assertMatch } from "@std/assert";
import { systemRandom } from "../../src/core/random.ts";

Deno.test("systemRandom.hex writes every byte as two lower-case digits", () => {
  assertEquals(systemRandom.hex(0), "");
  // A byte below 16 without its leading zero would shorten one of these with near certainty.
  for (let i = 0; i < 200; i++) assertMatch(systemRandom.hex(16), /^[0-9a-f]{32}$/);
});

Deno.test("systemRandom.hex does not repeat itself", () => {
  const ids = new Set(Array.from({ length: 1_000 }, () => systemRandom.hex(8)));
  assertEquals(ids.size, 1_000);
});

Deno.test("systemRandom.fraction is at least 0 and below 1", () => {
  for (let i = 0; i < 1_000; i++) {
    const fraction = systemRandom.fraction();
    assert(fraction >= 0 && fraction < 1, `${fraction}`);
  }
});
