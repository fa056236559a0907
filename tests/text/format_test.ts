import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  formatDateTime,
  formatDuration,
  formatOffset,
  formatSeconds,
  formatShare,
  formatSpan,
  formatTraceUrl,
} from "../../src/text/format.ts";

Deno.test("formatDuration changes its unit and digits with the length", () => {
  const durations: [seconds: number, text: string][] = [
    [0, "0 ms"],
    [0.000_049, "0 ms"],
    [0.000_051, "0.1 ms"],
    [0.001_25, "1.3 ms"],
    [0.009_94, "9.9 ms"],
    [0.009_96, "10 ms"],
    [0.125, "125 ms"],
    [0.999_4, "999 ms"],
    [0.999_6, "1.00 s"],
    [9.994, "9.99 s"],
    [9.996, "10.0 s"],
    [99.94, "99.9 s"],
    [99.96, "100 s"],
    [86_400, "86400 s"],
  ];
  for (const [seconds, text] of durations) assertEquals(formatDuration(seconds), text);
});

Deno.test("formatShare never rounds up, and has more digits near 100 %", () => {
  const shares: [part: number, whole: number, text: string][] = [
    [0, 3, "0 %"],
    [2, 3, "66 %"],
    [89_999, 100_000, "89 %"],
    [9, 10, "90 %"],
    [59, 60, "98.3 %"],
    [999, 1_000, "99.9 %"],
    [1_999, 2_000, "99.95 %"],
    [999_999, 1_000_000, "99.99 %"],
    [7, 7, "100 %"],
  ];
  for (const [part, whole, text] of shares) assertEquals(formatShare(part, whole), text);
});

Deno.test("formatShare is 100 % for all alone", () => {
  fc.assert(fc.property(fc.nat(1e9), fc.integer({ min: 1, max: 1e9 }), (part, others) => {
    const whole = part + others;
    const percent = parseFloat(formatShare(part, whole));
    assert(percent < 100 && percent * whole <= part * 100 * (1 + Number.EPSILON * 4));
  }));
});

Deno.test("formatDuration is off by 5 % at most, and never looks shorter for a longer time", () => {
  const secondsOf = (text: string) => parseFloat(text) / (text.endsWith(" ms") ? 1e3 : 1);
  // Even on a logarithmic scale, from 1 ms to 30 days.
  const anySeconds = fc.double({ min: -3, max: 6.4, noNaN: true }).map((x) => 10 ** x);
  fc.assert(fc.property(anySeconds, anySeconds, (a, b) => {
    const [shorter, longer] = [secondsOf(formatDuration(a)), secondsOf(formatDuration(b))];
    assert(Math.abs(shorter - a) <= 0.05 * a, `${a} s as ${formatDuration(a)}`);
    if (a <= b) assert(shorter <= longer, `${a} s and ${b} s`);
  }));
});

Deno.test("formatSpan has the two largest units, and leaves out one that is 0", () => {
  const spans: [seconds: number, text: string][] = [
    [-1, "0 s"],
    [59.9, "59 s"],
    [60, "1 min"],
    [119, "1 min 59 s"],
    [134, "2 min 14 s"],
    [3_599, "59 min 59 s"],
    [3_605, "1 h"],
    [3_900, "1 h 5 min"],
    [86_399, "23 h 59 min"],
    [90_000, "1 d 1 h"],
  ];
  for (const [seconds, text] of spans) assertEquals(formatSpan(seconds), text);
});

Deno.test("formatTraceUrl puts the id wherever the template has its place", () => {
  assertEquals(formatTraceUrl("http://t/{trace_id}?x={trace_id}", "0af7"), "http://t/0af7?x=0af7");
});

Deno.test("formatSeconds has milliseconds below 100 s and tenths above", () => {
  const texts = [0, 0.1234, 9.9996, 99.9, 100, 2_592_000].map(formatSeconds);
  assertEquals(texts, ["0.000 s", "0.123 s", "10.000 s", "99.900 s", "100.0 s", "2592000.0 s"]);
});

/** Runs `body` in a time zone that is this many minutes ahead of UTC. */
function inTimeZone(minutes: number, body: () => void): void {
  const { getTimezoneOffset } = Date.prototype;
  Date.prototype.getTimezoneOffset = () => -minutes;
  try {
    body();
  } finally {
    Date.prototype.getTimezoneOffset = getTimezoneOffset;
  }
}

const MS = Date.UTC(2026, 10, 23, 22, 1, 5, 999);

for (
  const [minutes, offset, local] of [
    [0, "+00:00", "2026-11-23 22:01:05"],
    [60, "+01:00", "2026-11-23 23:01:05"],
    [345, "+05:45", "2026-11-24 03:46:05"],
    [-210, "-03:30", "2026-11-23 18:31:05"],
    [-30, "-00:30", "2026-11-23 21:31:05"],
  ] as const
) {
  Deno.test(`times in a zone of ${offset} are local, and in UTC with --utc`, () => {
    inTimeZone(minutes, () => {
      assertEquals([formatOffset(MS, false), formatDateTime(MS, false)], [offset, local]);
      assertEquals([formatOffset(MS, true), formatDateTime(MS, true)], [
        "+00:00",
        "2026-11-23 22:01:05",
      ]);
    });
  });
}
