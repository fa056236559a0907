import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { ticksOf } from "../../src/status_page/components/task/scale.ts";

for (
  const [seconds, ticks] of [
    [0, []],
    [0.828, [0.25, 0.5]],
    [1, [0.25, 0.5, 0.75]],
    [12.4, [5, 10]],
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
    assert(ticks.length >= 1 && ticks.length <= 3, `${ticks}`);
    assert((ticks[0] ?? 0) >= seconds * 0.2, `${ticks}`);
    assert((ticks.at(-1) ?? 0) <= seconds * 0.83, `${ticks}`);
  }));
});
