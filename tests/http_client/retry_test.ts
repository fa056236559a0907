import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { retryAfterMs, retryDelayMs } from "../../src/http_client/retry.ts";

const NOW_MS = Date.UTC(2026, 10, 23);

/** What this value of `Retry-After` asks for at `NOW_MS`. */
function waitFor(value: unknown, date?: string): number | null {
  return retryAfterMs({ "retry-after": value as string | undefined, date }, NOW_MS);
}

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

Deno.test("retryAfterMs reads seconds, and rounds a fraction up", () => {
  const values = ["0", "7", "3600", "2.5", "2.0", "0.001"];
  assertEquals(values.map((value) => waitFor(value)), [0, 7_000, 3_600_000, 3_000, 2_000, 1_000]);
});

Deno.test("retryAfterMs reads the date forms of HTTP, and a past date means now", () => {
  const dates: [value: string, ms: number][] = [
    ["Mon, 23 Nov 2026 00:00:07 GMT", 7_000],
    ["Monday, 23-Nov-26 00:00:07 GMT", 7_000],
    ["Mon Nov 23 00:00:07 2026", 7_000],
    ["Sun, 22 Nov 2026 00:00:00 GMT", 0],
    ["Sun Nov  1 00:00:00 2026", 0],
  ];
  for (const [value, ms] of dates) assertEquals(waitFor(value), ms, value);
});

Deno.test("retryAfterMs counts a date from the server's own clock", () => {
  const value = "Mon, 23 Nov 2026 12:00:07 GMT";
  assertEquals(waitFor(value, "Mon, 23 Nov 2026 12:00:00 GMT"), 7_000);
  assertEquals(waitFor(value, "Mon, 23 Nov 2026 12:00:30 GMT"), 0);
  assertEquals(waitFor("7", "Mon, 23 Nov 2026 12:00:30 GMT"), 7_000);
  for (const date of [undefined, "", "now", "2026-11-23"]) {
    assertEquals(waitFor(value, date), 12 * 3_600_000 + 7_000, date);
  }
});

Deno.test("retryAfterMs ignores what is neither a number nor a date of HTTP", () => {
  const others = [
    "",
    "soon",
    "-1",
    "1.",
    ".5",
    "1,5",
    "1e3",
    "7 s",
    "2026-11-24",
    "Nov 24 2026",
    "Mon, never GMT",
  ];
  for (const value of [...others, undefined, null, 7, ["7", "8"]]) {
    assertEquals(waitFor(value), null, String(value));
  }
});
