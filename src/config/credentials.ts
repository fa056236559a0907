import { type Config, NO_TEXT, type Secret, SETTINGS } from "./config.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** Who may read the endpoints; anybody where there is neither. */
export type EndpointCredentials = {
  bearer: string | null;
  basic: { user: string; password: string } | null;
};

export const NO_CREDENTIALS: EndpointCredentials = { bearer: null, basic: null };

/** A certificate with its chain and its key, as PEM. */
export type Tls = { cert: string; key: string };

/** A file that the configuration names does not hold what it should; the message says which. */
export class FileError extends Error {
  override name = "FileError";
}

type ReadFile = Runtime["readFile"];

/** Who may read the endpoints, the secrets read from their files. Throws a `FileError`. */
export async function readEndpointCredentials(
  { bearerAuth, basicAuth }: Pick<Config, "bearerAuth" | "basicAuth">,
  readFile: ReadFile,
): Promise<EndpointCredentials> {
  const pair = basicAuth && await read(basicAuth, "basicAuth", readFile);
  return {
    bearer: bearerAuth && await read(bearerAuth, "bearerToken", readFile),
    basic: pair === null ? null : splitPair(pair),
  };
}

function splitPair(pair: string): { user: string; password: string } {
  const colon = pair.indexOf(":");
  return { user: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

/** The files that HTTPS needs; null for plain HTTP. Throws a `FileError`. */
export async function readTls(
  { tls }: Pick<Config, "tls">,
  readFile: ReadFile,
): Promise<Tls | null> {
  if (!tls) return null;
  const cert = await readCertificate(tls, readFile);
  const name = SETTINGS.tlsKeyFile.env;
  const key = await named(name, readFile(tls.keyPath));
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) {
    throw new FileError(`${name}: expected a private key in PEM, got ${tls.keyPath} without one`);
  }
  return { cert, key };
}

/** The certificate that the probe shows, with its chain. Throws a `FileError`. */
export async function readCertificate(
  { certPath }: { certPath: string },
  readFile: ReadFile,
): Promise<string> {
  const name = SETTINGS.tlsCertFile.env;
  const cert = await named(name, readFile(certPath));
  if (!/-----BEGIN CERTIFICATE-----/.test(cert)) {
    throw new FileError(`${name}: expected a certificate in PEM, got ${certPath} without one`);
  }
  return cert;
}

/** The secret in a file, without the line end that editors put there; throws when there is none. */
export async function readSecretFile(path: string, readFile: ReadFile): Promise<string> {
  const secret = (await readFile(path)).replace(/\r?\n$/, "");
  if (secret === "") throw new Error(`${path} is empty`);
  if (secret.includes(NO_TEXT)) throw new Error(`${path} is not in UTF-8`);
  return secret;
}

/** The secret, which a file may hold in the wrong form; a given text has been checked before. */
async function read(
  secret: Secret,
  setting: "bearerToken" | "basicAuth",
  readFile: ReadFile,
): Promise<string> {
  if ("text" in secret) return secret.text;
  const { env } = SETTINGS[`${setting}File`];
  const text = await named(env, readSecretFile(secret.path, readFile));
  const { error } = SETTINGS[setting].schema.safeParse(text);
  if (!error) return text;
  const [{ message }] = error.issues;
  throw new FileError(`${env}: expected ${message}, got something else in ${secret.path}`);
}

/** What is read, or an error that names the variable which has named the file. */
async function named(name: string, reading: Promise<string>): Promise<string> {
  try {
    return await reading;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FileError(`${name}: expected a file that can be read: ${reason}`);
  }
}
