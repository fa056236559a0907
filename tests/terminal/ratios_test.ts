import { assertEquals } from "@std/assert";
import { describeRatios } from "../../src/terminal/ratios.ts";

const ratio = (windowSeconds: number, coveredSeconds: number, succeeded = 59, settled = 60) => ({
  windowSeconds,
  coveredSeconds,
  settled,
  succeeded,
});

Deno.test("describeRatios names each window, and the time that a young probe has seen last", () => {
  const ratios = [ratio(300, 300), ratio(3_600, 1_200), ratio(86_400, 1_200)];
  assertEquals(describeRatios([{ ratios }]), ["98.3 % in 5 min", "98.3 % in 20 min"]);
});

Deno.test("describeRatios leaves out the first second of a probe, and what has no settled task", () => {
  assertEquals(describeRatios([{ ratios: [ratio(300, 0.9)] }]), []);
  assertEquals(describeRatios([{ ratios: [ratio(300, 1)] }]), ["98.3 % in 1 s"]);
  assertEquals(describeRatios([{ ratios: [ratio(300, 300, 0, 0)] }]), []);
});

Deno.test("describeRatios sums the datasets", () => {
  const datasets = [[60, 60], [0, 60]].map(([succeeded = 0, settled = 0]) => ({
    ratios: [ratio(300, 300, succeeded, settled)],
  }));
  assertEquals(describeRatios(datasets), ["50 % in 5 min"]);
});
