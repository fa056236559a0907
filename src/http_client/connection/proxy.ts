import { BlockList, isIP } from "node:net";
import type { Clock } from "../../core/clock.ts";
import { USER_AGENT } from "../../core/version.ts";
import { formatAddress, hostOf, portOf } from "./address.ts";
import type { Connection } from "./connection.ts";
import { RequestError } from "../errors.ts";
import { exchangeHttp1 } from "../http1.ts";

/** An HTTP proxy that connections go through. */
export type Proxy = {
  host: string;
  port: number;
  /** The value of `Proxy-Authorization`, null without credentials. A secret. */
  authorization: string | null;
};

/** The proxy for a URL, null for a direct connection. */
export type ProxyFor = (url: URL) => Proxy | null;

const DEFAULT_PORT = 80;

/** Names that always mean this machine. */
const LOCAL_NAMES = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/**
 * Chooses proxies as the variables `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say, each also in
 * lower case. This machine is never reached through a proxy. Throws an `Error` that names the
 * variable for a value that is not an `http://` URL.
 */
export function createProxyFor(env: (name: string) => string | undefined): ProxyFor {
  const read = (name: string) => env(name)?.trim() || env(name.toLowerCase())?.trim() || "";
  const proxies: Record<string, Proxy | null> = {
    "https:": parseProxy("HTTPS_PROXY", read("HTTPS_PROXY")),
    "http:": parseProxy("HTTP_PROXY", read("HTTP_PROXY")),
  };
  const isExcepted = createExceptions(read("NO_PROXY"));
  return (url) => {
    const proxy = proxies[url.protocol] ?? null;
    const host = hostOf(url);
    if (!proxy || LOCAL_NAMES.test(host) || isExcepted(host, portOf(url))) return null;
    return proxy;
  };
}

function parseProxy(name: string, text: string): Proxy | null {
  if (text === "") return null;
  // Other clients take a proxy without a scheme too.
  const written = text.includes("://") ? text : `http://${text}`;
  const url = URL.canParse(written) ? new URL(written) : null;
  if (url?.protocol !== "http:" || url.hostname === "") {
    throw new Error(`${name}: expected an http:// URL of a proxy, got a value that is not shown`);
  }
  const { username, password } = url;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return {
    host: hostOf(url),
    port: Number(url.port) || DEFAULT_PORT,
    authorization: username || password ? `Basic ${encodeBase64(pair)}` : null,
  };
}

/** Entries are hosts, which include their subdomains, addresses, CIDR blocks, or `*`. */
function createExceptions(text: string): (host: string, port: number) => boolean {
  const entries = text.split(",").map((entry) => entry.trim().toLowerCase()).filter(Boolean);
  return (host, port) => entries.some((entry) => matches(entry, host.toLowerCase(), port));
}

function matches(entry: string, host: string, port: number): boolean {
  if (entry === "*") return true;
  const [, address = "", prefix] = entry.match(/^([\da-f.:]+)\/(\d+)$/) ?? [];
  if (prefix !== undefined && isIP(address)) return isInBlock(host, address, Number(prefix));
  const [, name = entry, entryPort] = entry.match(/^(\[[^\]]*\]|[^:]*):(\d+)$/) ?? [];
  if (entryPort !== undefined && Number(entryPort) !== port) return false;
  const bare = name.replace(/^\[|\]$/g, "").replace(/^\*?\./, "");
  return host === bare || (!isIP(host) && host.endsWith(`.${bare}`));
}

function isInBlock(host: string, address: string, prefix: number): boolean {
  const family = (text: string) => isIP(text) === 6 ? "ipv6" : "ipv4";
  if (!isIP(host) || prefix > (isIP(address) === 6 ? 128 : 32)) return false;
  const block = new BlockList();
  block.addSubnet(address, prefix, family(address));
  return block.check(host, family(host));
}

function encodeBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
/** The header by which a client authenticates to a proxy. RFC 9110, section 11.7.1. */
export function proxyHeaders({ authorization }: Proxy): Record<string, string> {
  return authorization ? { "proxy-authorization": authorization } : {};
}

/**
 * Asks the proxy to connect to `target` (`host:port`). RFC 9110, section 9.3.6. Throws `connect` when
 * it refuses.
 */
export async function openTunnel(
  connection: Connection,
  proxy: Proxy,
  target: string,
  clock: Clock,
): Promise<void> {
  const name = formatAddress(proxy.host, proxy.port);
  const { status } = await exchangeHttp1(connection, {
    method: "CONNECT",
    target,
    host: target,
    headers: { ...proxyHeaders(proxy), "user-agent": USER_AGENT },
  }, { monotonic: () => clock.monotonic(), peer: `proxy ${name}`, headersOnly: true });
  if (status >= 200 && status <= 299) return;
  const hint = status === 407 ? ": it expects other credentials" : "";
  throw new RequestError("connect", `proxy ${name} refuses with status ${status}${hint}`);
}
