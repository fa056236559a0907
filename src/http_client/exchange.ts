import { isIP } from "node:net";
import type { Clock } from "../core/clock.ts";
import { formatAddress, hostOf, portOf } from "./connection/address.ts";
import { connectToAny } from "./connection/connect.ts";
import { type Connection, tryToClose } from "./connection/connection.ts";
import { blaming, openTunnel, proxyHeaders, refusal } from "./connection/tunnel.ts";
import { toRequestError } from "./errors.ts";
import { exchangeHttp1 } from "./http1.ts";
import { openPinnedTls } from "./tls/pinned_tls.ts";
import type { Proxy, ProxyFor } from "./connection/proxy.ts";
import type { Lookup } from "./connection/resolve.ts";
import type { HttpResponse } from "./response.ts";
import { loadResponseParser } from "./response_parser.ts";
import type { Timings } from "./timings.ts";
import type { TlsClient } from "./tls/tls.ts";
import type { Diagnose } from "./tls/tls_diagnosis.ts";

export type HttpRequest = {
  url: URL;
  method: "GET" | "HEAD" | "POST";
  headers: Record<string, string>;
  body?: string;
  /** The certificate that the server must present, in place of a trusted one; then no proxy is used. */
  certificate?: Uint8Array | null;
};

/**
 * One HTTP exchange on a connection of its own, without following redirects. Sets the timings on its
 * way, none before its bytes were read. Rejects with a `RequestError`, or with the signal's reason as
 * soon as it aborts.
 */
export type Exchange = (
  request: HttpRequest,
  options: { signal: AbortSignal; timings: Timings },
) => Promise<HttpResponse>;

export type ExchangeOptions = {
  clock: Clock;
  /** Throws a `RequestError` with the reason `dns`. */
  resolve: Lookup;
  proxyFor: ProxyFor;
  /** Says more of a failure than the exchange itself can. */
  diagnose: Diagnose;
  tls: TlsClient;
};

/** Called with each connection as soon as it is open, so that an abort can close it. */
type OnOpen = (connection: Connection) => void;

/**
 * Creates the exchange on Deno's own sockets, which behave alike in each of its versions. Loads the
 * parser first: it would be taken from the time of the first attempt.
 */
export async function createExchange(options: ExchangeOptions): Promise<Exchange> {
  await loadResponseParser();
  return (request, { signal, timings }) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      let connection: Connection | null = null;
      const onOpen: OnOpen = (opened) => {
        connection = opened;
        if (signal.aborted) tryToClose(opened);
      };
      // Closing ends whatever is pending on the connection.
      const onAbort = () => {
        reject(signal.reason);
        if (connection) tryToClose(connection);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      exchange(request, options, signal, timings, onOpen)
        .finally(() => connection && tryToClose(connection))
        .then(resolve, async (error) => {
          // Closing the connection is what failed it.
          if (signal.aborted) return;
          const failure = { ms: options.clock.monotonic(), error: toRequestError(error) };
          // It stays the cause when the attempt ends meanwhile.
          timings.failure = failure;
          failure.error = await options.diagnose(failure.error, request.url);
          reject(failure.error);
        })
        .finally(() => signal.removeEventListener("abort", onAbort));
    });
}

async function exchange(
  request: HttpRequest,
  options: ExchangeOptions,
  signal: AbortSignal,
  timings: Timings,
  onOpen: OnOpen,
): Promise<HttpResponse> {
  const { url, certificate } = request;
  timings.isTls = url.protocol === "https:";
  const proxy = certificate ? null : options.proxyFor(url);
  const connection = await connect(request, proxy, options, signal, timings, onOpen);
  // A proxy forwards a plain request by its absolute URL. RFC 9112, section 3.2.2.
  const isForwarded = proxy !== null && !timings.isTls;
  const path = `${url.pathname}${url.search}`;
  const { wholeMs, ...response } = await exchangeHttp1(connection, {
    ...request,
    target: isForwarded ? `http://${url.host}${path}` : path,
    host: url.host,
    headers: isForwarded ? { ...request.headers, ...proxyHeaders(proxy) } : request.headers,
  }, {
    monotonic: () => options.clock.monotonic(),
    peer: url.host,
    onHeaders(status, chunks, readMs) {
      timings.headersMs = readMs;
      timings.partial = { status, chunks };
    },
  });
  timings.wholeMs = wholeMs;
  // No origin sends this status. RFC 9110, section 15.5.8.
  if (isForwarded && response.status === 407) throw refusal(proxy, url.host, 407);
  return response;
}

/** Opens the connection that the request is sent on. The phase `connect` includes a proxy. */
async function connect(
  { url, certificate }: HttpRequest,
  proxy: Proxy | null,
  { clock, resolve, tls }: ExchangeOptions,
  signal: AbortSignal,
  timings: Timings,
  onOpen: OnOpen,
): Promise<Connection> {
  const host = hostOf(url);
  const port = portOf(url);
  // A proxy resolves the name itself.
  timings.hasHostName = proxy === null && isIP(host) === 0;
  timings.startMs = clock.monotonic();
  if (certificate && timings.isTls) {
    const pinned = await openPinnedTls({ host, port }, certificate, onOpen);
    timings.resolvedMs = timings.connectedMs = timings.securedMs = clock.monotonic();
    return pinned;
  }
  const open = async (peer: { host: string; port: number }) => {
    const addresses = isIP(peer.host) === 0 ? await resolve(peer.host) : [peer.host];
    if (timings.hasHostName) timings.resolvedMs = clock.monotonic();
    signal.throwIfAborted();
    return await connectToAny(addresses, peer.port, { clock, signal });
  };
  const tcp = proxy ? await blaming(proxy, () => open(proxy)) : await open({ host, port });
  onOpen(tcp);
  if (proxy && timings.isTls) await openTunnel(tcp, proxy, formatAddress(host, port), clock);
  timings.connectedMs = clock.monotonic();
  if (!timings.isTls) return tcp;
  const connection = await tls.start(tcp, host, onOpen);
  timings.securedMs = clock.monotonic();
  return connection;
}
