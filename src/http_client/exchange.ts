import dns from "node:dns";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import { concat } from "@std/bytes/concat";
import { equals } from "@std/bytes/equals";
import type { Clock } from "../core/clock.ts";
import { RequestError, toRequestError } from "./errors.ts";
import { type Lookup, shareLookups } from "./lookup.ts";
import { type HttpResponse, invalidResponse, MAX_BODY_BYTES, tooLarge } from "./response.ts";
import type { Timings } from "./timings.ts";

export type HttpRequest = {
  url: URL;
  method: "GET" | "HEAD" | "POST";
  headers: Record<string, string>;
  body?: string;
  /** The certificate that the server must present, in place of a trusted one. */
  certificate?: Uint8Array | null;
};

/**
 * One HTTP exchange on a connection of its own, without following redirects. Sets the timings on its
 * way. Rejects with a `RequestError`, or with the signal's reason as soon as it aborts.
 */
export type Exchange = (
  request: HttpRequest,
  options: { signal: AbortSignal; timings: Timings },
) => Promise<HttpResponse>;

/** How many responses of status 1xx may precede the final one. RFC 9110, section 15.2. */
const MAX_INTERIM_RESPONSES = 20;

/** The exchange on real sockets, by node:http: fetch reports no phases and no error codes. */
export function createExchange(clock: Clock, systemLookup: Lookup = dns.lookup): Exchange {
  const lookup = shareLookups(systemLookup);

  return ({ url, method, headers, body, certificate }, { signal, timings }) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const host = withoutBrackets(url.hostname);
      timings.named = net.isIP(host) === 0;
      timings.secure = url.protocol === "https:";
      const { request: send } = timings.secure ? https : http;
      // Without an agent: no connection is used twice.
      const request = send(url, {
        method,
        headers: { ...headers, connection: "close" },
        defaultPort: timings.secure ? 443 : 80,
        createConnection({ port }, onConnection) {
          const address = {
            host,
            port: Number(port),
            lookup: timed(lookup, clock, timings),
          };
          if (!timings.secure) return connect(address, clock, timings);
          timings.startMs = clock.monotonic();
          const socket = connectSecurely(address, clock, timings, certificate);
          if (!certificate) return socket;
          handOver(socket, certificate, signal, onConnection);
        },
      });

      const onAbort = () => request.destroy(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      const fail = (error: unknown) => {
        signal.removeEventListener("abort", onAbort);
        request.destroy();
        reject(signal.aborted ? signal.reason : toRequestError(error));
      };

      let isWhole = () => false;
      // node:http parses and reports what has arrived a part of a millisecond later: the probe's own time.
      let arrivedMs: number | undefined;
      const arrival = () => arrivedMs ?? clock.monotonic();
      request.on("socket", (socket) => {
        // The connection may end before node:http reports the end of the response.
        const mark = () => isWhole() || (arrivedMs = clock.monotonic());
        socket.prependListener("data", mark).prependListener("end", mark);
      });

      // What follows a whole response is not part of it. RFC 9112, section 6.3.
      request.on("error", (error) => isWhole() || fail(error));
      let interimResponses = 0;
      request.on("information", () => {
        // Further ones that were read in the same piece are still reported.
        if (++interimResponses !== MAX_INTERIM_RESPONSES + 1) return;
        fail(invalidResponse(`more than ${MAX_INTERIM_RESPONSES} interim responses`));
      });
      request.on("response", (response) => {
        isWhole = () => response.complete && !signal.aborted;
        timings.headersMs = arrival();
        const status = response.statusCode ?? 0;
        const chunks: Uint8Array[] = [];
        timings.partial = { status, chunks };
        let length = 0;
        response.on("error", fail);
        response.on("data", (chunk: Uint8Array) => {
          length += chunk.length;
          chunks.push(chunk);
          if (length > MAX_BODY_BYTES) fail(tooLarge());
        });
        response.on("end", () => {
          timings.wholeMs = arrival();
          signal.removeEventListener("abort", onAbort);
          resolve({ status, headers: response.headers, body: concat(chunks) });
        });
      });
      // Status 101, although no upgrade was requested.
      request.on("upgrade", ({ statusCode = 101, headers }, socket) => {
        timings.headersMs = arrival();
        signal.removeEventListener("abort", onAbort);
        socket.destroy();
        resolve({ status: statusCode, headers, body: new Uint8Array() });
      });
      request.end(body);
    });
}

/** The addresses of a host name as a connection finds them; rejects when it has none. */
export async function resolveName(hostname: string): Promise<string[]> {
  const found = await dns.promises.lookup(withoutBrackets(hostname), { all: true });
  return found.map(({ address }) => address);
}

/** An IPv6 address as resolvers and sockets write it, without the brackets of a URL. */
function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

function connect(address: net.TcpSocketConnectOpts, clock: Clock, timings: Timings): net.Socket {
  const socket = new net.Socket();
  // Creating the request and the socket takes a part of a millisecond: the probe's own time.
  timings.startMs = clock.monotonic();
  return socket.connect(address).once("connect", () => timings.connectedMs = clock.monotonic());
}

function connectSecurely(
  address: net.TcpSocketConnectOpts & { host: string },
  clock: Clock,
  timings: Timings,
  certificate: HttpRequest["certificate"],
): tls.TLSSocket {
  const socket = tls.connect({
    ...address,
    servername: timings.named ? address.host : "",
    ALPNProtocols: ["http/1.1"],
    rejectUnauthorized: !certificate,
  });
  socket.once("connect", () => timings.connectedMs = clock.monotonic());
  socket.once("secureConnect", () => {
    timings.securedMs = clock.monotonic();
    const expiresMs = Date.parse(socket.getPeerCertificate().valid_to);
    if (!Number.isNaN(expiresMs)) timings.certificateExpiresMs = expiresMs;
  });
  return socket;
}

/**
 * Hands the connection over once the server has presented the certificate: before that, the request
 * and its credentials would reach anyone.
 */
function handOver(
  socket: tls.TLSSocket,
  certificate: Uint8Array,
  signal: AbortSignal,
  onConnection: (error: Error | null, socket: net.Socket) => void,
): void {
  const onError = (error: Error) => onConnection(error, socket);
  socket.once("error", onError);
  signal.addEventListener("abort", () => socket.destroy(signal.reason), { once: true });
  socket.once("secureConnect", () => {
    socket.off("error", onError);
    const presented = socket.getPeerCertificate().raw;
    if (presented && equals(presented, certificate)) return onConnection(null, socket);
    socket.destroy();
    onError(new RequestError("tls", "the server does not present the expected certificate"));
  });
}

/** A lookup that timings the moment at which it has succeeded. */
function timed(lookup: Lookup, clock: Clock, timings: Timings): net.LookupFunction {
  return (hostname, options, callback) =>
    lookup(hostname, options, (error, address, family) => {
      if (!error) timings.resolvedMs = clock.monotonic();
      callback(error, address, family);
    });
}
