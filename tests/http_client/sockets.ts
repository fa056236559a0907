/** One exchange over real sockets, and servers that respond as a test says. */
import { assert } from "@std/assert";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import type { TaskExecution } from "../../src/core/task.ts";
import { RequestError } from "../../src/http_client/errors.ts";
import { createExchange } from "../../src/http_client/exchange.ts";
import { TlsClient } from "../../src/http_client/tls/tls.ts";
import {
  createResolver,
  type Lookup,
  systemLookup,
} from "../../src/http_client/connection/resolve.ts";
import { createClient } from "../../src/okdata/client.ts";

export const DATASET = JSON.stringify({ Type: "Dataset", Id: "abc123" });

/** An exchange over real sockets without a proxy. */
export function realExchange(lookup: Lookup = systemLookup) {
  return createExchange({
    clock: systemClock,
    tls: new TlsClient(systemClock),
    resolve: createResolver(lookup),
    proxyFor: () => null,
    diagnose: (error) => Promise.resolve(error),
  });
}

/** Trusts an authority from now until it is disposed of: `DENO_CERT` is read once, at the start. */
export function trusting(pem: string): Disposable {
  const { startTls } = Deno;
  Deno.startTls = (connection, options) =>
    startTls(connection, { ...options, caCerts: [...options?.caCerts ?? [], pem] });
  return { [Symbol.dispose]: () => void (Deno.startTls = startTls) };
}

/** Requests `abc123` once over real sockets and returns the outcome. */
export async function visit(apiUrl: string, options = {}) {
  const getDataset = createClient({
    exchange: await realExchange(),
    clock: systemClock,
    random: systemRandom,
    tokens: null,
    redact: (text) => text,
    onAttempt: () => {},
    apiUrl,
    taskTimeoutMs: 5_000,
    requestTimeoutMs: 5_000,
    retries: 0,
    ...options,
  });
  const execution: TaskExecution = { attempts: [], phases: {} };
  const request = { seqno: 1, datasetId: "abc123", traceId: "0".repeat(31) + "1", execution };
  const startMs = performance.now();
  let error: RequestError | undefined;
  try {
    await getDataset(request, new AbortController().signal);
  } catch (caught) {
    if (!(caught instanceof RequestError)) throw caught;
    error = caught;
  }
  const { attempts: [attempt], phases } = execution;
  assert(attempt, "no attempt");
  return {
    error,
    reason: error?.reason,
    status: attempt.status,
    body: error?.response?.body,
    phases,
    durationSeconds: attempt.durationSeconds,
    reached: Object.keys(phases),
    elapsedMs: performance.now() - startMs,
  };
}

/** Runs `use` against a server that responds to every request so. */
export async function serving<T>(
  respond: (request: Request) => Response | Promise<Response>,
  use: (url: string) => Promise<T>,
  tls: Deno.TlsCertifiedKeyPem | Record<string, never> = {},
  hostname = "127.0.0.1",
): Promise<T> {
  const controller = new AbortController();
  const server = Deno.serve({
    port: 0,
    hostname,
    signal: controller.signal,
    onListen() {},
    ...tls,
  }, respond);
  try {
    const scheme = "cert" in tls ? "https" : "http";
    return await use(`${scheme}://localhost:${server.addr.port}`);
  } finally {
    controller.abort();
    await server.finished;
  }
}

/** Runs `use` against raw sockets: `talk` gets each connection once a request has arrived. */
export async function talking<T>(
  talk: (connection: Deno.TcpConn) => Promise<unknown> | unknown,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const open: Deno.TcpConn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) {
      open.push(connection);
      void (async () => {
        await connection.read(new Uint8Array(4096));
        await talk(connection);
      })().catch(() => {});
    }
  })();
  try {
    return await use(`http://127.0.0.1:${listener.addr.port}`);
  } finally {
    listener.close();
    for (const connection of open) {
      try {
        connection.close();
      } catch {
        // The test has closed it.
      }
    }
    await accepting;
  }
}

/** Sends text as it is. */
export const say = (connection: Deno.TcpConn, text: string) =>
  connection.write(new TextEncoder().encode(text));
