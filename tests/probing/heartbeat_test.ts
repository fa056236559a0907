import { assert, assertEquals } from "@std/assert";
import { at } from "../support/at.ts";
import { samplesOf, settle, startProgram, sumOf } from "../support/fake_runtime.ts";

const HEARTBEAT_URL = "http://heartbeat/secret-path";

/** The main loop with a heartbeat, whose calls and the platform's can be told apart. */
async function start(env: Record<string, string> = {}) {
  const program = await startProgram({ HEARTBEAT_URL, ...env });
  const { transport, get } = program;
  const open = (host: string) => transport.open.filter(({ request }) => request.url.host === host);
  return {
    ...program,
    task: () => at(open("api"), 0),
    heartbeats: () => open("heartbeat"),
    heartbeat: () => at(open("heartbeat"), 0),
    sent: () => transport.requests.filter(({ url }) => url.host === "heartbeat").length,
    async counted() {
      const samples = samplesOf(await (await get("/metrics")).text());
      const of = (name: string, labels = "") => sumOf(samples, name, labels);
      return {
        ok: of("probe_heartbeats_total", 'result="ok"'),
        failed: of("probe_heartbeats_total", 'result="failed"'),
        tasksFailed: of("probe_tasks_failed_total"),
      };
    },
  };
}

Deno.test("the heartbeat sends a HEAD after a success, at most one an interval", async () => {
  const { clock, task, heartbeat, sent, counted } = await start({ DATASET_ID: "a,b" });
  assertEquals(sent(), 0);
  for (let interval = 1; interval <= 5; interval++) {
    task().succeed();
    await clock.run(5_000);
    task().succeed();
    await clock.run(4_999);
    assertEquals([sent(), heartbeat().request.method], [interval, "HEAD"]);
    heartbeat().respond(200);
    await clock.run(1);
  }
  assertEquals((await counted()).ok, 5);
});

Deno.test("the heartbeat sends nothing while the last task of any dataset failed", async () => {
  const { clock, task, heartbeats, sent } = await start({ DATASET_ID: "a,b" });
  const settleBoth = async (aFails: boolean) => {
    if (aFails) task().respond(404);
    else task().succeed();
    await clock.run(5_000);
    task().succeed();
    await clock.run(5_000);
    for (const call of heartbeats()) call.respond(200);
  };
  await settleBoth(true);
  await settleBoth(true);
  assertEquals(sent(), 0);
  await settleBoth(false);
  assertEquals(sent(), 1);
});

Deno.test("a failed heartbeat changes no task, is counted, and is logged once until it recovers", async () => {
  const { clock, task, heartbeat, heartbeats, counted, logged } = await start();
  const lines = () =>
    logged.map(({ level, message }) => `${level}: ${message}`)
      .filter((line) => line.includes("heartbeats"));
  for (const status of [500, 404, 302]) {
    task().succeed();
    await settle();
    heartbeat().respond(status);
    await clock.run(10_000);
  }
  task().succeed();
  await settle();
  await clock.run(10_000);
  assertEquals(heartbeats(), [], "a heartbeat without a response ends at its own timeout");
  assertEquals(await counted(), { ok: 0, failed: 4, tasksFailed: 0 });
  assertEquals(lines(), ["warn: heartbeats fail: the response has status 500"]);
  task().succeed();
  await settle();
  heartbeat().respond(204);
  await settle();
  assertEquals(lines(), [
    "warn: heartbeats fail: the response has status 500",
    "info: heartbeats are received again",
  ]);
  assertEquals((await counted()).ok, 1);
});

Deno.test("the log never shows the URL of the heartbeat, which is a secret", async () => {
  const { task, heartbeat, logged } = await start();
  task().succeed();
  await settle();
  heartbeat().breakOff("ECONNREFUSED");
  await settle();
  assert(logged.some(({ message }) => message.startsWith("heartbeats fail")));
  assert(!JSON.stringify(logged).includes("secret-path"));
});

Deno.test("a heartbeat that the end of the probe cancels does not count as failed", async () => {
  const { clock, task, heartbeats, stop, exitCode, counted, logged } = await start();
  task().succeed();
  await settle();
  assertEquals(heartbeats().length, 1);
  stop();
  await clock.run(8_000);
  assertEquals([await exitCode, heartbeats().length, (await counted()).failed], [0, 0, 0]);
  assert(!logged.some(({ message }) => message.startsWith("heartbeats fail")));
});

Deno.test("the heartbeat sends one at a time to an endpoint that hangs", async () => {
  const { clock, task, heartbeats, sent } = await start({ TASK_INTERVAL_SECONDS: "1" });
  for (let i = 0; i < 5; i++) {
    task().succeed();
    await clock.run(1_000);
  }
  assertEquals([heartbeats().length, sent()], [1, 1]);
});
