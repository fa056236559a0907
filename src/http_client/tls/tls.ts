import type { Clock } from "../../core/clock.ts";
import { withoutFinalDot } from "../connection/address.ts";
import type { Connection } from "../connection/connection.ts";
import { connectionError } from "../connection/connection_error.ts";
import { openBridge } from "./bridge.ts";
import { PacedClosing } from "./paced_closing.ts";

/** HTTP/1.1 is all that the probe speaks. RFC 7301. */
const ALPN_PROTOCOLS = ["http/1.1"];

/**
 * How many handshakes may be under way on their own sockets. Deno cannot give up a handshake: it keeps
 * the socket of one until the server responds or ends the connection, which a server that hangs never
 * does. Further ones are made through a bridge that can be cut, which takes a little longer.
 */
const MAX_HANDSHAKES = 32;

/** All TLS connections that the process makes. */
export class TlsClient {
  readonly #closing: PacedClosing;
  #handshakes = 0;

  constructor(clock: Clock) {
    this.#closing = new PacedClosing(clock);
  }

  /** How many connections wait to be closed. */
  get closing(): number {
    return this.#closing.waiting;
  }

  /**
   * Makes a connection secure; the server must present a trusted certificate for `host`. `onOpen` gets
   * the secure connection before the handshake, so that it can be closed meanwhile. Throws `tls`, or
   * `reset` when the connection ends.
   */
  async start(
    tcp: Deno.TcpConn,
    host: string,
    onOpen: (connection: Connection) => void,
  ): Promise<Connection> {
    // With Nagle's algorithm each handshake waits 40 ms for a delayed acknowledgement.
    tcp.setNoDelay(true);
    const mayWait = this.#handshakes < MAX_HANDSHAKES;
    // Before anything is waited for: many connections may be made in one turn of the event loop.
    if (mayWait) this.#handshakes++;
    // Where this machine may not connect to itself, a socket that stays is the lesser evil.
    const bridge = mayWait ? null : await openBridge(tcp).catch(() => null);
    if (!mayWait && !bridge) this.#handshakes++;
    const release = () => {
      if (!bridge) this.#handshakes--;
    };
    try {
      const tls = await startTls(bridge?.near ?? tcp, host).catch((error) => {
        release();
        throw error;
      });
      const handshake = tls.handshake().finally(release);
      let isOpen = true;
      const connection: Connection = {
        read: (buffer) => tls.read(buffer),
        write: (bytes) => tls.write(bytes),
        close: () => {
          if (!isOpen) return;
          isOpen = false;
          bridge?.cut();
          // Deno would keep the socket all the same, and nobody would know.
          void handshake.catch(() => {}).then(() => this.#closing.close(tls));
        },
      };
      onOpen(connection);
      await handshake;
      return connection;
    } catch (error) {
      throw connectionError("TLS handshake", error, host);
    }
  }
}

function startTls(connection: Deno.TcpConn, host: string): Promise<Deno.TlsConn> {
  return Deno.startTls(connection, {
    hostname: withoutFinalDot(host),
    alpnProtocols: ALPN_PROTOCOLS,
  });
}
