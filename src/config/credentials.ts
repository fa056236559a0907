import type { BasicCredentials } from "../text/basic_credentials.ts";
import { messageOf } from "../text/error_text.ts";
import type { Config, Secret } from "./config.ts";
import { secretProblem, withoutLineEnd } from "./secret_text.ts";
import { SETTINGS } from "./settings.ts";
import { NOT_UTF8 } from "./values.ts";

/** What a reader of the endpoints must present; with neither they are open to everyone. */
export type EndpointCredentials = {
  bearer: string | null;
  basic: BasicCredentials | null;
};

export const NO_CREDENTIALS: EndpointCredentials = { bearer: null, basic: null };

/** A certificate with its chain, and its key, as PEM. */
export type Tls = { cert: string; key: string };

/** A file that the configuration names cannot be read or has the wrong content. */
export class FileError extends Error {
  override name = "FileError";
}

type ReadFile = (path: string) => Promise<string>;

/** The credentials of the endpoints, with secrets read from their files. Throws a `FileError`. */
export async function readEndpointCredentials(
  { bearerAuth, basicAuth }: Pick<Config, "bearerAuth" | "basicAuth">,
  readFile: ReadFile,
): Promise<EndpointCredentials> {
  const pair = basicAuth && await readSecret(basicAuth, "basicAuth", readFile);
  return {
    bearer: bearerAuth && await readSecret(bearerAuth, "bearerToken", readFile),
    basic: pair === null ? null : splitPair(pair),
  };
}

function splitPair(pair: string): { user: string; password: string } {
  const colon = pair.indexOf(":");
  return { user: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

/** The certificate and key for HTTPS; null for plain HTTP. Throws a `FileError`. */
export async function readTls(
  { tls }: Pick<Config, "tls">,
  readFile: ReadFile,
): Promise<Tls | null> {
  if (!tls) return null;
  const cert = await readCertificate(tls, readFile);
  const name = SETTINGS.tlsKeyFile.env;
  const key = await readNamedFile(name, readFile(tls.keyPath));
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) {
    throw new FileError(`${name}: expected a private key in PEM, got ${tls.keyPath} without one`);
  }
  return { cert, key };
}

/** The certificate that the probe serves, with its chain. Throws a `FileError`. */
export async function readCertificate(
  { certPath }: { certPath: string },
  readFile: ReadFile,
): Promise<string> {
  const name = SETTINGS.tlsCertFile.env;
  const cert = await readNamedFile(name, readFile(certPath));
  if (!/-----BEGIN CERTIFICATE-----/.test(cert)) {
    throw new FileError(`${name}: expected a certificate in PEM, got ${certPath} without one`);
  }
  return cert;
}

/**
 * Checks the files of the secrets that are read again later, so that a wrong path is known before
 * the first task. Throws a `FileError`.
 */
export async function checkSecretFiles(
  { credentials, prometheusAuth }: Pick<Config, "credentials" | "prometheusAuth">,
  readFile: ReadFile,
): Promise<void> {
  await checkSecretFile(credentials?.secret ?? null, SETTINGS.clientSecretFile.env, readFile);
  if (prometheusAuth) await readPrometheusToken(prometheusAuth, readFile);
}

async function checkSecretFile(
  secret: Secret | null,
  name: string,
  readFile: ReadFile,
): Promise<void> {
  if (!secret || !("path" in secret)) return;
  const { path } = secret;
  let text: string;
  try {
    text = await readSecretFile(path, readFile);
  } catch (error) {
    throw new FileError(`${name}: expected a file with the secret: ${messageOf(error)}`);
  }
  const accident = secretProblem(text);
  if (accident !== null) throw new FileError(`${name}: ${accident} in ${path}`);
}

/**
 * Checks the file of further authorities, which Deno reads at the first TLS connection: it fails then
 * when there is none, and ignores what is no certificate. Throws a `FileError`.
 */
export async function checkAuthorityFile(
  { authorityFile: path }: Pick<Config, "authorityFile">,
  readFile: ReadFile,
): Promise<void> {
  if (path === undefined) return;
  const name = SETTINGS.authorityFile.env;
  const text = await readNamedFile(name, readFile(path));
  // Reading certificates takes longer to load than the rest of a start.
  const { parsePem } = await import("../http_client/tls/presented/certificate.ts");
  if (parsePem(text).length === 0) {
    throw new FileError(`${name}: expected a certificate in PEM, got ${path} without one`);
  }
}

/** The secret as it is now: its file may be replaced at any time. Throws when there is none. */
export async function readCurrentSecret(secret: Secret, readFile: ReadFile): Promise<string> {
  if ("text" in secret) return secret.text;
  const text = await readSecretFile(secret.path, readFile);
  const accident = secretProblem(text);
  if (accident !== null) throw new Error(`${accident} in ${secret.path}`);
  return text;
}

/** The secret in a file, without the line end that editors add. Throws when there is none. */
export async function readSecretFile(path: string, readFile: ReadFile): Promise<string> {
  const secret = withoutLineEnd(await readFile(path));
  if (secret === "") throw new Error(`${path} is empty`);
  if (secret.includes(NOT_UTF8)) throw new Error(`${path} is not in UTF-8`);
  return secret;
}

/** What Prometheus requires now. Throws a `FileError` when the file holds no token. */
export function readPrometheusToken(token: Secret, readFile: ReadFile): Promise<string> {
  return readSecret(token, "prometheusToken", readFile);
}

/** The secret; a file's content is checked as the variable's value was. */
async function readSecret(
  secret: Secret,
  setting: "bearerToken" | "basicAuth" | "prometheusToken",
  readFile: ReadFile,
): Promise<string> {
  if ("text" in secret) return secret.text;
  const { env } = SETTINGS[`${setting}File`];
  const text = await readNamedFile(env, readSecretFile(secret.path, readFile));
  const accident = secretProblem(text, SETTINGS[setting].secretKind);
  if (accident !== null) throw new FileError(`${env}: ${accident} in ${secret.path}`);
  const [issue] = SETTINGS[setting].schema.safeParse(text).error?.issues ?? [];
  if (!issue) return text;
  throw new FileError(`${env}: expected ${issue.message}, got something else in ${secret.path}`);
}

/** The content, or an error that names the variable which names the file. */
async function readNamedFile(name: string, reading: Promise<string>): Promise<string> {
  try {
    return await reading;
  } catch (error) {
    throw new FileError(`${name}: expected a file that can be read: ${messageOf(error)}`);
  }
}
