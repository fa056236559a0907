/** Stopped processes, wrong clocks and a lack of descriptors. */
import { setTimeout as sleep } from "node:timers/promises";
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { output } from "../../container/buildah.ts";
import { eventually, isAvailable, sharingTest } from "../../support/program.ts";
import { undisturbed } from "../../support/undisturbed.ts";
import {
  checkedScrape,
  checkSchedule,
  endure,
  nextSeqno,
  type Task,
  tasksFrom,
  tasksOf,
} from "../endure.ts";
import { FaultyTarget } from "../faulty_target.ts";
import { DATASETS, IS_CI, RATE, startRig } from "../rigs.ts";
import { sharedRig } from "../target_faults.ts";
import { vitalsOf } from "../vitals.ts";

sharingTest(
  "a probe stopped for a second runs one slot of each loop late, and counts the others",
  () =>
    undisturbed(async () => {
      const rig = await sharedRig.get();
      const before = await checkedScrape(rig.url);
      rig.program.kill("SIGSTOP");
      await sleep(1_200);
      rig.program.kill("SIGCONT");
      await eventually(
        "the program is healthy",
        async () => (await fetch(`${rig.url}/healthz`)).status === 200,
      );
      const after = await checkedScrape(rig.url);

      const gained = (name: string, labels = {}) =>
        after.value(name, labels) - before.value(name, labels);
      const slots = gained("probe_schedule_lag_seconds_count", { loop: "probe" });
      const late = slots -
        gained("probe_schedule_lag_seconds_bucket", { loop: "probe", le: "0.05" });
      const skipped = gained("probe_slots_skipped_total", { cause: "late" });
      assertEquals(gained("probe_tasks_created_total"), slots);
      // Of the two or three slots that a loop had in that time, one has run.
      assert(skipped >= DATASETS && skipped <= 2 * DATASETS, `${skipped} slots are skipped`);
      const dueIn = (ms: number) => ms / 1e3 * RATE;
      const min = dueIn(after.sentMs - before.receivedMs) - 3;
      const max = dueIn(after.receivedMs - before.sentMs) + 3;
      const count = slots + skipped;
      assert(count >= min && count <= max, `${count} slots, not ${min} to ${max}`);
      return late <= DATASETS ? null : `${late} slots ran late`;
    }),
);

const fakeTime = `/usr/lib/${Deno.build.arch}-linux-gnu/faketime/libfaketimeMT.so.1`;
const withoutFakeTime = !IS_CI && !await isAvailable(`test -e ${fakeTime}`, "steps of the clock");

sharingTest("a wall clock set forward by an hour and back causes no failure", async () => {
  await using parts = new AsyncDisposableStack();
  const file = await Deno.makeTempFile();
  parts.defer(() => Deno.remove(file));
  await Deno.writeTextFile(file, "+0");
  const rig = await startRig({
    wrapper: [
      "env",
      `LD_PRELOAD=${fakeTime}`,
      `FAKETIME_TIMESTAMP_FILE=${file}`,
      "FAKETIME_NO_CACHE=1",
      "FAKETIME_DONT_FAKE_MONOTONIC=1",
    ],
    env: { DISMISS_TASK_SECONDS: "600", CLEAN_TASKS_INTERVAL_SECONDS: "0.1" },
  });
  parts.use(rig.parts);
  const hoursAhead = (task?: Task) => (Date.parse(task?.created ?? "") - Date.now()) / 3_600_000;
  await endure(rig, {
    reason: null,
    seen: 1,
    begin: () => Deno.writeTextFile(file, "+1h"),
    end: () => Deno.writeTextFile(file, "+0"),
    check(tasks) {
      for (const task of tasks) {
        assertAlmostEquals(hoursAhead(task), 1, 0.1);
        assert(task.duration_seconds < 1, `${task.duration_seconds} s`);
      }
    },
  });
  const [newest] = await tasksOf(rig.url, "?limit=1");
  assertAlmostEquals(hoursAhead(newest), 0, 0.1);
  assertEquals((await checkedScrape(rig.url)).value("probe_tasks_dismissed_total"), 0);
}, { ignore: withoutFakeTime });

for (
  const { name, host, reasons } of [
    {
      name: "a lack of descriptors with a target by address causes connect failures until it ends",
      host: "127.0.0.1",
      reasons: ["connect"] as const,
    },
    {
      // The system's resolver cannot open its files, and does not report that.
      name:
        "a lack of descriptors with a target by name causes dns or connect failures until it ends",
      host: "localhost",
      reasons: ["dns", "connect"] as const,
    },
  ]
) {
  sharingTest(name, async () => {
    await using parts = new AsyncDisposableStack();
    const target = parts.use(new FaultyTarget());
    const rig = await startRig({
      env: { OKDATA_API_URL: `http://${host}:${target.port}` },
    });
    parts.use(rig.parts);
    const { program, url } = rig;
    const limit = (words: string) =>
      output("prlimit", ["--pid", String(program.pid), ...words.split(" ")]);
    const usual = (await limit("--nofile --output SOFT --noheadings")).trim();
    const { descriptors } = vitalsOf(program.pid);
    await eventually(
      "a task has succeeded",
      async () => (await tasksOf(url, "?limit=2")).length > 1,
    );

    const before = await checkedScrape(url);
    const first = await nextSeqno(url);
    await limit("--nofile=3:");
    // The program accepts no connection meanwhile.
    await sleep(1_000);
    await limit(`--nofile=${usual}:`);
    const last = await eventually("the program responds", () => nextSeqno(url).catch(() => 0));
    await eventually("a task succeeds again", async () => {
      return (await tasksFrom(url, last)).some(({ state }) => state === "SUCCEEDED");
    });
    const { skipped } = checkSchedule(rig, before, await checkedScrape(url));
    assertEquals(skipped, 0, "skipped slots");
    const failed = (await tasksFrom(url, first)).filter(({ state }) => state === "FAILED");
    for (const task of failed) {
      assert(reasons.some((reason) => reason === task.reason), JSON.stringify(task));
    }
    assert(failed.length >= RATE * 0.8, `${failed.length} tasks failed`);
    await eventually("descriptors are closed", () => {
      return vitalsOf(program.pid).descriptors <= descriptors + 4;
    });
  });
}
