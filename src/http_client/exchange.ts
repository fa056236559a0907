import dns from "node:dns";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import { concat } from "@std/bytes/concat";
import { equals } from "@std/bytes/equals";
import type { Clock } from "../core/clock.ts";
import { RequestError } from "./errors.ts";
import { type Lookup, shareLookups } from "./lookup.ts";
import type { Timings } from "./timings.ts";

export type Request = {
  url: URL;
  method: "GET" | "HEAD" | "POST";
  headers: Record<string, string>;
  body?: string;
  /** The certificate that the server must show, in place of one that is trusted. */
  certificate?: Uint8Array | null;
};

export type Reply = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Uint8Array;
};

/**
 * One HTTP exchange over a connection of its own, without following redirects. Sets the timings as it
 * passes them. Rejects with the socket's error, with an `RequestError` for a body over
 * {@linkcode MAX_BODY_BYTES}, or with the signal's reason.
 */
export type Exchange = (
  request: Request,
  options: { signal: AbortSignal; timings: Timings },
) => Promise<Reply>;

/** A dataset's metadata is a few kilobytes. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** How many answers of status 1xx may come before the one that counts. */
const MAX_INTERIM_ANSWERS = 20;

/** The exchange over real sockets, made with node:http: fetch shows no phases and no error codes. */
export function createTransport(clock: Clock, systemLookup: Lookup = dns.lookup): Exchange {
  const lookup = shareLookups(systemLookup);

  return ({ url, method, headers, body, certificate }, { signal, timings }) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const host = withoutBrackets(url.hostname);
      timings.named = net.isIP(host) === 0;
      timings.secure = url.protocol === "https:";
      const { request: send } = timings.secure ? https : http;
      // Without an agent, which costs more than it is good for where no connection is used twice.
      const request = send(url, {
        method,
        headers: { ...headers, connection: "close" },
        defaultPort: timings.secure ? 443 : 80,
        createConnection({ port }, onConnection) {
          const address = {
            host,
            port: Number(port),
            lookup: marking(lookup, clock, timings),
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
        reject(signal.aborted ? signal.reason : error);
      };

      let isWhole = () => false;
      // What has come is parsed and told of a part of a millisecond later, which is the probe's own.
      let arrivedMs: number | undefined;
      const arrival = () => arrivedMs ?? clock.monotonic();
      request.on("socket", (socket) => {
        // The end of the connection may come before the end of the answer is told of.
        const mark = () => isWhole() || (arrivedMs = clock.monotonic());
        socket.prependListener("data", mark).prependListener("end", mark);
      });

      // What follows a whole answer is not part of it. RFC 9112, section 6.3.
      request.on("error", (error) => isWhole() || fail(error));
      let interimAnswers = 0;
      request.on("information", () => {
        // Those that were read together with the one too many come all the same.
        if (++interimAnswers !== MAX_INTERIM_ANSWERS + 1) return;
        fail(
          new RequestError("invalid_response", `more than ${MAX_INTERIM_ANSWERS} interim answers`),
        );
      });
      request.on("response", (response) => {
        isWhole = () => response.complete && !signal.aborted;
        timings.headersMs = arrival();
        const status = response.statusCode ?? 0;
        const chunks: Uint8Array[] = [];
        timings.answer = { status, chunks };
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
      // A 101, which nobody has asked for.
      request.on("upgrade", ({ statusCode = 101, headers }, socket) => {
        timings.headersMs = arrival();
        signal.removeEventListener("abort", onAbort);
        socket.destroy();
        resolve({ status: statusCode, headers, body: new Uint8Array() });
      });
      request.end(body);
    });
}

/** The addresses of a name, as a connection would find them; rejects when it has none. */
export async function resolveName(hostname: string): Promise<string[]> {
  const found = await dns.promises.lookup(withoutBrackets(hostname), { all: true });
  return found.map(({ address }) => address);
}

/** An IPv6 address as resolvers and sockets write it, not as URLs do; other names as they are. */
function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** What an exchange is rejected with when the body exceeds the bound, packed or unpacked. */
export function tooLarge(): RequestError {
  return new RequestError("invalid_response", `the body is larger than ${MAX_BODY_BYTES} bytes`);
}

function connect(address: net.TcpSocketConnectOpts, clock: Clock, timings: Timings): net.Socket {
  const socket = new net.Socket();
  // To make the request and the socket takes a part of a millisecond, which is not the platform's.
  timings.startMs = clock.monotonic();
  return socket.connect(address).once("connect", () => timings.connectedMs = clock.monotonic());
}

function connectSecurely(
  address: net.TcpSocketConnectOpts & { host: string },
  clock: Clock,
  timings: Timings,
  certificate: Request["certificate"],
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
 * Hands the connection over when it has shown the certificate: the request is written then, and not
 * to a stranger.
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
    const shown = socket.getPeerCertificate().raw;
    if (shown && equals(shown, certificate)) return onConnection(null, socket);
    socket.destroy();
    onError(new RequestError("tls", "it does not show the certificate that it should"));
  });
}

/** A lookup that timings the moment at which it has succeeded. */
function marking(lookup: Lookup, clock: Clock, timings: Timings): net.LookupFunction {
  return (hostname, options, callback) =>
    lookup(hostname, options, (error, address, family) => {
      if (!error) timings.resolvedMs = clock.monotonic();
      callback(error, address, family);
    });
}
