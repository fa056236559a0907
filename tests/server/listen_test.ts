import { assert, assertEquals, assertThrows } from "@std/assert";
import { listenWith, PortError, type System } from "../../src/server/listen.ts";
import { createSelfSigned } from "../support/certificates.ts";
import { FakeClock } from "../support/clock.ts";
import { assertHasSecurityHeaders } from "../support/server.ts";

/** A system whose descriptors are counted, and whose port fails when a test says so. */
function fakeSystem({ descriptors = 1_000, ...given }: { descriptors?: number } = {}) {
  const clock = new FakeClock();
  const world = {
    clock,
    descriptors,
    opened: [] as number[],
    changes: [] as string[],
    handler: (_: Request): Response | Promise<Response> => new Response(),
    hangs: false,
    busy: false,
    certificates: [] as string[],
    /** Whether the port is closed and nobody says so. */
    isSilentlyClosed: false,
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
    serve({ port = 0, ...options }, handler) {
      if (world.busy) throw new Deno.errors.AddrInUse("Address already in use");
      const own = take();
      if ("cert" in options) world.certificates.push(String(options.cert));
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
    isTaken: () => !world.isSilentlyClosed,
  };
  const open = (port = 0, tls: { cert: string; key: string } | null = null) =>
    listenWith(system)(
      { host: "127.0.0.1", port, tls },
      () => new Response("body"),
      (error) => world.changes.push(error instanceof Error ? error.message : "back"),
    );
  return { world, clock, open };
}

Deno.test("listen opens a lost port again, and reports the loss and the recovery once", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  assertEquals(listener.url, "http://127.0.0.1:4321");
  assertEquals(world.descriptors, 1_000 - 16 - 1);
  world.fail(new Error("too many open files"));
  await clock.run(0);
  assertEquals([world.changes, world.descriptors], [["too many open files"], 1_000]);
  await clock.run(99);
  assertEquals(world.opened, [0]);
  await clock.run(1);
  assertEquals([world.opened, world.changes], [[0, 4321], ["too many open files"]]);
  await clock.run(4_999);
  assertEquals(world.changes, ["too many open files"]);
  await clock.run(1);
  assertEquals(world.changes, ["too many open files", "back"]);
  const response = await world.handler(new Request("http://x/healthz"));
  assertEquals(await response.text(), "body");
  await listener.close();
  assertEquals([world.descriptors, clock.waiting], [1_000, 0]);
});

Deno.test("listen opens a port again that was closed without an error", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  world.end();
  await clock.run(100);
  assertEquals([world.opened, world.changes], [[0, 4321], ["the port was closed unexpectedly"]]);
  await listener.close();
  assertEquals([world.descriptors, clock.waiting], [1_000, 0]);
});

Deno.test("listen finds within 5 s that a port is closed whose server says nothing", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  await clock.run(10_000);
  assertEquals(world.changes, []);
  world.isSilentlyClosed = true;
  await clock.run(5_000);
  assertEquals(world.changes, ["the port was closed unexpectedly"]);
  world.isSilentlyClosed = false;
  await clock.run(10_000);
  assertEquals([world.opened, world.changes.at(-1)], [[0, 4321], "back"]);
  await listener.close();
});

Deno.test("listen leaves all descriptors to the probe while too few are free for the port", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  world.fail(new Error("too many open files"));
  await clock.run(0);
  // One fewer than the reserve, as many again, and the port need.
  world.descriptors = 32;
  const left: number[] = [];
  for (let second = 0; second < 60; second++) {
    await clock.run(1_000);
    left.push(world.descriptors);
  }
  assertEquals(new Set(left), new Set([32]));
  assertEquals([world.opened, world.changes], [[0], ["too many open files"]]);
  world.descriptors = 33;
  await clock.run(5_000);
  assertEquals([world.opened, world.descriptors], [[0, 4321], 33 - 16 - 1]);
  await listener.close();
});

Deno.test("listen closes a port whose connections occupy every descriptor", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  world.descriptors = 1;
  await clock.run(10_000);
  assertEquals([world.changes, world.descriptors], [[], 1]);
  world.descriptors = 0;
  await clock.run(5_000);
  assertEquals([world.changes, world.descriptors], [["too many open files"], 16 + 1]);
  await clock.run(10_000);
  assertEquals(world.opened, [0]);
  world.descriptors = 1_000;
  await clock.run(10_000);
  assertEquals([world.opened, world.changes], [[0, 4321], ["too many open files", "back"]]);
  await listener.close();
});

