import { assertEquals } from "@std/assert";
import { RecentCounts, SLICES } from "../../../src/core/verdict/recent_counts.ts";
import { seededRandom } from "../../support/fake_runtime.ts";

const WINDOW_MS = 60_000;
const SLICE_MS = WINDOW_MS / SLICES;

Deno.test("RecentCounts counts what was added in the window, and in the slice that has begun", () => {
  const random = seededRandom(1);
  const counts = new RecentCounts(WINDOW_MS);
  const added: { slice: number; failed: boolean; slow: boolean }[] = [];
  let nowMs = 0;
  for (let step = 0; step < 2_000; step++) {
    // Now and then longer than the window.
    nowMs += random.fraction() ** 8 * 2 * WINDOW_MS;
    const slice = Math.floor(nowMs / SLICE_MS);
    const [failed, slow] = [random.fraction() < 0.3, random.fraction() < 0.2];
    counts.add(nowMs, { failed, slow });
    added.push({ slice, failed, slow });
    nowMs += random.fraction() * SLICE_MS;
    const oldest = Math.floor(nowMs / SLICE_MS) - SLICES;
    const recent = added.filter((each) => each.slice >= oldest);
    assertEquals(counts.read(nowMs), {
      settled: recent.length,
      failed: recent.filter((each) => each.failed).length,
      slow: recent.filter((each) => each.slow).length,
    }, `step ${step}`);
  }
  assertEquals(counts.read(nowMs + 2 * WINDOW_MS), { settled: 0, failed: 0, slow: 0 });
});
