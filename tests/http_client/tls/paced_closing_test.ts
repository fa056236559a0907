import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { MAX_CLOSED_PER_SECOND, PacedClosing } from "../../../src/http_client/tls/paced_closing.ts";
import { createAuthority } from "../../support/certificates.ts";
import { FakeClock } from "../../support/clock.ts";
import { eventually } from "../../support/program.ts";

/** How many connections Deno may keep at once, and for how long it keeps one. */
const [MAX_HELD, HELD_MS] = [24, 100];

Deno.test("PacedClosing closes a few connections at once", () => {
  const clock = new FakeClock();
  const closing = new PacedClosing(clock);
  let closed = 0;
  for (let nth = 0; nth < MAX_HELD; nth++) closing.close({ close: () => closed++ });
  assertEquals([closed, closing.waiting, clock.waiting], [MAX_HELD, 0, 0]);
});

Deno.test("PacedClosing closes all in order, and never more at once than the runtime can hold", async () => {
  const pauses = fc.array(fc.nat({ max: 60 }), { maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(pauses, fc.nat({ max: 99 }), async (pausesMs, failing) => {
      const clock = new FakeClock();
      const closing = new PacedClosing(clock);
      const closed: { nth: number; atMs: number }[] = [];
      for (const [nth, pauseMs] of pausesMs.entries()) {
        closing.close({
          close() {
            closed.push({ nth, atMs: clock.monotonic() });
            if (nth === failing) throw new Deno.errors.BadResource("it is closed already");
          },
        });
        assertEquals(closed.length + closing.waiting, nth + 1);
        await clock.run(pauseMs);
      }
      await clock.run(pausesMs.length * HELD_MS);
      assertEquals(closed.map(({ nth }) => nth), [...pausesMs.keys()]);
      for (const { atMs } of closed) {
        const held = closed.filter((other) => other.atMs <= atMs && atMs < other.atMs + HELD_MS);
        assert(held.length <= MAX_HELD, `${held.length} at once`);
      }
      assertEquals([closing.waiting, clock.waiting], [0, 0]);
    }),
  );
});

Deno.test("PacedClosing keeps up with as many a second as it says", async () => {
  const clock = new FakeClock();
  const closing = new PacedClosing(clock);
  for (let nth = 0; nth < 10 * MAX_CLOSED_PER_SECOND; nth++) {
    closing.close({ close() {} });
    await clock.run(1e3 / MAX_CLOSED_PER_SECOND);
  }
  assert(closing.waiting <= 1, `${closing.waiting} wait`);
});

Deno.test({
  name: "Deno keeps the socket of a TLS 1.3 client when it is closed: else PacedClosing can go",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { pem, issue } = await createAuthority();
    const pair = await issue("127.0.0.1");
    using listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...pair });
    const { port } = listener.addr as Deno.NetAddr;
    const sockets = () =>
      [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => {
        try {
          return Deno.readLinkSync(`/proc/self/fd/${name}`).startsWith("socket:");
        } catch {
          return false;
        }
      }).length;
    await eventually("a socket is seen after its end", async () => {
      const accepted = listener.accept();
      const client = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [pem] });
      using server = await accepted;
      await Promise.all([client.handshake(), server.handshake()]);
      const open = sockets();
      client.close();
      // The server sees the end when the runtime has done all but to close the socket.
      while (await server.read(new Uint8Array(1)) !== null);
      await new Promise((resolve) => setTimeout(resolve, HELD_MS / 4));
      return sockets() === open;
    });
  },
});
