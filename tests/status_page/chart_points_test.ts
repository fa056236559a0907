import { assert, assertEquals } from "@std/assert";
import { decodePoints, encodePoints } from "../../src/status_page/chart_points.ts";
import { play, SCENES } from "../support/status.ts";

Deno.test("chart points are decoded as they were encoded, with durations to three digits", () => {
  const { durations } = play(SCENES.outage)();
  const points = decodePoints(encodePoints(durations));
  assertEquals(
    points.map(({ seqno, settledMs, reason }) => ({ seqno, settledMs, reason })),
    durations.map(({ seqno, settledMs, reason }) => ({
      seqno,
      settledMs: Math.round(settledMs),
      reason,
    })),
  );
  const exact = durations.map(({ seconds }) => seconds);
  points.forEach(({ seconds }, i) => {
    const wanted = exact[i] ?? NaN;
    assert(Math.abs(seconds - wanted) <= wanted / 100, `${seconds} is not ${wanted}`);
  });
});

Deno.test("chart points are encoded in the order of their times, and may be none", () => {
  const early = { seqno: 2, settledMs: 1_000, seconds: 0.1, reason: "timeout" };
  const late = { seqno: 1, settledMs: 2_000, seconds: 0.2, reason: null };
  assertEquals(decodePoints(encodePoints([late, early])), [early, late]);
  assertEquals(decodePoints(encodePoints([])), []);
});
