import { assert, assertEquals, assertRejects } from "@std/assert";
import { highestRate } from "./search.ts";

const BOUNDS = { lowest: 10, highest: 100_000 };

/** Looks for a limit, and counts how often it tried. */
async function search(limit: number, guess: number): Promise<{ found: number; tries: number }> {
  let tries = 0;
  const isKept = (rate: number) => {
    tries++;
    return Promise.resolve(rate <= limit);
  };
  return { found: await highestRate(guess, isKept, BOUNDS), tries };
}

Deno.test("highestRate finds the limit to within 7 %, wherever it begins", async () => {
  for (const limit of [50, 999, 1_000, 1_001, 4_321]) {
    for (const guess of [100, 990, 1_000, 1_010, 20_000]) {
      const { found } = await search(limit, guess);
      assert(found <= limit && found * 1.07001 > limit, `${limit} from ${guess}: ${found}`);
    }
  }
});

Deno.test("highestRate tries twice when the guess is right, and few more when it is near", async () => {
  assertEquals((await search(1_010, 1_000)).tries, 2);
  assertEquals((await search(1_010, 1_050)).tries, 2);
  assert((await search(1_000, 500)).tries <= 8);
});

Deno.test("highestRate throws when the limit lies outside the bounds", async () => {
  await assertRejects(() => search(1e9, 1_000), Error, "not from 10 to 100000");
  await assertRejects(() => search(1, 1_000), Error, "not from 10 to 100000");
});
