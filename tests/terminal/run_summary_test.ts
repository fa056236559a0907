import { assertEquals } from "@std/assert";
import { type DatasetRun, renderRunSummary } from "../../src/terminal/run_summary.ts";

function runOf(run: Partial<DatasetRun>): DatasetRun {
  return {
    datasetId: "abc123",
    url: "http://api/abc123",
    state: "working",
    counts: { PENDING: 0, SUCCEEDED: 3, FAILED: 0 },
    tooSlow: 0,
    reasons: new Map(),
    ...run,
  };
}

Deno.test("a run summary has the state of each dataset as a word of its own", () => {
  const counts = { PENDING: 1, SUCCEEDED: 0, FAILED: 0 };
  assertEquals(renderRunSummary([runOf({})], false), [
    "abc123: working, 3 of 3 tasks succeeded; http://api/abc123",
  ]);
  assertEquals(renderRunSummary([runOf({ state: "no_news", counts })], false), [
    "abc123: no news, 0 of 0 tasks succeeded, 1 abandoned; http://api/abc123",
  ]);
});

Deno.test("a run summary counts each of several reasons, and names a single one", () => {
  const counts = { PENDING: 0, SUCCEEDED: 0, FAILED: 3 };
  const reasonsOf = (...reasons: ConstructorParameters<typeof Map<"dns" | "reset", number>>) => {
    const [line = ""] = renderRunSummary([runOf({ counts, reasons: new Map(...reasons) })], false);
    return line.match(/\(.*\)/)?.[0];
  };
  assertEquals(reasonsOf([["dns", 3]]), "(dns)");
  assertEquals(reasonsOf([["dns", 1], ["reset", 2]]), "(2 reset, 1 dns)");
});

Deno.test("a run summary counts what was too slow among what failed", () => {
  const [line] = renderRunSummary([
    runOf({
      state: "slow",
      counts: { PENDING: 0, SUCCEEDED: 3, FAILED: 1 },
      tooSlow: 2,
      reasons: new Map([["dns", 1]]),
    }),
  ], false);
  assertEquals(
    line,
    "abc123: slow, 1 of 4 tasks succeeded, 3 failed (2 too slow, 1 dns); http://api/abc123",
  );
});

Deno.test("a run summary sums several datasets", () => {
  const failed = runOf({
    counts: { PENDING: 0, SUCCEEDED: 1, FAILED: 2 },
    reasons: new Map([["dns", 2]]),
  });
  assertEquals(
    renderRunSummary([runOf({}), failed], false).at(-1),
    "2 datasets: 4 of 6 tasks succeeded, 2 failed (dns)",
  );
});
