import type { Clock } from "../../core/clock.ts";
import { USER_AGENT } from "../../core/version.ts";
import { RequestError } from "../errors.ts";
import { exchangeHttp1 } from "../http1.ts";
import type { Connection } from "./connection.ts";
import { type Proxy, proxyName } from "./proxy.ts";

/** What a proxy needs beside a request. RFC 9110, section 11.7.1. */
export function proxyHeaders({ authorization }: Proxy): Record<string, string> {
  return authorization ? { "proxy-authorization": authorization } : {};
}

/**
 * Asks the proxy to connect to `target` (`host:port`). RFC 9110, section 9.3.6. Throws `connect`,
 * whatever the proxy does in place of it.
 */
export async function openTunnel(
  connection: Connection,
  proxy: Proxy,
  target: string,
  clock: Clock,
): Promise<void> {
  const { status } = await blaming(proxy, () =>
    exchangeHttp1(connection, {
      method: "CONNECT",
      target,
      host: target,
      headers: { ...proxyHeaders(proxy), "user-agent": USER_AGENT },
    }, { monotonic: () => clock.monotonic(), peer: target, headersOnly: true }), "connect");
  if (status < 200 || status > 299) throw refusal(proxy, target, status);
}

/** The failure of a proxy that does not do what it was asked for. */
export function refusal(proxy: Proxy, target: string, status: number): RequestError {
  const message = `${proxyName(proxy)} refuses ${target} with status ${status}`;
  // tinyproxy sends 401 for wrong credentials.
  if (status === 407 || status === 401) {
    const expected = proxy.authorization ? "other credentials" : "credentials";
    return new RequestError("connect", `${message}: it expects ${expected}`, {
      advice: "Check user and password in the proxy's URL (HTTPS_PROXY, HTTP_PROXY).",
    });
  }
  return new RequestError("connect", message, {
    advice: "Look at the proxy's log: it must allow this host, or NO_PROXY must name it.",
  });
}

/**
 * Makes what fails in `work` a failure of the proxy, by name; with the given reason or its own.
 */
export async function blaming<T>(
  proxy: Proxy,
  work: () => Promise<T>,
  reason?: RequestError["reason"],
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const message = `${proxyName(proxy)}: ${error.message}`;
    throw new RequestError(reason ?? error.reason, message, {
      advice: "Check the proxy's URL (HTTPS_PROXY, HTTP_PROXY), and that the proxy is up.",
      cause: error,
    });
  }
}
