import { assertEquals } from "@std/assert";
import { createBackoff } from "../../src/core/backoff.ts";

Deno.test("createBackoff doubles its delay up to the limit", () => {
  const backoff = createBackoff({ firstMs: 500, maxMs: 5_000 });
  const delaysMs = Array.from({ length: 6 }, () => backoff.nextMs());
  assertEquals(delaysMs, [500, 1_000, 2_000, 4_000, 5_000, 5_000]);
});

Deno.test("createBackoff starts again with the first delay after a reset", () => {
  const backoff = createBackoff({ firstMs: 100, maxMs: 5_000 });
  for (let nth = 0; nth < 10; nth++) backoff.nextMs();
  backoff.reset();
  assertEquals([backoff.nextMs(), backoff.nextMs()], [100, 200]);
});

Deno.test("createBackoff never exceeds the limit, not even with its first delay", () => {
  const backoff = createBackoff({ firstMs: 9_000, maxMs: 5_000 });
  assertEquals([backoff.nextMs(), backoff.nextMs()], [5_000, 5_000]);
});
