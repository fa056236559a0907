import dgram from "node:dgram";

/** What the nameserver says of every name: its addresses, that something is wrong, or nothing. */
export type Answers = readonly string[] | "silence" | "SERVFAIL" | "NXDOMAIN";

const TYPE = { A: 1, AAAA: 28 };
const CODE = { SERVFAIL: 2, NXDOMAIN: 3 };

/** A nameserver that knows one answer to all questions. RFC 1035. */
export class Nameserver implements AsyncDisposable {
  answers: Answers;
  #socket = dgram.createSocket("udp4");

  private constructor(answers: Answers) {
    this.answers = answers;
  }

  /** Listens where a system's resolver asks. */
  static async start(address: string, answers: Answers): Promise<Nameserver> {
    const server = new Nameserver(answers);
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
    if (this.answers === "silence") return null;
    const nameEnd = query.indexOf(0, 12);
    const question = query.subarray(12, nameEnd + 5);
    const type = query[nameEnd + 2];
    const code = typeof this.answers === "string" ? CODE[this.answers] : 0;
    const addresses = typeof this.answers === "string" ? [] : this.answers
      .map(bytesOf)
      .filter(({ length }) => type === (length === 4 ? TYPE.A : TYPE.AAAA));
    const records = addresses.flatMap((bytes) => [
      ...[0xc0, 12, 0, type, 0, 1],
      // Good for no time at all.
      ...[0, 0, 0, 0],
      ...[0, bytes.length, ...bytes],
    ]);
    return new Uint8Array([
      ...[query[0], query[1], 0x85, 0x80 | code],
      ...[0, 1, 0, addresses.length, 0, 0, 0, 0],
      ...question,
      ...records,
    ]);
  }
}

/** The bytes of an IPv4 address, or of an IPv6 one whose zeros are one gap. */
function bytesOf(address: string): number[] {
  if (!address.includes(":")) return address.split(".").map(Number);
  const [head, tail] = address.split("::").map((part) =>
    part.split(":").flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff])
  );
  return [...head, ...Array(16 - head.length - tail.length).fill(0), ...tail];
}
