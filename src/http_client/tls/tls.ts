import { withoutFinalDot } from "../connection/address.ts";
import type { Connection } from "../connection/connection.ts";
import { connectionError } from "../connection/connection_error.ts";
import type { PacedClosing } from "./paced_closing.ts";

/** HTTP/1.1 is all that the probe speaks. RFC 7301. */
const ALPN_PROTOCOLS = ["http/1.1"];

/**
 * Makes a connection secure; the server must present a trusted certificate for `host`. `onOpen` gets
 * the secure connection before the handshake, so that it can be closed meanwhile. It is closed by
 * `closing`. Throws `tls`, or `reset` when the connection ends.
 */
export async function startTls(
  tcp: Deno.TcpConn,
  host: string,
  onOpen: (connection: Connection) => void,
  closing: PacedClosing,
): Promise<Connection> {
  // With Nagle's algorithm each handshake waits 40 ms for a delayed acknowledgement.
  tcp.setNoDelay(true);
  try {
    const hostname = withoutFinalDot(host);
    const tls = await Deno.startTls(tcp, { hostname, alpnProtocols: ALPN_PROTOCOLS });
    let isOpen = true;
    const connection: Connection = {
      read: (buffer) => tls.read(buffer),
      write: (bytes) => tls.write(bytes),
      close() {
        if (isOpen) closing.close(tls);
        isOpen = false;
      },
    };
    onOpen(connection);
    await tls.handshake();
    return connection;
  } catch (error) {
    throw connectionError("TLS handshake", error, host);
  }
}
