import { type Clock, systemClock } from "../core/clock.ts";
import type { Listen } from "../runtime/runtime.ts";
import { DescriptorReserve, type OpenDescriptor } from "./descriptor_reserve.ts";
import { shedLoad } from "./load_shedding/load_shedding.ts";
import { type HttpServer, ReopeningPort } from "./reopening_port.ts";

/** The port cannot be opened, or the certificate or key is unusable; the message is one line. */
export class PortError extends Error {
  override name = "PortError";
}

/** The parts of Deno that listening needs; tests replace them. */
export type System = {
  clock: Clock;
  serve: (
    options: Deno.ServeTcpOptions | (Deno.ServeTcpOptions & Deno.TlsCertifiedKeyPem),
    handler: (request: Request) => Response | Promise<Response>,
  ) => HttpServer;
  openDescriptor: OpenDescriptor;
  /** Whether something listens there. */
  isTaken: (hostname: string, port: number) => boolean;
};

/**
 * Listens on a port of this machine and opens it again when it is lost. Throws a `PortError` when
 * the port is in use or forbidden, and when the certificate or its key is unusable.
 */
export const listen: Listen = listenWith({
  clock: systemClock,
  serve: Deno.serve,
  openDescriptor: () => Deno.openSync("/dev/null"),
  isTaken(hostname, port) {
    try {
      Deno.listen({ hostname, port }).close();
      return false;
    } catch {
      return true;
    }
  },
});

/** `listen` on another system than Deno. */
export function listenWith({ clock, serve, openDescriptor, isTaken }: System): Listen {
  return ({ host: hostname, port, tls }, handler, onChange) => {
    if (tls) checkKeyPair(tls);
    const boundedHandler = shedLoad(handler, clock);
    let pair = tls;
    const open = (number: number) =>
      serve({ hostname, port: number, ...pair, onListen() {} }, boundedHandler);
    const reserve = new DescriptorReserve(openDescriptor);
    try {
      const opened = new ReopeningPort(port, {
        clock,
        open,
        reserve,
        isTaken: (number) => isTaken(hostname, number),
        onChange,
      });
      const scheme = tls ? "https" : "http";
      return {
        url: `${scheme}://${hostInUrl(hostname)}:${opened.number}`,
        replaceTls(replacement) {
          checkKeyPair(replacement);
          pair = replacement;
          opened.reopen();
        },
        close: () => opened.close(),
      };
    } catch (error) {
      throw new PortError(`cannot listen on port ${port} of ${hostname}: ${reasonOf(error)}`);
    }
  };
}

/** How a client on this machine writes the host; IPv6 addresses need brackets. RFC 3986, 3.2.2. */
function hostInUrl(hostname: string): string {
  const host = ["0.0.0.0", "::"].includes(hostname) ? "localhost" : hostname;
  return host.includes(":") ? `[${host}]` : host;
}

/** Tries certificate and key on a port that the system chooses: no port can then be the cause. */
function checkKeyPair(pair: { cert: string; key: string }): void {
  try {
    Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...pair }).close();
  } catch (error) {
    throw new PortError(
      `TLS_CERT_FILE, TLS_KEY_FILE: expected a certificate and its key as PEM: ${reasonOf(error)}`,
    );
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) return "it is in use";
  if (error instanceof Deno.errors.AddrNotAvailable) return "this machine has no such address";
  if (error instanceof Deno.errors.PermissionDenied) return "it is not permitted";
  return error instanceof Error ? error.message : String(error);
}
