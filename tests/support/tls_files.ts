import { createAuthority } from "./certificates.ts";
import { temporaryPath } from "./temporary.ts";

/** A certificate, its key and the authority that clients have to trust for it, as files of PEM. */
export type TlsFiles = {
  certFile: string;
  keyFile: string;
  authorityFile: string;
  authority: string;
};

/** Makes them for a host name or an address; they are gone when this process has ended. */
export async function createTlsFiles(host: string): Promise<TlsFiles> {
  const { pem: authority, issue } = await createAuthority();
  const { cert, key } = await issue(host);
  const files = {
    certFile: temporaryPath(`${host}.crt`),
    keyFile: temporaryPath(`${host}.key`),
    authorityFile: temporaryPath(`${host}-authority.crt`),
    authority,
  };
  await Deno.writeTextFile(files.certFile, cert);
  await Deno.writeTextFile(files.keyFile, key);
  await Deno.writeTextFile(files.authorityFile, authority);
  return files;
}
