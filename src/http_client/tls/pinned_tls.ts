import { equals } from "@std/bytes/equals";
import tls from "node:tls";
import type { Connection } from "../connection/connection.ts";
import { connectionError } from "../connection/connection_error.ts";
import { RequestError } from "../errors.ts";

/**
 * Opens a TLS connection to an address whose server must present exactly this certificate (in DER),
 * trusted or not. Throws `tls` for another certificate, before anything is sent.
 */
export async function openPinnedTls(
  address: { host: string; port: number },
  certificate: Uint8Array,
  onOpen: (connection: Connection) => void,
): Promise<Connection> {
  // Deno's own TLS cannot be told to trust one certificate and no name.
  const socket = tls.connect({
    ...address,
    servername: "",
    ALPNProtocols: ["http/1.1"],
    rejectUnauthorized: false,
  });
  const connection = new SocketConnection(socket);
  onOpen(connection);
  try {
    await handshakeOf(socket);
    const presented = socket.getPeerCertificate().raw;
    if (presented && equals(presented, certificate)) return connection;
  } catch (error) {
    throw connectionError("TLS handshake", error, address.host);
  }
  throw new RequestError("tls", "the server does not present the expected certificate");
}

function handshakeOf(socket: tls.TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", () => resolve());
    socket.on("error", reject);
    socket.once("close", () => reject(new Error("the connection ended during the handshake")));
  });
}

/** A socket of node:tls as a connection. */
class SocketConnection implements Connection {
  readonly #socket: tls.TLSSocket;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #left: Uint8Array = new Uint8Array();

  constructor(socket: tls.TLSSocket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    if (this.#left.length === 0) {
      const { value, done } = await this.#chunks.next();
      if (done) return null;
      this.#left = value;
    }
    const part = this.#left.subarray(0, buffer.length);
    buffer.set(part);
    this.#left = this.#left.subarray(part.length);
    return part.length;
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
