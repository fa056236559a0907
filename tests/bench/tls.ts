import { createAuthority } from "../support/certificates.ts";
import { temporaryPath } from "./temporary.ts";

/** A certificate for 127.0.0.1, and the authority that its clients have to trust, as files of PEM. */
export type Tls = { certFile: string; keyFile: string; authorityFile: string; authority: string };

export async function createTls(): Promise<Tls> {
  const { pem: authority, issue } = await createAuthority();
  const { cert, key } = await issue("127.0.0.1");
  const tls = {
    certFile: temporaryPath("server.crt"),
    keyFile: temporaryPath("server.key"),
    authorityFile: temporaryPath("authority.crt"),
    authority,
  };
  await Deno.writeTextFile(tls.certFile, cert);
  await Deno.writeTextFile(tls.keyFile, key);
  await Deno.writeTextFile(tls.authorityFile, authority);
  return tls;
}

/** The last arguments of the scripts that serve over TLS when they are given these. */
export function serverArguments(tls: Tls | null): string[] {
  return tls ? [tls.certFile, tls.keyFile] : [];
}

/** What makes the probe trust the authority. */
export function trustEnvironment(tls: Tls | null): Record<string, string> {
  return tls ? { DENO_CERT: tls.authorityFile } : {};
}
