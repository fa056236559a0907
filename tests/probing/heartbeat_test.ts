import { assert, assertEquals } from "@std/assert";
import { at } from "../support/at.ts";
import { samplesOf, settle, startProgram, sumOf } from "../support/fake_runtime.ts";

const HEARTBEAT_URL = "http://beat/secret-path";

/** The main loop with a heartbeat, whose calls and the platform's can be told apart. */
async function start(env: Record<string, string> = {}) {
  const program = await startProgram({ HEARTBEAT_URL, ...env });
  const { transport, get } = program;
  const open = (host: string) => transport.open.filter(({ request }) => request.url.host === host);
  return {
    ...program,
    task: () => at(open("api"), 0),
    beats: () => open("beat"),
    beat: () => at(open("beat"), 0),
    sent: () => transport.requests.filter(({ url }) => url.host === "beat").length,
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

Deno.test("a HEAD after a success, at most one an interval", async () => {
  const { clock, task, beat, sent, counted } = await start({ DATASET_ID: "a,b" });
  assertEquals(sent(), 0);
  for (let interval = 1; interval <= 5; interval++) {
    task().succeed();
    await clock.run(5_000);
    task().succeed();
    await clock.run(4_999);
    assertEquals([sent(), beat().request.method], [interval, "HEAD"]);
    beat().answer(200);
    await clock.run(1);
  }
  assertEquals((await counted()).ok, 5);
});

Deno.test("no beat while one dataset's last task failed, though the other is well", async () => {
  const { clock, task, beats, sent } = await start({ DATASET_ID: "a,b" });
  const settleBoth = async (aFails: boolean) => {
    if (aFails) task().answer(404);
    else task().succeed();
    await clock.run(5_000);
    task().succeed();
    await clock.run(5_000);
    for (const beat of beats()) beat.answer(200);
  };
  await settleBoth(true);
  await settleBoth(true);
  assertEquals(sent(), 0);
  await settleBoth(false);
  assertEquals(sent(), 1);
});

Deno.test("a beat that fails changes no task, is counted, and is logged once until it recovers", async () => {
  const { clock, task, beat, beats, counted, logged } = await start();
  const lines = () =>
    logged.map(({ level, message }) => `${level}: ${message}`)
      .filter((line) => line.includes("heartbeats"));
  for (const status of [500, 404, 302]) {
    task().succeed();
    await settle();
    beat().answer(status);
    await clock.run(10_000);
  }
  task().succeed();
  await settle();
  await clock.run(10_000);
  assertEquals(beats(), [], "a beat that is never answered is given up at its own timeout");
  assertEquals(await counted(), { ok: 0, failed: 4, tasksFailed: 0 });
  assertEquals(lines(), ["warn: heartbeats fail: the answer has status 500"]);
  task().succeed();
  await settle();
  beat().answer(204);
  await settle();
  assertEquals(lines(), [
    "warn: heartbeats fail: the answer has status 500",
    "info: heartbeats are received again",
  ]);
  assertEquals((await counted()).ok, 1);
});

Deno.test("the address of a heartbeat, which is a secret, is in no log line", async () => {
  const { task, beat, logged } = await start();
  task().succeed();
  await settle();
  beat().breakOff("ECONNREFUSED");
  await settle();
  assert(logged.some(({ message }) => message.startsWith("heartbeats fail")));
  assert(!JSON.stringify(logged).includes("secret-path"));
});

Deno.test("a beat that the end of the probe cuts off is not said to have failed", async () => {
  const { clock, task, beats, stop, exitCode, counted, logged } = await start();
  task().succeed();
  await settle();
  assertEquals(beats().length, 1);
  stop();
  await clock.run(8_000);
  assertEquals([await exitCode, beats().length, (await counted()).failed], [0, 0, 0]);
  assert(!logged.some(({ message }) => message.startsWith("heartbeats fail")));
});

Deno.test("an endpoint that hangs has one beat at a time", async () => {
  const { clock, task, beats, sent } = await start({ TASK_INTERVAL_SECONDS: "1" });
  for (let i = 0; i < 5; i++) {
    task().succeed();
    await clock.run(1_000);
  }
  assertEquals([beats().length, sent()], [1, 1]);
});
