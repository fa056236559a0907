import { assert, assertEquals, assertMatch } from "@std/assert";
import { at } from "../../support/at.ts";
import { eventually, startLoop, test } from "../../support/program.ts";
import { getTasks, ONCE, untilSettled } from "../../support/loop.ts";
import { scrape } from "../../support/scrape.ts";
import { respondWithDataset, startServer, startWaitingServer } from "../../support/targets.ts";

test("old tasks are dismissed, which changes no counter", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({
    args: ["--dismiss-task", "0.3"],
    env: {
      OKDATA_API_URL: target.url,
      TASK_INTERVAL_SECONDS: "0.05",
      CLEAN_TASKS_INTERVAL_SECONDS: "0.1",
    },
  });

  const { value } = await eventually("ten dismissed tasks", async () => {
    const seen = await scrape(probe.url);
    const tracked = seen.value("probe_tasks_tracked");
    const dismissed = seen.value("probe_tasks_dismissed_total");
    assertEquals(seen.value("probe_tasks_created_total"), tracked + dismissed);
    return dismissed >= 10 && seen;
  });
  assert(value("probe_tasks_succeeded_total") >= 10);
  const { tasks } = await getTasks(probe.url);
  assert((tasks.at(-1)?.seqno ?? 0) > 10, "the oldest went first");
});

test("a task in flight is not dismissed", async () => {
  await using platform = startWaitingServer();
  await using probe = await startLoop({
    env: {
      OKDATA_API_URL: platform.url,
      TASK_INTERVAL_SECONDS: ONCE,
      DISMISS_TASK_SECONDS: "0.05",
      CLEAN_TASKS_INTERVAL_SECONDS: "0.02",
    },
  });
  await eventually("a request", () => platform.waiting() === 1);
  await eventually("an old task", async () => {
    const { value } = await scrape(probe.url);
    assertEquals(value("probe_tasks_tracked", { state: "PENDING" }), 1);
    return value("probe_oldest_pending_task_age_seconds") > 0.3;
  });
  platform.release();

  await eventually("the settled task is dismissed", async () => {
    const { value } = await scrape(probe.url);
    return value("probe_tasks_dismissed_total") === 1 && value("probe_tasks_succeeded_total") === 1;
  });
});

test("MAX_TRACKED_TASKS bounds the backlog, and failures outlive successes", async () => {
  await using target = startServer((request, count) =>
    count === 1 ? new Response("no", { status: 404 }) : respondWithDataset(request)
  );
  await using probe = await startLoop({
    args: ["--max-tracked-tasks", "3"],
    env: {
      OKDATA_API_URL: target.url,
      TASK_INTERVAL_SECONDS: "0.03",
      MAX_TRACKED_TASKS: "1000",
      // Three in flight, where the machine stands still, would leave no room to the failure.
      MAX_IN_FLIGHT_TASKS: "2",
    },
  });
  await untilSettled(probe.url, 10);

  const { value } = await scrape(probe.url);
  assertEquals(value("probe_tasks_tracked"), 3);
  assertEquals(value("probe_tasks_failed_total"), 1);
  assertEquals(value("probe_tasks_dismissed_total"), value("probe_tasks_created_total") - 3);
  // The first request, which is that of one of the first two tasks.
  const failed = (await getTasks(probe.url, "?state=failed")).tasks;
  assert(failed.length === 1 && at(failed, 0).seqno <= 2, JSON.stringify(failed));
});

test("MAX_IN_FLIGHT_TASKS bounds what is in flight; refused slots are counted", async () => {
  await using platform = startWaitingServer();
  await using probe = await startLoop({
    args: ["--max-in-flight-tasks", "2"],
    env: { OKDATA_API_URL: platform.url, TASK_INTERVAL_SECONDS: "0.05" },
  });

  const { value } = await eventually("refused slots", async () => {
    const seen = await scrape(probe.url);
    return seen.value("probe_slots_skipped_total", { cause: "in_flight" }) >= 3 && seen;
  });
  assertEquals(value("probe_tasks_in_flight"), 2);
  assertEquals(value("probe_tasks_created_total"), 2);
  assertEquals(platform.waiting(), 2);
  platform.release();
  await eventually("the freed place is taken", () => platform.waiting() === 2);
});

test("standard output is empty without --table, and the table comes with the first task", async () => {
  await using platform = startWaitingServer();
  const env = { OKDATA_API_URL: platform.url, TASK_INTERVAL_SECONDS: ONCE };
  await using plain = await startLoop({ env });
  await using tabled = await startLoop({ args: ["--table"], env });
  await using local = await startLoop({ env: { ...env, LOCAL_RUN: "true" } });
  await eventually("three requests", () => platform.waiting() === 3);
  assertEquals([plain.stdout, tabled.stdout, local.stdout], ["", "", ""]);

  for (let i = 0; i < 3; i++) platform.release();

  for (const probe of [tabled, local]) {
    await eventually("the table", () => /^1 +SUCCEEDED .*\n/m.test(probe.stdout));
    assertMatch(
      probe.stdout,
      /^# +State +Created +Succeeded +Failed +Duration +Attempts +Reason$/m,
    );
  }
  await untilSettled(plain.url, 1);
  assertEquals(plain.stdout, "");
});

test("the table comes again every TABLE_INTERVAL_SECONDS, with --rows rows", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({
    args: ["--table", "--table-interval", "0.1", "--rows", "2"],
    env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "0.02" },
  });

  const tables = await eventually("four tables", () => {
    const seen = probe.stdout.split("\n\n").filter((table) => table.includes("# "));
    return seen.length >= 4 && seen;
  });
  for (const table of tables.slice(1, -1)) {
    assertEquals(table.match(/^ *\d+ +(SUCCEEDED|PENDING)/gm)?.length, 2, table);
  }
});
