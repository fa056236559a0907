import dgram from "node:dgram";

/** The response to every query: these addresses, an error code, or none. */
export type Records = readonly string[] | "silence" | "SERVFAIL" | "NXDOMAIN";

const TYPE = { A: 1, AAAA: 28 };
const CODE = { SERVFAIL: 2, NXDOMAIN: 3 };

/** A name server with the same records for every name (RFC 1035). */
export class Nameserver implements AsyncDisposable {
  records: Records;
  #socket = dgram.createSocket("udp4");

  private constructor(records: Records) {
    this.records = records;
  }

  /** Listens on port 53 of this address. */
  static async start(address: string, records: Records): Promise<Nameserver> {
    const server = new Nameserver(records);
    const socket = server.#socket;
    socket.on("message", (query, { port, address }) => {
      const reply = server.#reply(query);
      if (reply) socket.send(reply, port, address);
    });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(53, address, resolve);
    });
    return server;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #reply(query: Uint8Array): Uint8Array | null {
    if (this.records === "silence") return null;
    const nameEnd = query.indexOf(0, 12);
    const question = query.subarray(12, nameEnd + 5);
    const [id1 = 0, id2 = 0] = query;
    const type = query[nameEnd + 2];
    const code = typeof this.records === "string" ? CODE[this.records] : 0;
    const addresses = typeof this.records === "string" ? [] : this.records
      .map(bytesOf)
      .filter(({ length }) => type === (length === 4 ? TYPE.A : TYPE.AAAA));
    const records = addresses.map((bytes) => [
      ...[0xc0, 12, 0, bytes.length === 4 ? TYPE.A : TYPE.AAAA, 0, 1],
      // A time to live of zero.
      ...[0, 0, 0, 0],
      ...[0, bytes.length, ...bytes],
    ]);
    return new Uint8Array([
      ...[id1, id2, 0x85, 0x80 | code],
      ...[0, 1, 0, records.length, 0, 0, 0, 0],
      ...question,
      ...records.flat(),
    ]);
  }
}

/** The bytes of an IPv4 address, or of an IPv6 one whose zeros are one gap. */
function bytesOf(address: string): number[] {
  if (!address.includes(":")) return address.split(".").map(Number);
  const [head = [], tail = []] = address.split("::").map((part) =>
    part.split(":").flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff])
  );
  return [...head, ...Array(16 - head.length - tail.length).fill(0), ...tail];
}
