import { assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { newTimings, phasesOf, type Timings } from "../../src/http_client/timings.ts";

/** An exchange by name over TLS whose phases take 1, 2, 4, 8 and 16 ms. */
const WHOLE: Timings = {
  startMs: 100,
  hasHostName: true,
  isTls: true,
  resolvedMs: 101,
  connectedMs: 103,
  securedMs: 107,
  headersMs: 115,
};
const END_MS = 131;

Deno.test("phasesOf has the seconds of each phase, in order", () => {
  assertEquals(Object.entries(phasesOf(WHOLE, END_MS)), [
    ["resolve", 0.001],
    ["connect", 0.002],
    ["tls", 0.004],
    ["processing", 0.008],
    ["transfer", 0.016],
  ]);
});

Deno.test("phasesOf leaves out resolving an address, and TLS over plain HTTP", () => {
  const plain = {
    ...WHOLE,
    hasHostName: false,
    resolvedMs: undefined,
    isTls: false,
    securedMs: undefined,
  };
  assertEquals(phasesOf(plain, END_MS), { connect: 0.003, processing: 0.012, transfer: 0.016 });
});

for (
  const [phase, reached, known] of [
    ["resolve", ["resolve"], {}],
    ["connect", ["resolve", "connect"], { resolvedMs: 101 }],
    ["tls", ["resolve", "connect", "tls"], { resolvedMs: 101, connectedMs: 103 }],
    [
      "processing",
      ["resolve", "connect", "tls", "processing"],
      { resolvedMs: 101, connectedMs: 103, securedMs: 107 },
    ],
  ] as const
) {
  Deno.test(`phasesOf ends with ${phase} when the exchange ended there`, () => {
    const phases = phasesOf({ startMs: 100, hasHostName: true, isTls: true, ...known }, END_MS);
    assertEquals(Object.keys(phases), [...reached]);
    assertSum(phases, 0.031);
  });
}

Deno.test("phasesOf adds up to the duration, whatever was reached", () => {
  const step = fc.nat(10_000);
  fc.assert(fc.property(
    fc.boolean(),
    fc.boolean(),
    fc.array(step, { maxLength: 4 }),
    step,
    (hasHostName, isTls, steps, lastMs) => {
      const timings = { ...newTimings(500), hasHostName, isTls };
      const marks = [
        ...(hasHostName ? ["resolvedMs"] as const : []),
        "connectedMs" as const,
        ...(isTls ? ["securedMs"] as const : []),
        "headersMs" as const,
      ];
      let nowMs = 500;
      for (const [i, stepMs] of steps.entries()) {
        const mark = marks[i];
        if (mark) timings[mark] = nowMs += stepMs;
      }
      assertSum(phasesOf(timings, nowMs + lastMs), (nowMs + lastMs - 500) / 1e3);
    },
  ));
});

function assertSum(phases: ReturnType<typeof phasesOf>, seconds: number): void {
  const sum = Object.values(phases).reduce((total, each) => total + each, 0);
  assertAlmostEquals(sum, seconds, 1e-5);
}
