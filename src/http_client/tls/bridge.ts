import { tryToClose, writeAll } from "../connection/connection.ts";

const BUFFER_BYTES = 16 * 1024;

/**
 * Puts a connection of this machine before another one: what is written to `near` is sent on `far`,
 * and the other way round. When the one ends, so does the other. `cut` ends both at once, whoever
 * uses them.
 */
export type Bridge = { near: Deno.TcpConn; cut: () => void };

/** Opens a bridge to `far`, which belongs to it from then on. Rejects with the system's error. */
export async function openBridge(far: Deno.TcpConn): Promise<Bridge> {
  const [near, middle] = await connectToSelf();
  const cut = () => {
    for (const each of [near, middle, far]) tryToClose(each);
  };
  try {
    far.setNoDelay(true);
    middle.setNoDelay(true);
  } catch (error) {
    // It was closed meanwhile.
    cut();
    throw error;
  }
  void Promise.all([pump(middle, far), pump(far, middle)]).then(cut, cut);
  return { near, cut };
}

/** Two ends of one connection. */
async function connectToSelf(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const accepting = listener.accept();
  // When the connection fails, nobody waits for what closing the listener rejects.
  accepting.catch(() => {});
  const near = await Deno.connect({ hostname: "127.0.0.1", port });
  const middle = await accepting.catch((error) => {
    tryToClose(near);
    throw error;
  });
  // Another process of this machine may have been faster.
  if (middle.remoteAddr.port === near.localAddr.port) return [near, middle];
  for (const each of [near, middle]) tryToClose(each);
  throw new Error("another process has connected to a port of the probe");
}

/** Copies bytes until the end of `from`, and then ends `to` in that direction. */
async function pump(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
    await writeAll(to, buffer.subarray(0, count));
  }
  await to.closeWrite();
}
