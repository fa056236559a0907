import { eventuallyFetch } from "./child.ts";

type HeapUsage = { usedSize: number; backingStorageSize: number };

/**
 * Makes the process whose inspector listens on this port collect all its garbage and give back what
 * it can, and returns what its JavaScript holds on to then: objects and the bytes of its buffers.
 */
export async function collectGarbage(port: number): Promise<number> {
  const [{ webSocketDebuggerUrl }] = JSON.parse(
    await eventuallyFetch(`http://127.0.0.1:${port}/json`),
  );
  const socket = new WebSocket(webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("the inspector cannot be reached"));
  });
  // Twice, since what the first round frees may hold on to more.
  await command(socket, 1, "HeapProfiler.collectGarbage");
  await command(socket, 2, "HeapProfiler.collectGarbage");
  const usage = await command(socket, 3, "Runtime.getHeapUsage") as HeapUsage;
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
  return usage.usedSize + usage.backingStorageSize;
}

/** Sends a command of Chrome's DevTools protocol and returns its result. */
function command(socket: WebSocket, id: number, method: string): Promise<unknown> {
  return new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.id === id) resolve(message.result);
    };
    socket.send(JSON.stringify({ id, method }));
  });
}
