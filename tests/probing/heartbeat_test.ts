import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/core/clock.ts";
import { Heartbeat, sendHeartbeat } from "../../src/probing/heartbeat.ts";
import { realExchange, serving } from "../http_client/sockets.ts";
import { at } from "../support/at.ts";
import { samplesOf, settle, startProgram, sumOf } from "../support/fake_runtime.ts";
import { pending, succeeded } from "../support/tasks.ts";

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

Deno.test("a failed heartbeat changes no task, is counted, and each new cause is logged once", async () => {
  const { clock, task, heartbeat, heartbeats, counted, logged } = await start();
  const lines = () =>
    logged.map(({ level, message }) => `${level}: ${message}`)
      .filter((line) => line.includes("heartbeats"));
  for (const status of [500, 500, 404, 404]) {
    task().succeed();
    await settle();
    heartbeat().respond(status);
    await clock.run(10_000);
  }
  task().succeed();
  await settle();
  await clock.run(10_000);
  assertEquals(heartbeats(), [], "a heartbeat without a response ends at its own timeout");
  assertEquals(await counted(), { ok: 0, failed: 5, tasksFailed: 0 });
  const failures = [
    "warn: heartbeats fail: the response has status 500",
    "warn: heartbeats fail: the response has status 404",
    "warn: heartbeats fail: no response within 10 s",
  ];
  assertEquals(lines(), failures);
  task().succeed();
  await settle();
  heartbeat().respond(204);
  await clock.run(10_000);
  assertEquals(lines(), [...failures, "info: heartbeats are received again"]);
  assertEquals((await counted()).ok, 1);
  task().succeed();
  await settle();
  heartbeat().respond(500);
  await settle();
  assertEquals(lines().at(-1), failures[0], "a new outage is logged, whatever the last one was");
});

/** A heartbeat that fails with these messages, a minute apart; returns those that it reports. */
async function reportsOf(messages: readonly string[]): Promise<string[]> {
  const reports: string[] = [];
  let nowMs = 0;
  let message = "";
  const heartbeat = new Heartbeat({
    send: () => Promise.reject(new Error(message)),
    signal: new AbortController().signal,
    monotonic: () => nowMs,
    intervalMs: 60_000,
    onResult: () => {},
    onChange: (error) => reports.push(error instanceof Error ? error.message : "recovered"),
  });
  for (message of messages) {
    heartbeat.settled(succeeded(pending()));
    await settle();
    nowMs += 60_000;
  }
  return reports;
}

Deno.test("a heartbeat reports no cause again whose addresses, ports or times alone differ", async () => {
  for (
    const [first, ...others] of [
      [
        "connect ECONNREFUSED 192.0.2.1:443",
        "connect ECONNREFUSED 192.0.2.77:443",
        "connect ECONNREFUSED [2001:db8::1]:443",
        "connect ECONNREFUSED 192.0.2.1:443 192.0.2.2:443",
      ],
      [
        "certificate expired 59 min ago",
        "certificate expired 1 h ago",
        "certificate expired 2 d 3 h ago",
      ],
      ["the connection ended after 29 of 500 bytes", "the connection ended after 0 of 7 bytes"],
    ]
  ) {
    assertEquals(await reportsOf([first ?? "", ...others]), [first]);
  }
});

Deno.test("a heartbeat reports causes that take turns once an hour each", async () => {
  const turns = Array.from({ length: 121 }, (_, i) => i % 2 === 0 ? "refused" : "reset");
  assertEquals(await reportsOf(turns), ["refused", "reset", "refused", "reset", "refused"]);
});

Deno.test("a heartbeat reports a cause that has come back to stay, after an hour", async () => {
  const messages = ["refused", "reset", ...Array(60).fill("refused")];
  assertEquals(await reportsOf(messages), ["refused", "reset", "refused"]);
});

for (const [given, method] of [["get", "GET"], ["POST", "POST"], ["Head", "HEAD"]] as const) {
  Deno.test(`HEARTBEAT_METHOD=${given} sends a ${method}`, async () => {
    const { task, heartbeat } = await start({ HEARTBEAT_METHOD: given });
    task().succeed();
    await settle();
    const { request } = heartbeat();
    assertEquals([request.method, request.body], [method, method === "POST" ? "" : undefined]);
  });
}

Deno.test("a heartbeat by POST says that its body is empty", async () => {
  const received: [method: string, length: string | null][] = [];
  const { signal } = new AbortController();
  const runtime = { exchange: await realExchange(), clock: systemClock };
  await serving((request) => {
    received.push([request.method, request.headers.get("content-length")]);
    return new Response(null, { status: 204 });
  }, async (url) => {
    for (const method of ["POST", "GET", "HEAD"] as const) {
      await sendHeartbeat({ url, method }, runtime, 5, signal);
    }
  });
  assertEquals(received, [["POST", "0"], ["GET", null], ["HEAD", null]]);
});

Deno.test("a heartbeat presents the user and password of its URL", async () => {
  const HEARTBEAT_URL = "http://user:p%40ss@heartbeat/beat";
  const { task, heartbeat } = await start({ HEARTBEAT_URL });
  task().succeed();
  await settle();
  assertEquals(heartbeat().request.headers.authorization, `Basic ${btoa("user:p@ss")}`);
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
