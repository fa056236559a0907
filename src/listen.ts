import type { Listen } from "./ground.ts";

/** How long requests that are being answered get when the port is closed. */
const GRACE_MS = 1_000;

/** The port could not be had; the message says which and why, in one line. */
export class PortError extends Error {
  override name = "PortError";
}

/** Listens on a real port. Throws a `PortError` when it is in use or forbidden. */
export const listen: Listen = (hostname, port, handler) => {
  const connections = new AbortController();
  try {
    const { signal } = connections;
    const server = Deno.serve({ hostname, port, signal, onListen() {} }, handler);
    const { port: bound } = server.addr;
    const shown = ["0.0.0.0", "::"].includes(hostname) ? "localhost" : hostname;
    return {
      url: `http://${shown.includes(":") ? `[${shown}]` : shown}:${bound}`,
      async close() {
        const timer = setTimeout(() => connections.abort(), GRACE_MS);
        await server.shutdown();
        clearTimeout(timer);
      },
    };
  } catch (error) {
    throw new PortError(`port ${port} on ${hostname} cannot be had: ${reasonOf(error)}`);
  }
};

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) return "it is in use";
  if (error instanceof Deno.errors.AddrNotAvailable) return "this machine has no such address";
  if (error instanceof Deno.errors.PermissionDenied) return "it is not permitted";
  return error instanceof Error ? error.message : String(error);
}
