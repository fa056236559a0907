import { eventuallyFetch } from "./child.ts";

/**
 * Makes the process whose inspector listens on this port collect all its garbage, and give back
 * what it can: what a run leaves behind takes far more memory, and varies more, than what is kept.
 */
export async function collectGarbage(port: number): Promise<void> {
  const [{ webSocketDebuggerUrl }] = JSON.parse(
    await eventuallyFetch(`http://127.0.0.1:${port}/json`),
  );
  const socket = new WebSocket(webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("the inspector cannot be reached"));
  });
  // Twice, since what the first round frees may hold on to more.
  for (const id of [1, 2]) await command(socket, id, "HeapProfiler.collectGarbage");
  socket.close();
}

/** Sends a command of Chrome's DevTools protocol and waits for its answer. */
function command(socket: WebSocket, id: number, method: string): Promise<void> {
  return new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      if (JSON.parse(data).id === id) resolve();
    };
    socket.send(JSON.stringify({ id, method }));
  });
}
