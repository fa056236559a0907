import { assertEquals } from "@std/assert";
import { durationText, ratioText, spanText, windowText } from "../../src/status_page/words.ts";

Deno.test("figures are written to the digits that matter", () => {
  const plain = (text: string) => text.replaceAll("\u00a0", " ");
  const durations = [0, 0.0004, 0.00123, 0.00999, 0.0421, 0.9994, 0.9996, 9.994, 9.996, 59.96, 123];
  assertEquals(
    durations.map((seconds) => plain(durationText(seconds))).join(", "),
    "0 ms, 0.4 ms, 1.2 ms, 10 ms, 42 ms, 999 ms, 1.00 s, 9.99 s, 10.0 s, 60.0 s, 123 s",
  );
  const spans = [-5, 59_999, 60_000, 3_599_999, 3_600_000, 7_500_000, 86_400_000, 273_600_000];
  assertEquals(
    spans.map((ms) => plain(spanText(ms))).join(", "),
    "0 s, 59 s, 1 min, 59 min 59 s, 1 h, 2 h 5 min, 1 d, 3 d 4 h",
  );
  assertEquals(
    [0, 0.4, 23.9, 60, 119.9, 120, 134, 659, 3_600, 7_500]
      .map((seconds) => plain(windowText(seconds))).join(", "),
    "1 s, 1 s, 23 s, 60 s, 119 s, 2 min, 2 min 14 s, 10 min, 1 h, 2 h 5 min",
  );
  assertEquals(spanText(134_000), "2\u00a0min 14\u00a0s");
  const ratios: [number, number][] = [[0, 0], [0, 3], [2, 3], [949, 950], [999_999, 1_000_000], [
    7,
    7,
  ]];
  assertEquals(
    ratios.map(([succeeded, settled]) => plain(ratioText({ succeeded, settled }))),
    ["–", "0 %", "66 %", "99.8 %", "99.99 %", "100 %"],
  );
});
