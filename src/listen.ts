import type { Listen } from "./ground.ts";

/** How long requests that are being answered get when the port is closed; then they are left. */
const GRACE_MS = 1_000;

/** The port could not be had; the message says which and why, in one line. */
export class PortError extends Error {
  override name = "PortError";
}

/** Listens on a real port. Throws a `PortError` when it is in use or forbidden. */
export const listen: Listen = ({ host: hostname, port }, handler) => {
  try {
    const server = Deno.serve({ hostname, port, onListen() {} }, handler);
    const { port: bound } = server.addr;
    const shown = ["0.0.0.0", "::"].includes(hostname) ? "localhost" : hostname;
    return {
      url: `http://${shown.includes(":") ? `[${shown}]` : shown}:${bound}`,
      async close() {
        let timer: ReturnType<typeof setTimeout> | undefined;
        const grace = new Promise<void>((resolve) => timer = setTimeout(resolve, GRACE_MS));
        await Promise.race([server.shutdown(), grace]);
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