Deno.test("listen opens a port that is lost repeatedly after growing delays of at most 5 s", async () => {
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
  assertEquals(world.changes, ["too many open files"]);
  // A port that stays open for 5 s has recovered: the delays start again.
  await clock.run(5_000);
  world.fail(new Error("lost again"));
  await clock.run(100);
  assertEquals(world.opened.length, 10);
  assertEquals(world.changes, ["too many open files", "back", "lost again"]);
  await listener.close();
});

Deno.test("listen does not open a port again that was closed, whether it was lost before or after", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  await listener.close();
  world.fail(new Error("closed"));
  await clock.run(60_000);
  assertEquals([world.opened, world.changes], [[0], []]);

  const lost = fakeSystem();
  const other = lost.open();
  lost.world.fail(new Error("lost"));
  await lost.clock.run(0);
  await other.close();
  await lost.clock.run(60_000);
  assertEquals([lost.world.opened, lost.world.changes], [[0], ["lost"]]);
});

Deno.test("listen refuses a crowd with 503 and the security headers", async () => {
  const { world, clock, open } = fakeSystem();
  const listener = open();
  const requests = Array.from(
    { length: 300 },
    () => world.handler(new Request("http://x/metrics")),
  );
  await clock.run(0);
  const responses = await Promise.all(requests);
  const refused = responses.filter(({ status }) => status === 503);
  assert(refused.length > 50 && refused.length < 150, `${refused.length} requests were refused`);
  for (const response of refused) {
    assertEquals(await response.json(), { error: "too many concurrent requests" });
    assertHasSecurityHeaders(response);
  }
  await listener.close();
});

Deno.test("listen waits a second for requests in progress when it closes", async () => {
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

Deno.test("listen throws a PortError and holds no descriptor when too few are free at the start", () => {
  const { world, open } = fakeSystem({ descriptors: 10 });
  assertThrows(
    () => open(8000),
    PortError,
    "cannot listen on port 8000 of 127.0.0.1: too many open files",
  );
  assertEquals(world.descriptors, 10);
});

Deno.test("listen serves another certificate on the same port at once, without a report", async () => {
  const { world, clock, open } = fakeSystem();
  const [first, second] = [await createSelfSigned("a.test"), await createSelfSigned("b.test")];
  const listener = open(0, first);
  listener.replaceTls(second);
  assertEquals(world.opened, [0, 4321]);
  await clock.run(60_000);
  assertEquals([world.certificates, world.changes], [[first.cert, second.cert], []]);
  assertEquals(world.descriptors, 1_000 - 16 - 1);
  await listener.close();
  assertEquals([world.descriptors, clock.waiting], [1_000, 0]);
});

Deno.test("listen tries again when the port is not free yet for another certificate", async () => {
  const { world, clock, open } = fakeSystem();
  const [first, second] = [await createSelfSigned("a.test"), await createSelfSigned("b.test")];
  const listener = open(0, first);
  world.busy = true;
  listener.replaceTls(second);
  await clock.run(50);
  world.busy = false;
  await clock.run(50);
  assertEquals([world.certificates, world.changes], [[first.cert, second.cert], []]);
  await listener.close();
});

Deno.test("listen reports a port that stays taken after it was closed for another certificate", async () => {
  const { world, clock, open } = fakeSystem();
  const [first, second] = [await createSelfSigned("a.test"), await createSelfSigned("b.test")];
  const listener = open(0, first);
  world.busy = true;
  listener.replaceTls(second);
  await clock.run(999);
  assertEquals(world.changes, []);
  await clock.run(1_000);
  assertEquals(world.changes, ["Address already in use"]);
  world.busy = false;
  await clock.run(10_000);
  assertEquals(world.certificates, [first.cert, second.cert]);
  assertEquals(world.changes, ["Address already in use", "back"]);
  await listener.close();
});

Deno.test("listen keeps the certificate when the other one does not fit its key", async () => {
  const { world, open } = fakeSystem();
  const [first, second] = [await createSelfSigned("a.test"), await createSelfSigned("b.test")];
  const listener = open(0, first);
  assertThrows(() => listener.replaceTls({ cert: second.cert, key: first.key }), PortError);
  assertEquals([world.opened, world.certificates], [[0], [first.cert]]);
  await listener.close();
});
