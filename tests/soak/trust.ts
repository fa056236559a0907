import { createAuthority } from "../support/certificates.ts";

/** A certificate, its key and the authority that a probe has to trust for it, as files of PEM. */
export class Trust implements AsyncDisposable {
  readonly certFile: string;
  readonly keyFile: string;
  readonly authorityFile: string;

  private constructor(private readonly folder: string) {
    this.certFile = `${folder}/server.crt`;
    this.keyFile = `${folder}/server.key`;
    this.authorityFile = `${folder}/authority.crt`;
  }

  /** Makes them for a host name or an address. */
  static async create(host: string): Promise<Trust> {
    const trust = new Trust(await Deno.makeTempDir({ prefix: "probe-soak-" }));
    const authority = await createAuthority();
    const { cert, key } = await authority.issue(host);
    await Deno.writeTextFile(trust.certFile, cert);
    await Deno.writeTextFile(trust.keyFile, key);
    await Deno.writeTextFile(trust.authorityFile, authority.pem);
    return trust;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
