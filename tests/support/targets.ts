/** What stands in for the platform: the emulator, and servers that go wrong in ways it cannot. */
import { NO_FAULTS } from "../../local/http_server/faults.ts";
import { type HttpServerOptions, startHttpServer } from "../../local/http_server/http_server.ts";

/** A server whose address goes into `OKDATA_API_URL`. */
export type Target = AsyncDisposable & { url: string };

/** The emulator, without faults but those that `faults` names. */
export function startEmulator({ faults, ...options }: HttpServerOptions = {}) {
  const emulator = startHttpServer({ ...options, faults: { ...NO_FAULTS, ...faults } });
  return {
    ...emulator,
    apiUrl: `${emulator.url}/metadata`,
    [Symbol.asyncDispose]: () => emulator.shutdown(),
  };
}

/** What a request asked for, kept when it is over. */
export type Seen = { method: string; path: string; query: URLSearchParams; headers: Headers };

/** Responds to a request with the dataset that it asks for, as small as one may be. */
export function respondWithDataset({ path }: Seen): Response {
  return Response.json({ Id: path.split("/").at(-1), Type: "Dataset" });
}

/**
 * An HTTP server with the responses of `respond`; `count` is the request's number, from 1. With a
 * certificate for `localhost` it has TLS.
 */
export function startServer(
  respond: (request: Seen, count: number) => Response | Promise<Response>,
  pair?: Deno.TlsCertifiedKeyPem,
): Target & { requests: Seen[] } {
  const requests: Seen[] = [];
  const stop = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen() {}, ...pair },
    ({ method, url, headers }) => {
      const { pathname: path, searchParams: query } = new URL(url);
      const seen = { method, path, query, headers: new Headers(headers) };
      return respond(seen, requests.push(seen));
    },
  );
  return {
    url: pair ? `https://localhost:${server.addr.port}` : `http://127.0.0.1:${server.addr.port}`,
    requests,
    [Symbol.asyncDispose]() {
      stop.abort();
      return server.finished;
    },
  };
}

/** A server whose responses to dataset requests wait until the test lets them go. */
export function startWaitingServer(): Target & {
  /** How many requests wait. */
  waiting(): number;
  /** Responds to the request that has waited longest. */
  release(): void;
} {
  const waiting: (() => void)[] = [];
  const server = startServer((request) =>
    new Promise((resolve) => waiting.push(() => resolve(respondWithDataset(request))))
  );
  return { ...server, waiting: () => waiting.length, release: () => waiting.shift()?.() };
}

/**
 * A server that takes connections and does with the bytes of each what `serve` says; with a
 * certificate for `localhost`, over TLS.
 */
export function startRawServer(
  serve: (connection: Deno.Conn) => Promise<void>,
  pair?: Deno.TlsCertifiedKeyPem,
): Target {
  const address = { hostname: "127.0.0.1", port: 0 };
  const listener: Deno.Listener = pair
    ? Deno.listenTls({ ...address, ...pair })
    : Deno.listen(address);
  const { port } = listener.addr as Deno.NetAddr;
  const connections: Deno.Conn[] = [];
  const accepting = accept();

  async function accept(): Promise<void> {
    for await (const connection of listener) {
      connections.push(connection);
      serve(connection).catch(() => {/* The client has gone. */});
    }
  }

  return {
    url: pair ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const connection of connections) tryToClose(connection);
    },
  };
}

/** A server that takes every connection and never responds: not even to a handshake of TLS. */
export function startSilentServer() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted: Deno.TcpConn[] = [];
  const open = new Set<Deno.TcpConn>();
  let greetings = 0;
  const accepting = (async () => {
    for await (const connection of listener) {
      accepted.push(connection);
      open.add(connection);
      void readAll(connection).catch(() => {}).finally(() => open.delete(connection));
    }
  })();

  async function readAll(connection: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(4096);
    if (await connection.read(buffer) !== null) greetings++;
    while (await connection.read(buffer) !== null);
  }

  return {
    url: `https://localhost:${listener.addr.port}`,
    /** How many connections have begun a handshake, and how many are open. */
    counts: () => ({ greetings, open: open.size }),
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const connection of accepted) connection.close();
    },
  };
}

/** The request's head, as far as it came. */
export async function readHead(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(4096);
  const decoder = new TextDecoder();
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const length = await connection.read(buffer);
    if (length === null) return head;
    head += decoder.decode(buffer.subarray(0, length), { stream: true });
  }
  return head;
}

export async function write(connection: Deno.Conn, text: string): Promise<void> {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(await connection.write(bytes));
}

/**
 * Takes one byte of the request, so that some is left unread: a system that closes such a
 * connection resets it.
 */
export async function readOneByte(connection: Deno.Conn): Promise<void> {
  await connection.read(new Uint8Array(1));
}

/** A URL of this machine that refuses connections. */
export async function refusedUrl(): Promise<string> {
  await using server = startServer(() => new Response());
  return server.url;
}

/** Responds to every other request with a dataset, and to the others with no JSON. */
export function startAlternatingServer() {
  return startServer((request, count) =>
    count % 2 === 0 ? respondWithDataset(request) : new Response("not JSON")
  );
}

/** A port that is taken for as long as the test runs. */
export function occupyPort(): Disposable & { port: number } {
  const listener = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  return { port: listener.addr.port, [Symbol.dispose]: () => listener.close() };
}

function tryToClose(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}

/** A server that responds to the first of two requests with the dataset, to the second with a 404. */
export function startFickleServer(): Target {
  return startServer((request, count) =>
    count % 2 === 1
      ? respondWithDataset(request)
      : Response.json({ message: "gone" }, { status: 404 })
  );
}
