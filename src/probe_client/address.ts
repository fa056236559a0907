import type { Config } from "../config/config.ts";
import { EXIT } from "../core/exit_code.ts";
import { ProbeClientError } from "./errors.ts";

/** A probe that listens on all addresses is reached at the loopback address of the same family. */
const LOOPBACK: Record<string, string> = { "0.0.0.0": "127.0.0.1", "[::]": "[::1]" };

/**
 * Where a probe with this configuration is reached from its own machine. Throws a `ProbeClientError`
 * for an IPv6 address with a zone, which no URL can hold.
 */
export function localUrl({ host, port, tls }: Pick<Config, "host" | "port" | "tls">): URL {
  const scheme = tls ? "https" : "http";
  const text = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}/`;
  if (!URL.canParse(text)) {
    throw new ProbeClientError(
      EXIT.usage,
      `HOST: expected an address without a zone, got "${host}"`,
    );
  }
  const url = new URL(text);
  url.hostname = LOOPBACK[url.hostname] ?? url.hostname;
  return url;
}
