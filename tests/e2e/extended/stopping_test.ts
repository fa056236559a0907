import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  DATASET_ID,
  eventually,
  isAvailable,
  Program,
  startLoop,
  test,
} from "../../support/program.ts";
import { AT_ONCE_MS, endOf, ONCE, untilDraining } from "../../support/loop.ts";
import { scrape } from "../../support/scrape.ts";
import {
  respondWithDataset,
  startServer,
  startWaitingServer,
  write,
} from "../../support/targets.ts";

/** The whole stop, with tasks that never end: 8 s for them and a little for the rest. */
const MAX_STOP_MS = 10_000;
const GRACE_MS = 8_000;

test("a task that hangs is abandoned after 8 s and never counted as failed", async () => {
  await using platform = startWaitingServer();
  await using probe = await startLoop({
    args: ["--table"],
    env: { OKDATA_API_URL: platform.url, TASK_INTERVAL_SECONDS: "0.2", LOG_FORMAT: "text" },
  });
  await eventually("two requests", () => platform.waiting() >= 2);
  const startMs = performance.now();
  probe.kill("SIGTERM");
  await untilDraining(probe);
  const health = await fetch(`${probe.url}/healthz`);
  await health.body?.cancel();
  assertEquals(health.status, 200);
  const created = (await scrape(probe.url)).value("probe_tasks_created_total");
  await eventually("the grace has nearly passed", async () => {
    const { value } = await scrape(probe.url);
    assertEquals(value("probe_tasks_created_total"), created);
    assertEquals(value("probe_tasks_in_flight"), created);
    assertEquals(value("probe_tasks_failed_total"), 0);
    return performance.now() - startMs > GRACE_MS - 1_000;
  });
  const { code } = await probe.ended();
  const durationMs = performance.now() - startMs;

  assertEquals(code, 0);
  assert(durationMs < MAX_STOP_MS, `${durationMs} ms`);
  assertStringIncludes(probe.stderr, `abandoned ${created} tasks`);
  assert(!probe.stderr.includes("failed"), probe.stderr);
  assertMatch(probe.stdout, /^1 +PENDING/m);
});

test("connections that stay open do not hold up the end", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({ env: { OKDATA_API_URL: target.url } });
  const port = Number(new URL(probe.url).port);
  using _idle = await Deno.connect({ port });
  using halfway = await Deno.connect({ port });
  await write(halfway, "GET /metrics HTTP/1.1\r\nHost:");
  probe.kill("SIGTERM");
  const { code, durationMs } = await endOf(probe);

  assertEquals(code, 0, probe.stderr);
  assert(durationMs < AT_ONCE_MS, `${durationMs} ms`);
});

test("a reader that does not take its response does not hold up the end", async () => {
  await using target = startServer(respondWithDataset);
  // So many that what is asked for below is more than a connection takes without being read.
  const datasetIds = Array.from({ length: 100 }, (_, i) => `${i}`.padStart(100, "x")).join();
  await using probe = await startLoop({
    env: { OKDATA_API_URL: target.url, DATASET_ID: datasetIds, TASK_INTERVAL_SECONDS: ONCE },
  });
  using reader = await Deno.connect({ port: Number(new URL(probe.url).port) });
  await write(reader, "GET /metrics HTTP/1.1\r\nHost: probe\r\n\r\n".repeat(20));
  await reader.read(new Uint8Array(1));
  await untilIdle(probe.pid);
  probe.kill("SIGTERM");
  const { code, durationMs } = await endOf(probe);

  assertEquals(code, 0);
  assert(durationMs < AT_ONCE_MS, `${durationMs} ms`);
  assertMatch(probe.stderr, /"message":"stopped"[^\n]*\n$/);
});

/** Waits until a process has done nothing for a moment. */
async function untilIdle(pid: number): Promise<void> {
  let lastTicks = NaN;
  await eventually("a process without work", async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const ticks = await cpuTicks(pid);
    const idle = ticks === lastTicks;
    lastTicks = ticks;
    return idle;
  });
}

/** The CPU time that a process has used, in ticks of the system's clock. */
async function cpuTicks(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/stat`);
  const [user, system] = status.slice(status.lastIndexOf(")") + 2).split(" ").slice(11, 13);
  return Number(user) + Number(system);
}

const UNSHARE = ["unshare", "--pid", "--fork", "--kill-child"];

// A process with the id 1 gets no signal that it does not handle itself, as in a container.
const ignore = !await isAvailable(`${UNSHARE.join(" ")} true`, "the probe as PID 1");

/** The process that is PID 1 in the namespace that `unshare`, the process `pid`, has made. */
async function childOf(pid: number): Promise<number> {
  const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  return Number(children.trim());
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`as PID 1, ${signal} stops it as it does elsewhere`, async () => {
    await using platform = startWaitingServer();
    await using probe = await startLoop({
      wrapper: UNSHARE,
      env: { OKDATA_API_URL: platform.url, TASK_INTERVAL_SECONDS: ONCE },
    });
    await eventually("a request", () => platform.waiting() === 1);
    Deno.kill(await childOf(probe.pid), signal);
    await untilDraining(probe);
    platform.release();
    const { code, durationMs } = await endOf(probe);

    assertEquals(code, 0);
    assert(durationMs < AT_ONCE_MS, `${durationMs} ms`);
  }, { ignore });
}

test("as PID 1, a one-off run ends with its exit code", async () => {
  await using probe = new Program({
    wrapper: UNSHARE,
    args: ["--once"],
    env: { DATASET_ID, OKDATA_API_URL: "http://127.0.0.1:1", RETRIES: "0" },
  });

  assertEquals((await probe.ended()).code, 5);
}, { ignore });
