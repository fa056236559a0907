import { earliestExpiryMs, parsePem } from "../http_client/tls/presented/certificate.ts";
import type { Config } from "./config.ts";
import {
  type EndpointCredentials,
  readEndpointCredentials,
  readTls,
  type Tls,
} from "./credentials.ts";

/** What the port needs of files: who may read, and the certificate. */
export type EndpointFiles = {
  credentials: EndpointCredentials;
  /** Null for plain HTTP. */
  tls: Tls | null;
};

/** Reads all of them, so that a wrong one changes nothing. Throws a `FileError`. */
export async function readEndpointFiles(
  config: Pick<Config, "bearerAuth" | "basicAuth" | "tls">,
  readFile: (path: string) => Promise<string>,
): Promise<EndpointFiles> {
  const credentials = await readEndpointCredentials(config, readFile);
  return { credentials, tls: await readTls(config, readFile) };
}

/** What differs, in words that show no secret. */
export function changesBetween(before: EndpointFiles, after: EndpointFiles): string[] {
  const { bearer, basic } = before.credentials;
  const changes: string[] = [];
  if (before.tls?.cert !== after.tls?.cert) changes.push("certificate");
  if (before.tls?.key !== after.tls?.key) changes.push("key");
  if (bearer !== after.credentials.bearer) changes.push("bearer token");
  if (basic?.user !== after.credentials.basic?.user) changes.push("user");
  if (basic?.password !== after.credentials.basic?.password) changes.push("password");
  return changes;
}

/** Whether readers present the same as before. */
export function hasSameCredentials(before: EndpointFiles, after: EndpointFiles): boolean {
  return changesBetween({ ...before, tls: null }, { ...after, tls: null }).length === 0;
}

/**
 * When the first certificate of the chain that the port serves ends, milliseconds since the epoch;
 * null for plain HTTP, and for a file in which no certificate can be read.
 */
export function servedUntilMs({ tls }: EndpointFiles): number | null {
  const endsMs = tls ? earliestExpiryMs(parsePem(tls.cert)) : NaN;
  return Number.isNaN(endsMs) ? null : endsMs;
}
