/** The host of a URL as sockets write it: an IPv6 address has no brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** The port of an http or https URL. */
export function portOf({ port, protocol }: URL): number {
  if (port !== "") return Number(port);
  return protocol === "https:" ? 443 : 80;
}

/**
 * A name as certificates and the server name of TLS have it: the dot that makes it absolute is for the
 * resolver alone. RFC 6066, section 3.
 */
export function withoutFinalDot(host: string): string {
  return host.replace(/\.$/, "");
}

/** An address as a URL writes it. */
export function formatAddress(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
