import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { ticksOf } from "../../src/status_page/components/task/scale.ts";

for (
  const [seconds, ticks] of [
    [0, []],
    [0.828, [0.2, 0.4, 0.6]],
    [1, [0.2, 0.4, 0.6]],
    [4.03, [1, 2, 3]],
    [12.4, [2.5, 5, 7.5]],
    [60, [20, 40]],
    [0.0008, [0.0002, 0.0004, 0.0006]],
  ] as const
) {
  Deno.test(`ticksOf has round instants of ${seconds} s`, () => {
    assertEquals(ticksOf(seconds), [...ticks]);
  });
}

Deno.test("ticksOf leaves room for the labels at both ends of any scale", () => {
  fc.assert(fc.property(fc.double({ min: 1e-6, max: 2_592_000, noNaN: true }), (seconds) => {
    const ticks = ticksOf(seconds);
    assert(ticks.length >= 1 && ticks.length <= 4, `${ticks}`);
    assert((ticks[0] ?? 0) >= seconds * 0.1999, `${ticks}`);
    assert((ticks.at(-1) ?? 0) <= seconds * 0.8001, `${ticks}`);
  }));
});
