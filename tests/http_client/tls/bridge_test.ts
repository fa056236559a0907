import { assertRejects, assertThrows } from "@std/assert";
import { openBridge } from "../../../src/http_client/tls/bridge.ts";

const EXHAUSTED = new Error("Too many open files (os error 24)");

/** A connection as it is when a bridge is put before it. */
async function connected(): Promise<Deno.TcpConn> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const far = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  (await listener.accept()).close();
  return far;
}

Deno.test("a bridge that cannot connect to this machine rejects with the system's error", async () => {
  using far = await connected();
  const { connect } = Deno;
  try {
    Object.assign(Deno, { connect: () => Promise.reject(EXHAUSTED) });
    await assertRejects(() => openBridge(far), Error, EXHAUSTED.message);
  } finally {
    Object.assign(Deno, { connect });
  }
});

Deno.test("a bridge whose other end is not accepted rejects, and closes its own end", async () => {
  using far = await connected();
  const { connect, listen } = Deno;
  let near: Deno.Conn | null = null;
  try {
    Object.assign(Deno, {
      connect: async (options: Deno.ConnectOptions) => near = await connect(options),
      listen: (options: Deno.TcpListenOptions) =>
        Object.assign(listen(options), { accept: () => Promise.reject(EXHAUSTED) }),
    });
    await assertRejects(
      () => openBridge(far),
      Error,
      EXHAUSTED.message,
    );
  } finally {
    Object.assign(Deno, { connect, listen });
  }
  assertThrows(() => near?.close(), Deno.errors.BadResource);
});
