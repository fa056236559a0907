import { BlockList, isIP } from "node:net";
import { credentialsOf, encodeCredentials } from "../../text/basic_credentials.ts";
import { formatAddress, hostOf, portOf, withoutFinalDot } from "./address.ts";

/** An HTTP proxy that connections go through. */
export type Proxy = {
  host: string;
  port: number;
  /** The value of `Proxy-Authorization`, null without credentials. A secret. */
  authorization: string | null;
  /** What must not be shown: user, password, and both as they are sent. */
  secrets: readonly string[];
};

/** The proxies for https and http, and what is reached without them. */
export type ProxySettings = {
  httpsProxy?: Proxy;
  httpProxy?: Proxy;
  noProxy?: readonly ProxyException[];
};

/** Whether a host and a port are reached without a proxy. */
export type ProxyException = (host: string, port: number) => boolean;

/** The proxy for a URL, null for a direct connection. */
export type ProxyFor = (url: URL) => Proxy | null;

/** For commands that speak to this machine or to another probe alone. */
export const WITHOUT_PROXY: ProxyFor = () => null;

/** Names that always mean this machine. RFC 6761, section 6.3. */
const LOCAL_HOST = /^((.+\.)?localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** Chooses the proxy for a URL. This machine is never reached through one. */
export function createProxyFor({ httpsProxy, httpProxy, noProxy = [] }: ProxySettings): ProxyFor {
  return (url) => {
    const proxy = url.protocol === "https:" ? httpsProxy : httpProxy;
    const host = withoutFinalDot(hostOf(url));
    if (!proxy || LOCAL_HOST.test(host)) return null;
    return noProxy.some((excepts) => excepts(host, portOf(url))) ? null : proxy;
  };
}

/** A proxy as it may be shown: host and port, and nothing secret. */
export function proxyName({ host, port }: Proxy): string {
  return `proxy ${formatAddress(host, port)}`;
}

/**
 * Which proxies lead to which of these hosts, such as `proxy 192.0.2.7:3128 for api.example`; null
 * when there is none.
 */
export function describeProxies(urls: readonly URL[], proxyFor: ProxyFor): string | null {
  const hosts = new Map<string, Set<string>>();
  for (const url of urls) {
    const proxy = proxyFor(url);
    if (!proxy) continue;
    const name = proxyName(proxy);
    hosts.set(name, (hosts.get(name) ?? new Set()).add(url.hostname));
  }
  const parts = Array.from(hosts, ([name, those]) => `${name} for ${[...those].join(", ")}`);
  return parts.length > 0 ? parts.join(", ") : null;
}

/** The proxy of a URL such as `http://user:password@host:port`; null when it is none. */
export function parseProxy(text: string): Proxy | null {
  const trimmed = text.trim();
  // Other clients take a proxy without a scheme too.
  const written = trimmed.includes("://") ? trimmed : `http://${trimmed}`;
  const url = URL.canParse(written) ? new URL(written) : null;
  if (url?.protocol !== "http:") return null;
  // Else `http://user:1#2@host` would be a host `user`, and the message would show the credentials.
  if (url.pathname !== "/" || url.search || url.hash) return null;
  const credentials = credentialsOf(url);
  const encoded = credentials && encodeCredentials(credentials);
  return {
    host: hostOf(url),
    port: portOf(url),
    authorization: encoded && `Basic ${encoded}`,
    secrets: [credentials?.user, credentials?.password, encoded].flatMap((secret) => secret || []),
  };
}

/**
 * Reads a list of hosts, which include their subdomains, addresses and CIDR blocks, each with or
 * without a port, or `*`. Returns null for an entry that no host could match.
 */
export function parseProxyExceptions(text: string): ProxyException[] | null {
  const entries = text.split(/[\s,]+/).filter(Boolean).map((entry) => entry.toLowerCase());
  const exceptions = entries.map(parseException);
  return exceptions.every((exception) => exception !== null) ? exceptions : null;
}

function parseException(entry: string): ProxyException | null {
  if (entry === "*") return () => true;
  const [, address = "", prefix] = entry.match(/^\[?([\da-f.:]+)\]?\/(\d+)$/) ?? [];
  if (prefix !== undefined) return parseBlock(address, Number(prefix));
  // A colon stands before a port, unless it is one of an address.
  const [, host = entry, port] = entry.match(/^(\[[^\]]*\]|[^:]*):(\d+)$/) ?? [];
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const isException = isIP(bare) ? parseBlock(bare, maxPrefix(bare)) : parseDomain(bare);
  return isException &&
    ((host, actualPort) =>
      (port === undefined || Number(port) === actualPort) && isException(host, actualPort));
}

/** A domain with its subdomains, however it begins: `a.example`, `.a.example`, `*.a.example`. */
function parseDomain(text: string): ProxyException | null {
  const domain = withoutFinalDot(text.replace(/^\*?\./, ""));
  if (!/^[^\s/@:*?#[\]]+$/.test(domain)) return null;
  return (host) => host === domain || host.endsWith(`.${domain}`);
}

function parseBlock(address: string, prefix: number): ProxyException | null {
  if (!isIP(address) || prefix > maxPrefix(address)) return null;
  const block = new BlockList();
  block.addSubnet(address, prefix, familyOf(address));
  return (host) => isIP(host) === isIP(address) && block.check(host, familyOf(host));
}

function maxPrefix(address: string): number {
  return isIP(address) === 6 ? 128 : 32;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}
