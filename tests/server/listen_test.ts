import { assert, assertEquals, assertThrows } from "@std/assert";
import { listenWith, PortError, type System } from "../../src/server/listen.ts";
import { FakeClock } from "../support/clock.ts";
import { assertHasSecurityHeaders } from "../support/server.ts";

/** A system whose descriptors and ports are told what to do. */
function fakeSystem({ descriptors = 1_000, ...given }: { descriptors?: number } = {}) {
  const clock = new FakeClock();
  const world = {
    ...{ clock, descriptors, opened: [] as number[], heard: [] as string[] },
    ...{ handler: (_: Request): Response | Promise<Response> => new Response(), hangs: false },
    fail: (_error: Error) => {},
    end: () => {},
    ...given,
  };
  const take = () => {
    if (world.descriptors === 0) throw new Error("too many open files");
    world.descriptors--;
    return { close: () => void world.descriptors++ };
  };
  const system: System = {
    clock,
    serve({ port = 0 }, handler) {
      const own = take();
      world.opened.push(port);
      world.handler = handler;
      const { promise: finished, resolve, reject } = Promise.withResolvers<void>();
      world.fail = (error) => {
        own.close();
        reject(error);
      };
      world.end = () => {
        own.close();
        resolve();
      };
      return {
        addr: { transport: "tcp", hostname: "127.0.0.1", port: port || 4321 },
        finished,
        shutdown: () =>
          world.hangs ? new Promise(() => {}) : Promise.resolve(own.close()).then(resolve),
      };
    },
    openDescriptor: take,
  };
  const open = (port = 0) =>
    listenWith(system)(
      { host: "127.0.0.1", port, tls: null },
      () => new Response("answer"),
      (error) => world.heard.push(error instanceof Error ? error.message : "back"),
    );
  return { world, clock, open };
}

Deno.test("a port that is lost is opened again, and both are told once", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  assertEquals(listener.url, "http://127.0.0.1:4321");
  assertEquals(world.descriptors, 1_000 - 16 - 1);
  world.fail(new Error("too many open files"));
  await clock.run(0);
  assertEquals([world.heard, world.descriptors], [["too many open files"], 1_000]);
  await clock.run(99);
  assertEquals(world.opened, [0]);
  await clock.run(1);
  assertEquals([world.opened, world.heard], [[0, 4321], ["too many open files"]]);
  await clock.run(4_999);
  assertEquals(world.heard, ["too many open files"]);
  await clock.run(1);
  assertEquals(world.heard, ["too many open files", "back"]);
  const answer = await world.handler(new Request("http://x/healthz"));
  assertEquals(await answer.text(), "answer");
  await listener.close();
  assertEquals([world.descriptors, clock.waiting], [1_000, 0]);
});

Deno.test("a port that ends without an error is opened again too", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  world.end();
  await clock.run(100);
  assertEquals([world.opened, world.heard], [[0, 4321], ["the port was closed by nobody"]]);
  await listener.close();
  assertEquals([world.descriptors, clock.waiting], [1_000, 0]);
});

Deno.test("while there are too few descriptors the probe has all of them, and the port waits", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  world.fail(new Error("too many open files"));
  await clock.run(0);
  // Strangers hold all but these, of which the port and those held back would leave too few.
  world.descriptors = 32;
  const left: number[] = [];
  for (let second = 0; second < 60; second++) {
    await clock.run(1_000);
    left.push(world.descriptors);
  }
  assertEquals(new Set(left), new Set([32]));
  assertEquals([world.opened, world.heard], [[0], ["too many open files"]]);
  world.descriptors = 33;
  await clock.run(5_000);
  assertEquals([world.opened, world.descriptors], [[0, 4321], 33 - 16 - 1]);
  await listener.close();
});

Deno.test("a port that has let in just as many as there are descriptors is closed", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  world.descriptors = 1;
  await clock.run(10_000);
  assertEquals([world.heard, world.descriptors], [[], 1]);
  world.descriptors = 0;
  await clock.run(5_000);
  assertEquals([world.heard, world.descriptors], [["too many open files"], 16 + 1]);
  await clock.run(10_000);
  assertEquals(world.opened, [0]);
  world.descriptors = 1_000;
  await clock.run(10_000);
  assertEquals([world.opened, world.heard], [[0, 4321], ["too many open files", "back"]]);
  await listener.close();
});

Deno.test("a port that is lost again and again is opened ever more seldom, at 5 s at most", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  const gaps: number[] = [];
  for (let nth = 0; nth < 8; nth++) {
    const sinceMs = clock.monotonic();
    const opened = world.opened.length;
    world.fail(new Error("too many open files"));
    while (world.opened.length === opened) await clock.run(100);
    gaps.push(clock.monotonic() - sinceMs);
  }
  assertEquals(gaps, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  assertEquals(world.heard, ["too many open files"]);
  // Proven, it begins anew.
  await clock.run(5_000);
  world.fail(new Error("lost again"));
  await clock.run(100);
  assertEquals(world.opened.length, 10);
  assertEquals(world.heard, ["too many open files", "back", "lost again"]);
  await listener.close();
});

Deno.test("a port that is closed stays closed, whatever comes of it", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  await listener.close();
  world.fail(new Error("closed"));
  await clock.run(60_000);
  assertEquals([world.opened, world.heard], [[0], []]);

  const lost = fakeSystem();
  const other = lost.open();
  lost.world.fail(new Error("lost"));
  await lost.clock.run(0);
  await other.close();
  await lost.clock.run(60_000);
  assertEquals([lost.world.opened, lost.world.heard], [[0], ["lost"]]);
});

Deno.test("who is sent away hears so under the headers of every answer", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  const asked = Array.from({ length: 300 }, () => world.handler(new Request("http://x/metrics")));
  await clock.run(0);
  const answers = await Promise.all(asked);
  const sentAway = answers.filter(({ status }) => status === 503);
  assert(sentAway.length > 50 && sentAway.length < 150, `${sentAway.length}`);
  for (const answer of sentAway) {
    assertEquals(await answer.json(), { error: "too many requests at once" });
    assertHasSecurityHeaders(answer);
  }
  await listener.close();
});

Deno.test("requests that hang hold the end up for a second", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  world.hangs = true;
  let isClosed = false;
  const closed = listener.close().then(() => isClosed = true);
  await clock.run(999);
  assertEquals(isClosed, false);
  await clock.run(1);
  await closed;
  assertEquals(clock.waiting, 0);
});

Deno.test("too few descriptors at the start: no port, said in one line, nothing kept", () => {
  const { world, open } = fakeSystem({ descriptors: 10 });
  assertThrows(
    () => open(8000),
    PortError,
    "port 8000 on 127.0.0.1 cannot be had: too many open files",
  );
  assertEquals(world.descriptors, 10);
});
