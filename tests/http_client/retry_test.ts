import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { parseRetryAfterMs, retryDelayMs } from "../../src/http_client/retry.ts";

const NOW_MS = Date.UTC(2026, 10, 23);

Deno.test("retryDelayMs doubles its ceiling from 250 ms up to 8 s", () => {
  const ceilings = Array.from({ length: 8 }, (_, retry) => retryDelayMs(retry, 1, null));
  assertEquals(ceilings, [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
});

Deno.test("retryDelayMs takes any share of the ceiling, none included", () => {
  assertEquals([0, 0.25, 1].map((share) => retryDelayMs(3, share, null)), [0, 500, 2_000]);
});

Deno.test("retryDelayMs is never shorter than Retry-After, and as long as the longer of both", () => {
  assertEquals(retryDelayMs(3, 0, 3_000), 3_000);
  assertEquals(retryDelayMs(3, 1, 1_500), 2_000);
  const fraction = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(fc.property(fc.nat(100), fraction, fc.nat(1e6), (retry, share, retryAfterMs) => {
    const delayMs = retryDelayMs(retry, share, retryAfterMs);
    assert(delayMs >= retryAfterMs && delayMs <= Math.max(8_000, retryAfterMs), `${delayMs} ms`);
  }));
});

Deno.test("parseRetryAfterMs reads seconds", () => {
  assertEquals(["0", "7", "3600"].map((value) => parseRetryAfterMs(value, NOW_MS)), [
    0,
    7_000,
    3_600_000,
  ]);
});

Deno.test("parseRetryAfterMs reads the date forms of HTTP, and a past date means now", () => {
  const dates: [value: string, ms: number][] = [
    ["Mon, 23 Nov 2026 00:00:07 GMT", 7_000],
    ["Monday, 23-Nov-26 00:00:07 GMT", 7_000],
    ["Sun, 22 Nov 2026 00:00:00 GMT", 0],
  ];
  for (const [value, ms] of dates) assertEquals(parseRetryAfterMs(value, NOW_MS), ms, value);
});

Deno.test("parseRetryAfterMs ignores what is neither a number nor a date of HTTP", () => {
  const others = [
    "",
    "soon",
    "-1",
    "1.5",
    "1e3",
    "7 s",
    "2026-11-24",
    "Nov 24 2026",
    "Mon, never GMT",
  ];
  for (const value of [...others, undefined, null, 7, ["7", "8"]]) {
    assertEquals(parseRetryAfterMs(value, NOW_MS), null, String(value));
  }
});
