import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually, startLoop, test } from "../support/program.ts";
import { AT_ONCE_MS, endOf, ONCE, untilDraining } from "../support/loop.ts";
import { scrape } from "../support/scrape.ts";
import { respondWithDataset, startServer, startWaitingServer } from "../support/targets.ts";

/** A second signal within a quarter of a second is taken for the echo of the first. */
function laterThanAnEcho(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 300));
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} with no task in flight: exit 0 at once, with the last table`, async () => {
    await using target = startServer(respondWithDataset);
    await using probe = await startLoop({
      args: ["--table"],
      env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: ONCE, LOG_FORMAT: "text" },
    });
    await eventually("the first table", () => probe.stdout.includes("SUCCEEDED"));
    probe.kill(signal);
    const { code, durationMs } = await endOf(probe);

    assertEquals(code, 0);
    assert(durationMs < AT_ONCE_MS, `${durationMs} ms`);
    assertEquals(probe.stdout.match(/^# /gm)?.length, 2);
    assertMatch(probe.stderr, /stopping with 0 tasks in flight\n.* stopped\n$/);
  });
}

test("a task in flight that ends in time is counted, then the exit code is 0", async () => {
  await using platform = startWaitingServer();
  await using probe = await startLoop({
    env: { OKDATA_API_URL: platform.url, TASK_INTERVAL_SECONDS: "0.2", LOG_FORMAT: "text" },
  });
  await eventually("two requests", () => platform.waiting() >= 2);
  probe.kill("SIGTERM");
  await untilDraining(probe);
  const { value } = await scrape(probe.url);
  const created = value("probe_tasks_created_total");
  await eventually("every request", () => platform.waiting() === created);
  platform.release();
  await eventually("the task is counted", async () => {
    const seen = await scrape(probe.url);
    assertEquals(seen.value("probe_tasks_created_total"), created);
    return seen.value("probe_tasks_succeeded_total") === 1;
  });
  while (platform.waiting() > 0) platform.release();
  const { code, durationMs } = await endOf(probe);

  assertEquals(code, 0);
  assert(durationMs < AT_ONCE_MS, `${durationMs} ms`);
  assertEquals(probe.stderr.match(/task \d+ .* succeeded/g)?.length, created);
  assert(!probe.stderr.includes("abandoned"), probe.stderr);
});

test("one Ctrl-C that arrives twice, as task runners deliver it, is one signal", async () => {
  await using platform = startWaitingServer();
  await using probe = await startLoop({ env: { OKDATA_API_URL: platform.url } });
  await eventually("a request", () => platform.waiting() === 1);
  probe.kill("SIGINT");
  probe.kill("SIGINT");
  await untilDraining(probe);
  platform.release();

  assertEquals((await probe.ended()).code, 0);
});

for (
  const [first, second] of [["SIGTERM", "SIGTERM"], ["SIGTERM", "SIGINT"]] as const
) {
  test(`a second signal ends it at once: ${first}, then ${second}, exit 130`, async () => {
    await using platform = startWaitingServer();
    await using probe = await startLoop({ env: { OKDATA_API_URL: platform.url } });
    await eventually("a request", () => platform.waiting() === 1);
    probe.kill(first);
    await untilDraining(probe);
    await laterThanAnEcho();
    probe.kill(second);
    const { code, durationMs } = await endOf(probe);

    assertEquals(code, 130);
    assert(durationMs < AT_ONCE_MS, `${durationMs} ms`);
  });
}
