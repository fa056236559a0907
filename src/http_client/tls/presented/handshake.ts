import { concat } from "@std/bytes/concat";
import type { Connection } from "../../connection/connection.ts";
import { ByteReader } from "./byte_reader.ts";
import { encodeClientHello } from "./client_hello.ts";
import { createDecryption, createKeyShare, type Decrypt } from "./record_decryption.ts";

/** What a server shows in its part of a handshake. */
export type ServerHandshake = {
  /** Certificates in DER, the server's own first. */
  certificates: Uint8Array[];
  /** Whether the server asks for a certificate of the client. */
  asksForCertificate: boolean;
};

/** A server may send long chains, but not an endless handshake. */
const MAX_HANDSHAKE_BYTES = 256 * 1024;

const RECORD = { alert: 21, handshake: 22, encrypted: 23 };
const MESSAGE = { serverHello: 2, certificate: 11, certificateRequest: 13, serverHelloDone: 14 };
const EXTENSION = { supportedVersions: 43, keyShare: 51 };
const TLS_1_3 = 0x0304;

/** What a server says in place of `random` when it wants another key share. RFC 8446, 4.1.3. */
const RETRY_RANDOM = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";

/**
 * Begins a TLS handshake and reads the server's certificates, whatever they are worth: nothing is
 * verified, nothing is sent, and the handshake is not completed. Deno's own TLS does not show the
 * certificates, and its node:tls shows the first one alone in some versions. Throws when the server
 * does not speak TLS 1.2 or 1.3, or refuses with an alert.
 */
export async function readServerHandshake(
  connection: Connection,
  serverName: string | null,
): Promise<ServerHandshake> {
  const { publicKey, privateKey } = await createKeyShare();
  // As random as the key itself, and no secret depends on it.
  const random = publicKey.subarray(1, 33);
  const clientHello = encodeClientHello({ serverName, random, publicKey });
  const header = Uint8Array.of(RECORD.handshake, 3, 1, clientHello.length >> 8, clientHello.length);
  await writeAll(connection, concat([header, clientHello]));

  const found: ServerHandshake = { certificates: [], asksForCertificate: false };
  const records = new RecordReader(connection);
  let isTls13 = false;
  for await (const { type, bytes } of records.messages()) {
    const reader = new ByteReader(bytes.subarray(4));
    if (type === MESSAGE.serverHello) {
      const serverKey = readServerHello(reader);
      isTls13 = serverKey !== null;
      if (!serverKey) continue;
      const transcript = concat([clientHello, bytes]);
      records.decrypt = await createDecryption(privateKey, serverKey, transcript);
    } else if (type === MESSAGE.certificateRequest) {
      found.asksForCertificate = true;
    } else if (type === MESSAGE.certificate) {
      found.certificates = readCertificates(reader, isTls13);
      // In TLS 1.3 a request for the client's certificate has come before; in 1.2 it follows.
      if (isTls13) break;
    } else if (type === MESSAGE.serverHelloDone) {
      break;
    }
  }
  return found;
}

/** The server's key share for TLS 1.3, null for TLS 1.2. RFC 8446, section 4.1.3. */
function readServerHello(reader: ByteReader): Uint8Array | null {
  reader.number(2);
  const random = reader.bytes(32);
  reader.vector(1);
  reader.number(2);
  reader.number(1);
  if (reader.isAtEnd) return null;
  if (toHex(random) === RETRY_RANDOM) throw new Error("the server supports no secp256r1");
  const extensions = new ByteReader(reader.vector(2));
  let version = 0;
  let key: Uint8Array | null = null;
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const data = new ByteReader(extensions.vector(2));
    if (type === EXTENSION.supportedVersions) version = data.number(2);
    if (type === EXTENSION.keyShare) {
      data.number(2);
      key = data.vector(2);
    }
  }
  return version === TLS_1_3 ? key : null;
}

/** RFC 8446, section 4.4.2, and RFC 5246, section 7.4.2. */
function readCertificates(reader: ByteReader, isTls13: boolean): Uint8Array[] {
  if (isTls13) reader.vector(1);
  const list = new ByteReader(reader.vector(3));
  const certificates: Uint8Array[] = [];
  while (!list.isAtEnd) {
    certificates.push(list.vector(3).slice());
    if (isTls13) list.vector(2);
  }
  return certificates;
}

/** Reads records, and from them messages, which may span records. RFC 8446, section 5.1. */
class RecordReader {
  /** For what the server sends encrypted, as soon as it is known. */
  decrypt: Decrypt | null = null;
  readonly #connection: Connection;
  #unread: Uint8Array = new Uint8Array();
  #total = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async *messages(): AsyncGenerator<{ type: number; bytes: Uint8Array }> {
    let pending: Uint8Array = new Uint8Array();
    for (;;) {
      while (pending.length >= 4) {
        const reader = new ByteReader(pending);
        const type = reader.number(1);
        const length = reader.number(3);
        if (length > MAX_HANDSHAKE_BYTES) throw new Error("the server's handshake is too long");
        if (pending.length < 4 + length) break;
        const bytes = pending.subarray(0, 4 + length);
        pending = pending.subarray(4 + length);
        yield { type, bytes };
      }
      pending = concat([pending, await this.#nextHandshakeBytes()]);
    }
  }

  async #nextHandshakeBytes(): Promise<Uint8Array> {
    for (;;) {
      const header = await this.#read(5);
      const [type = 0, major = 0] = header;
      if (major !== 3 || type < 20 || type > 24) throw new Error("the server does not speak TLS");
      const body = await this.#read(new ByteReader(header.subarray(3)).number(2));
      if (type === RECORD.handshake) return body;
      if (type === RECORD.alert) throw new Error(`the server refuses with alert ${body[1]}`);
      if (type !== RECORD.encrypted || !this.decrypt) continue;
      const plain = await this.decrypt(header, body);
      // The type follows the content, and padding of zeros may follow the type.
      const end = plain.findLastIndex((byte) => byte !== 0);
      if (plain[end] === RECORD.handshake) return plain.subarray(0, end);
      if (plain[end] === RECORD.alert) throw new Error(`the server refuses with alert ${plain[1]}`);
    }
  }

  async #read(length: number): Promise<Uint8Array> {
    this.#total += length;
    if (this.#total > MAX_HANDSHAKE_BYTES) throw new Error("the server's handshake is too long");
    const buffer = new Uint8Array(4096);
    while (this.#unread.length < length) {
      const count = await this.#connection.read(buffer);
      if (count === null) throw new Error("the connection ended during the handshake");
      this.#unread = concat([this.#unread, buffer.subarray(0, count)]);
    }
    const bytes = this.#unread.subarray(0, length);
    this.#unread = this.#unread.subarray(length);
    return bytes;
  }
}

async function writeAll(connection: Connection, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await connection.write(rest));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
