import { type Clock, systemClock } from "../core/clock.ts";
import { quote } from "../config/values.ts";
import type { Listen } from "../runtime/runtime.ts";
import { messageOf } from "../text/error_text.ts";
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
        url: `${scheme}://${hostInUrl(hostname, opened.hostname)}:${opened.number}`,
        address: `${bracketed(opened.hostname)}:${opened.number}`,
        replaceTls(replacement) {
          checkKeyPair(replacement);
          pair = replacement;
          opened.reopen();
        },
        close: () => opened.close(),
      };
    } catch (error) {
      throw new PortError(describe(error, hostname, port));
    }
  };
}

/** How a client on this machine writes the host that is bound to `address`. */
function hostInUrl(hostname: string, address: string): string {
  return ["0.0.0.0", "::"].includes(address) ? "localhost" : bracketed(hostname);
}

/** IPv6 addresses need brackets before a port. RFC 3986, section 3.2.2. */
function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** Tries certificate and key on a port that the system chooses: no port can then be the cause. */
function checkKeyPair(pair: { cert: string; key: string }): void {
  try {
    Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...pair }).close();
  } catch (error) {
    throw new PortError(
      `TLS_CERT_FILE, TLS_KEY_FILE: expected a certificate and its key as PEM: ${messageOf(error)}`,
    );
  }
}

/** What is wrong with the host or the port, as an error of the configuration. */
function describe(error: unknown, hostname: string, port: number): string {
  const host = quote(hostname);
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return `HOST: expected an address of this machine, got ${host}`;
  }
  // Deno has no class for what getaddrinfo and bind say of a name or an address.
  if (error instanceof URIError || /lookup address|os error 22\)/.test(messageOf(error))) {
    return `HOST: expected an address of this machine or a name that stands for one, got ${host}`;
  }
  const where = `cannot listen on port ${port} of ${hostname}`;
  if (error instanceof Deno.errors.AddrInUse) return `PORT: ${where}: it is in use`;
  if (error instanceof Deno.errors.PermissionDenied) return `PORT: ${where}: it is not permitted`;
  return `${where}: ${messageOf(error)}`;
}
