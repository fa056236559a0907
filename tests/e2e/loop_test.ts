import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { REASONS } from "../../src/core/reasons.ts";
import { METRICS } from "../../src/prometheus/definitions.ts";
import { at } from "../support/at.ts";
import { DATASET_ID, eventually, run, startLoop, test } from "../support/program.ts";
import { getTasks, type ListedTask, ONCE, untilSettled } from "../support/loop.ts";
import { scrape } from "../support/scrape.ts";
import {
  respondWithDataset,
  startEmulator,
  startServer,
  startWaitingServer,
} from "../support/targets.ts";

test("the first task runs at once, the next an interval later", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({
    env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: ONCE },
  });

  await eventually("the first task", () => target.requests.length === 1, 1_000);
  const { tasks } = await getTasks(probe.url);
  assertEquals(tasks.length, 1);
  assertEquals(target.requests.map(({ path }) => path), [`/${DATASET_ID}`]);
});

test("it says in its log what it probes, how often, and where it can be seen", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({
    args: ["--task-interval", "12.5"],
    env: { OKDATA_API_URL: target.url, LOG_FORMAT: "text" },
  });

  assertStringIncludes(
    probe.stderr,
    ` probes ${target.url}/${DATASET_ID} (local) every 12.5 s; ` +
      `listening on 0.0.0.0:${new URL(probe.url).port}; see ${probe.url}\n`,
  );
});

test("a slow task does not hold up the next slots", async () => {
  await using platform = startWaitingServer();
  await using probe = await startLoop({
    env: { OKDATA_API_URL: platform.url, TASK_INTERVAL_SECONDS: "0.1" },
  });

  await eventually("five requests at once", () => platform.waiting() >= 5);
  const { value } = await scrape(probe.url);
  assert(value("probe_tasks_in_flight") >= 5);
  assertEquals(value("probe_tasks_created_total"), value("probe_tasks_in_flight"));
  assert(value("probe_oldest_pending_task_age_seconds") > 0.3);
});

test("several datasets are spread evenly over the interval", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({
    env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "0.6", DATASET_ID: "abc,def,ghi" },
  });
  await untilSettled(probe.url, 6);

  const tasks = (await getTasks(probe.url, "?before=7")).tasks.reverse();
  assertEquals(
    tasks.map(({ dataset_id }) => dataset_id),
    ["abc", "def", "ghi", "abc", "def", "ghi"],
  );
  const createdMs = tasks.map(({ created }) => Date.parse(String(created)));
  createdMs.forEach((ms, i) => {
    // The slots are 200 ms apart; on a busy machine the first may run late, and others not.
    assert(ms - at(createdMs, 0) > i * 200 - 100, `task ${i + 1}: ${createdMs}`);
  });
});

test("every family has its type before anything has happened, every counter its 0", async () => {
  await using platform = startWaitingServer();
  await using probe = await startLoop({
    env: { OKDATA_API_URL: platform.url, TASK_INTERVAL_SECONDS: ONCE, DATASET_ID: "abc,def" },
  });

  const { types, value } = await scrape(probe.url);
  assertEquals(types, new Map(Object.values(METRICS).map(({ name, type }) => [name, type])));
  for (const dataset_id of ["abc", "def"]) {
    assertEquals(value("probe_tasks_succeeded_total", { dataset_id }), 0);
    assertEquals(value("probe_tasks_failed_total", { dataset_id }), 0);
    for (const reason of REASONS) {
      assertEquals(value("probe_task_failures_total", { dataset_id, reason }), 0, reason);
    }
    for (const result of ["ok", "failed"]) {
      assertEquals(value("probe_task_attempts_total", { dataset_id, result }), 0, result);
    }
    assertEquals(value("probe_task_duration", { dataset_id }), NaN);
  }
  for (const cause of ["late", "in_flight"]) {
    assertEquals(value("probe_slots_skipped_total", { cause }), 0, cause);
  }
  for (const state of ["PENDING", "SUCCEEDED", "FAILED"]) {
    assert(value("probe_tasks_tracked", { state }) >= 0, state);
  }
  assertEquals(value("probe_tasks_dismissed_total"), 0);
  assertEquals(value("probe_build_info"), 1);
});

