import { createAuthority } from "../support/certificates.ts";
import type { Figure, Run } from "./figure.ts";
import { temporaryPath } from "./temporary.ts";
import { areHere } from "./tools.ts";

/** A certificate for 127.0.0.1, and the authority that its clients have to trust, as files of PEM. */
export type Tls = { certFile: string; keyFile: string; authorityFile: string; authority: string };

async function createTls(): Promise<Tls> {
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

/** What `measure` finds over TLS; nothing without the nginx that stands before the targets. */
export async function overTls(
  what: string,
  run: Run,
  measure: (tls: Tls) => Promise<Figure[]>,
): Promise<Figure[]> {
  if (!await areHere(["nginx"], `${what} over TLS`, run)) return [];
  return await measure(await createTls());
}

/** What makes the probe trust the authority. */
export function trustEnvironment(tls: Tls | null): Record<string, string> {
  return tls ? { DENO_CERT: tls.authorityFile } : {};
}
