import { assertEquals } from "@std/assert";
import { SkipLog } from "../../../src/probing/log/skip_log.ts";
import { FakeClock } from "../../support/clock.ts";
import { keptLog } from "../../support/log.ts";

function newSkipLog() {
  const { log, lines } = keptLog();
  const clock = new FakeClock();
  const skipLog = new SkipLog({ clock, log, maxInFlightTasks: 7 });
  const skip = (datasetId: string, count = 1) =>
    skipLog.skipped({ datasetId, cause: "late", count });
  return { skipLog, skip, clock, lines, messages: () => lines.map(([, message]) => message) };
}

Deno.test("the first skipped slots of each cause have a line at once, which says why", () => {
  const { skipLog, lines } = newSkipLog();
  skipLog.skipped({ datasetId: "abc123", cause: "late", count: 3 });
  skipLog.skipped({ datasetId: "abc123", cause: "in_flight", count: 1 });
  assertEquals(lines, [
    ["warn", "skipped 3 slots of abc123: the probe itself was late", {
      dataset_id: "abc123",
      cause: "late",
      skipped: 3,
    }],
    [
      "warn",
      "skipped a slot of abc123: 7 tasks are in flight, or their connections not closed yet",
      { dataset_id: "abc123", cause: "in_flight", skipped: 1 },
    ],
  ]);
});

Deno.test("slots that are skipped in the minute after a line have one line together", async () => {
  const { skip, clock, lines, messages } = newSkipLog();
  for (let i = 0; i < 1_000; i++) {
    skip(`d${i % 6}`);
    await clock.run(100);
  }
  assertEquals(messages(), [
    "skipped a slot of d0: the probe itself was late",
    "skipped 599 more slots of 6 datasets in 60 s: the probe itself was late",
  ]);
  assertEquals(lines[1]?.[2], { datasets: 6, cause: "late", skipped: 599, window_seconds: 60 });
  await clock.run(60_000);
  assertEquals(messages().slice(2), [
    "skipped 400 more slots of 6 datasets in 60 s: the probe itself was late",
  ]);
});

Deno.test("after a minute without skipped slots the next one has a line at once again", async () => {
  const { skip, clock, messages } = newSkipLog();
  skip("a");
  await clock.run(60_000);
  assertEquals(clock.waiting, 0);
  skip("b", 2);
  assertEquals(messages(), [
    "skipped a slot of a: the probe itself was late",
    "skipped 2 slots of b: the probe itself was late",
  ]);
});

Deno.test("what has no line yet gets one at the end, and no timer is left", async () => {
  const { skipLog, skip, clock, lines, messages } = newSkipLog();
  skip("a");
  skip("a");
  for (const datasetId of ["a", "b", "c"]) {
    skipLog.skipped({ datasetId, cause: "in_flight", count: 1 });
  }
  await clock.run(30_000);
  skipLog.close();
  const full = "7 tasks are in flight, or their connections not closed yet";
  assertEquals(messages().slice(2), [
    "skipped 1 more slot of a in 30 s: the probe itself was late",
    `skipped 2 more slots of b, c in 30 s: ${full}`,
  ]);
  const whose = lines.slice(2).map(([, , properties = {}]) => properties);
  assertEquals(whose.map(({ dataset_id, datasets }) => [dataset_id, datasets]), [
    ["a", undefined],
    [undefined, 2],
  ]);
  assertEquals(clock.waiting, 0);
});