test("the counters say what the target saw, and add up at every scrape", async () => {
  await using emulator = startEmulator({ seed: 7, faults: { unauthorized_percent: 40 } });
  await using probe = await startLoop({
    env: {
      OKDATA_API_URL: emulator.apiUrl,
      TASK_INTERVAL_SECONDS: "0.02",
      RETRIES: "0",
      DATASET_ID: "abc,def",
      LOG_LEVEL: "debug",
    },
  });

  const settled = await eventually("forty settled tasks", async () => {
    const { value } = await scrape(probe.url);
    const sum = value("probe_tasks_succeeded_total") + value("probe_tasks_failed_total");
    assertEquals(value("probe_tasks_created_total"), sum + value("probe_tasks_in_flight"));
    assertEquals(value("probe_task_duration_seconds_count"), sum);
    return sum >= 40;
  });
  assert(settled);
  probe.kill("SIGTERM");
  await eventually("it drains", () => probe.stderr.includes("stopping with"));
  const { stderr } = await probe.ended();
  const counts = emulator.counts();
  assertEquals(stderr.match(/task \d+ of/g)?.length, counts.requests);
  assertEquals(stderr.match(/task \d+ of \S+ succeeded/g)?.length, counts.by_status["200"]);
  assertEquals(stderr.match(/task \d+ of \S+ failed/g)?.length, counts.by_status["401"]);
});

test("/healthz and /readyz say that all is well", async () => {
  await using target = startServer(() => new Response("no", { status: 500 }));
  await using probe = await startLoop({ env: { OKDATA_API_URL: target.url, RETRIES: "0" } });
  await untilSettled(probe.url, 1);

  // The probe is well even where its target is not.
  for (const path of ["/healthz", "/readyz"]) {
    const response = await fetch(probe.url + path);
    assertEquals(response.status, 200, path);
    assertMatch(response.headers.get("content-type") ?? "", /^application\/json/);
    await response.json();
  }
});

test("/tasks lists what is tracked, newest first, with filters and pages", async () => {
  await using target = startServer((request, count) =>
    count % 3 === 0 ? new Response("no", { status: 404 }) : respondWithDataset(request)
  );
  await using probe = await startLoop({
    env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "0.02", DATASET_ID: "abc,def" },
  });
  await untilSettled(probe.url, 12);

  // From here on below a seqno whose tasks are all settled, since the probe goes on.
  const below = "before=13";
  const { version, tasks, next } = await getTasks(probe.url, `?${below}`);
  assertEquals({ version, next }, { version: 1, next: null });
  assertEquals(tasks.map(({ seqno }) => seqno), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);

  const failed = tasks.filter(({ state }) => state === "FAILED");
  // Requests may arrive in another order than their tasks were created in.
  assert(failed.length > 0 && failed.length < tasks.length, `${failed.length} failed`);
  for (const state of ["failed", "FAILED", "Failed"]) {
    assertEquals((await getTasks(probe.url, `?${below}&state=${state}`)).tasks, failed);
  }
  const abc = tasks.filter(({ dataset_id }) => dataset_id === "abc");
  assertEquals((await getTasks(probe.url, `?${below}&dataset_id=abc`)).tasks, abc);
  assertEquals((await getTasks(probe.url, `?${below}&dataset_id=other`)).tasks, []);
  const both = `?${below}&dataset_id=abc&state=failed`;
  assertEquals(
    (await getTasks(probe.url, both)).tasks,
    abc.filter((task) => failed.includes(task)),
  );

  const paged: ListedTask[] = [];
  let page = await getTasks(probe.url, `?${below}&limit=5`);
  const lengths = [page.tasks.length];
  paged.push(...page.tasks);
  while (page.next !== null) {
    page = await getTasks(probe.url, `?limit=5&before=${page.next}`);
    lengths.push(page.tasks.length);
    paged.push(...page.tasks);
  }
  assertEquals(lengths, [5, 5, 2]);
  assertEquals(paged, tasks);
});

test("/tasks shows a task as --json does, and one in flight as pending", async () => {
  await using platform = startWaitingServer();
  await using probe = await startLoop({
    env: { OKDATA_API_URL: platform.url, TASK_INTERVAL_SECONDS: ONCE, APP_ID: "me" },
  });
  await eventually("a request", () => platform.waiting() === 1);
  const pending = at((await getTasks(probe.url, "?state=pending")).tasks, 0);
  platform.release();
  await untilSettled(probe.url, 1);
  const settled = at((await getTasks(probe.url)).tasks, 0);
  await using target = startServer(respondWithDataset);
  const { stdout } = await run({
    args: ["--once", "--json"],
    env: { DATASET_ID, OKDATA_API_URL: target.url },
  });

  const [single] = JSON.parse(stdout).tasks;
  assertEquals(Object.keys(settled), Object.keys(single));
  assertEquals(Object.keys(pending), Object.keys(single));
  const { created, trace_id, ...rest } = pending;
  assertEquals({ created, trace_id }, { created: settled.created, trace_id: settled.trace_id });
  assertEquals(rest, {
    seqno: 1,
    app_id: "me",
    dataset_id: DATASET_ID,
    state: "PENDING",
    settled: null,
    duration_seconds: null,
    reason: null,
    message: null,
    attempts: [],
    phases: {},
    body: null,
  });
});
