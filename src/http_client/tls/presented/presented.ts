import { isIP } from "node:net";
import type { Clock } from "../../../core/clock.ts";
import { formatAddress, hostOf, portOf, withoutFinalDot } from "../../connection/address.ts";
import { connectToAny } from "../../connection/connect.ts";
import type { ProxyFor } from "../../connection/proxy.ts";
import type { Lookup } from "../../connection/resolve.ts";
import { openTunnel } from "../../connection/tunnel.ts";
import { parseCertificate, type Presented } from "./certificate.ts";
import { readServerHandshake } from "./handshake.ts";

/**
 * What the host of an https URL presents, trusted or not, on a connection of its own, by way of the
 * proxy if there is one. Rejects when there is no TLS there, and when the signal aborts.
 */
export type ReadPresented = (url: URL, signal: AbortSignal) => Promise<Presented>;

export function createPresentedReader(
  { clock, resolve, proxyFor }: { clock: Clock; resolve: Lookup; proxyFor: ProxyFor },
): ReadPresented {
  return async (url, signal) => {
    const host = hostOf(url);
    const port = portOf(url);
    const proxy = proxyFor(url);
    const peer = proxy ?? { host, port };
    const addresses = isIP(peer.host) === 0 ? await resolve(peer.host) : [peer.host];
    signal.throwIfAborted();
    const connection = await connectToAny(addresses, peer.port, { clock, signal });
    // Closing ends whatever is pending on the connection.
    const close = () => connection.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      if (proxy) await openTunnel(connection, proxy, formatAddress(host, port), clock);
      const found = await readServerHandshake(
        connection,
        isIP(host) === 0 ? withoutFinalDot(host) : null,
      );
      return { ...found, certificates: found.certificates.map(parseCertificate) };
    } finally {
      signal.removeEventListener("abort", close);
      if (!signal.aborted) close();
    }
  };
}
