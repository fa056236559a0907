/** Servers with each fault of TLS, and what the program says of it. */
import {
  type CertificateOptions,
  createAuthority,
  createCertificate,
  createSelfSigned,
  type Issued,
} from "./certificates.ts";

const HOST = "localhost";

/** A server that is closed at the end. */
export type TlsServer = { port: number; close: () => void };

/** What the servers of a run share. */
export type TlsWorld = {
  authority: Awaited<ReturnType<typeof createAuthority>>;
  /** A folder for the files of openssl. */
  folder: string;
};

export type TlsFault = {
  name: string;
  start: (world: TlsWorld) => Promise<TlsServer>;
  message: RegExp;
  advice: RegExp;
  /** Whether a reader is rightly sent to DENO_CERT. */
  isForTrust?: true;
  needsOpenssl?: true;
};

const CLIENT_CERTIFICATE = {
  message: /^the server requires a client certificate$/,
  advice: /sends no client certificate/,
};
const NO_COMMON_VERSION = {
  message: /^no common version of TLS or cipher/,
  advice: /offer TLS 1\.2 or 1\.3/,
};
const WITHOUT_NAMES = {
  message: /^certificate without subjectAltName, so not valid for localhost/,
  advice: /with the host name as subjectAltName/,
};

export const TLS_FAULTS: readonly TlsFault[] = [
  {
    name: "an expired certificate",
    start: async ({ authority }) => listen([await authority.issue(HOST, -0.75)]),
    message: /^certificate expired 18 h ago, on \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
    advice: /to renew the certificate/,
  },
  {
    name: "an expired intermediate certificate",
    start: async ({ authority: { root } }) => {
      const old = await intermediateOf(root, { endsInDays: -2.125 });
      return listen([await leafOf(old), old]);
    },
    message: /^intermediate certificate Intermediate: certificate expired 2 d 3 h ago, on /,
    advice: /to send a newer intermediate certificate than Intermediate/,
  },
  {
    name: "a certificate that is not valid yet",
    start: async ({ authority: { root } }) => listen([await leafOf(root, { startsInDays: 1.52 })]),
    message:
      /^certificate valid only in 1 d 12 h, from \S+Z; this machine's clock says \d{4}-\S+Z$/,
    advice: /^Check the clock of this machine/,
  },
  {
    name: "a certificate for other names",
    start: async ({ authority: { root } }) =>
      listen([await leafOf(root, { names: ["other.test", "www.other.test", "192.0.2.1"] })]),
    message:
      /^certificate not valid for localhost, only for other\.test, www\.other\.test or 192\.0\.2\.1$/,
    advice: /^Check the host name in the URL/,
  },
  {
    name: "a certificate of an unknown authority that is sent along",
    start: async () => {
      const { root } = await createAuthority("Stranger");
      return listen([await leafOf(root), root]);
    },
    message: /^certificate of an unknown authority, Stranger$/,
    advice: /^If Stranger is a private authority, put its certificate into DENO_CERT/,
    isForTrust: true,
  },
  {
    name: "a public certificate without its intermediate certificate",
    start: async ({ authority: { root } }) => {
      const intermediate = await intermediateOf(root);
      return listen([await leafOf(intermediate, { isPublic: true })]);
    },
    message: /^the server does not send the intermediate certificate Intermediate$/,
    advice: /to send the whole chain, with the intermediate certificate/,
  },
  {
    name: "a certificate whose issuer is neither known nor sent",
    start: async () => listen([await leafOf((await createAuthority("Stranger")).root)]),
    message: /^certificate of Stranger, which is no known authority .* the server does not send$/,
    advice: /^If Stranger is an intermediate certificate, .*private authority, .*DENO_CERT/,
    isForTrust: true,
  },
  {
    name: "a self-signed certificate",
    start: async () => listen([await createSelfSigned(HOST)]),
    message: /^self-signed certificate$/,
    advice: /^If it is known to be the server's own, put it into DENO_CERT/,
    isForTrust: true,
  },
  {
    name: "a self-signed authority as the server's own certificate",
    start: async () => listen([await createCertificate({ names: [HOST], authority: true })]),
    message: /^certificate of an authority, which is not accepted as a server's own$/,
    advice: /CA:FALSE/,
  },
  {
    name: "a certificate issued by one that is no authority",
    start: async ({ authority: { root } }) => {
      const issuer = await createCertificate({ issuer: root, authority: false });
      return listen([await leafOf(issuer), issuer]);
    },
    message: /^certificate issued by one that is not an authority$/,
    advice: /CA:TRUE/,
  },
  {
    name: "a certificate for clients",
    start: async ({ authority: { root } }) =>
      listen([await leafOf(root, { purpose: "clientAuth" })]),
    message: /^certificate for another purpose than server authentication$/,
    advice: /serverAuth/,
  },
  {
    name: "a certificate with a common name alone",
    start: async ({ authority: { root } }) =>
      listen([await leafOf(root, { names: [], subject: HOST })]),
    ...WITHOUT_NAMES,
  },
  {
    name: "a certificate of version 1",
    start: async (world) => {
      await sign(world, "v1", []);
      return openssl(world, ["-cert", "v1.pem", "-key", "v1.key"]);
    },
    ...WITHOUT_NAMES,
    needsOpenssl: true,
  },
  {
    name: "a certificate signed with SHA-1",
    start: async (world) => {
      await sign(world, "sha1", ["-sha1", "-extfile", await extensions(world)]);
      return openssl(world, [
        ...["-cert", "sha1.pem", "-key", "sha1.key"],
        ...["-cipher", "ALL:@SECLEVEL=0"],
      ]);
    },
    message: /^certificate with a signature that is not accepted: .*SHA-1/,
    advice: /SHA-256/,
    needsOpenssl: true,
  },
  {
    name: "a port that speaks no TLS",
    start: () => {
      const server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        () => new Response(),
      );
      return Promise.resolve({ port: server.addr.port, close: () => void server.shutdown() });
    },
    message: /^localhost does not speak TLS on this port$/,
    advice: /http:\/\/ or name another port/,
  },
  {
    name: "a server that wants a client certificate, in TLS 1.2",
    start: async (world) =>
      openssl(world, [...await ownCertificate(world), "-Verify", "1", "-tls1_2"]),
    ...CLIENT_CERTIFICATE,
    needsOpenssl: true,
  },
  {
    name: "a server that wants a client certificate, in TLS 1.3",
    start: async (world) =>
      openssl(world, [...await ownCertificate(world), "-Verify", "1", "-tls1_3"]),
    ...CLIENT_CERTIFICATE,
    needsOpenssl: true,
  },
  {
    name: "a server with TLS 1.1 alone",
    start: async (world) =>
      openssl(world, [
        ...await ownCertificate(world),
        ...["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
      ]),
    ...NO_COMMON_VERSION,
    needsOpenssl: true,
  },
  {
    name: "a server with old ciphers alone",
    start: async (world) =>
      openssl(world, [
        ...await ownCertificate(world),
        ...["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"],
      ]),
    ...NO_COMMON_VERSION,
    needsOpenssl: true,
  },
  {
    name: "a server with HTTP/2 alone",
    start: async ({ authority }) =>
      listen([await authority.issue(HOST)], { alpnProtocols: ["h2"] }),
    message: /^the server does not offer HTTP\/1\.1, perhaps HTTP\/2 alone$/,
    advice: /to offer HTTP\/1\.1/,
  },
];

/** A certificate for the server's own host, unless `options` says another. */
export function leafOf(issuer: Issued, options: CertificateOptions = {}): Promise<Issued> {
  return createCertificate({ names: [HOST], issuer, purpose: "serverAuth", ...options });
}

export function intermediateOf(issuer: Issued, options: CertificateOptions = {}): Promise<Issued> {
  return createCertificate({ subject: "Intermediate", issuer, authority: true, ...options });
}

/** A server that presents this chain, its own certificate first, and responds to nothing. */
export function listen(
  chain: readonly Issued[],
  options: { alpnProtocols?: string[] } = {},
): TlsServer {
  const listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: chain.map(({ cert }) => cert).join("\n"),
    key: chain[0]?.key ?? "",
    ...options,
  });
  const open = new Set<Deno.TlsConn>();
  void (async () => {
    for await (const connection of listener) {
      open.add(connection);
      connection.handshake().catch(() => {});
    }
  })().catch(() => {});
  return {
    port: listener.addr.port,
    close() {
      listener.close();
      for (const connection of open) connection.close();
    },
  };
}

async function ownCertificate({ authority, folder }: TlsWorld): Promise<string[]> {
  const { cert, key } = await authority.issue(HOST);
  await Deno.writeTextFile(`${folder}/own.pem`, cert);
  await Deno.writeTextFile(`${folder}/own.key`, key);
  return ["-cert", "own.pem", "-key", "own.key"];
}

async function extensions({ folder }: TlsWorld): Promise<string> {
  await Deno.writeTextFile(`${folder}/extensions`, `subjectAltName=DNS:${HOST}\n`);
  return "extensions";
}

/** Has openssl make `NAME.pem` and `NAME.key`, issued by the authority. */
async function sign({ authority, folder }: TlsWorld, name: string, flags: string[]): Promise<void> {
  await Deno.writeTextFile(`${folder}/ca.pem`, authority.pem);
  await Deno.writeTextFile(`${folder}/ca.key`, authority.root.key);
  const files = ["-keyout", `${name}.key`, "-out", `${name}.csr`];
  await runOpenssl(folder, [
    ...["req", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${HOST}`],
    ...files,
  ]);
  await runOpenssl(folder, [
    ...["x509", "-req", "-in", `${name}.csr`, "-out", `${name}.pem`, "-days", "5"],
    ...["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
    ...flags,
  ]);
}

async function runOpenssl(cwd: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args, cwd }).output();
  if (!success) throw new Error(`openssl ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** `openssl s_server` on a free port; it is listening when this returns. */
async function openssl({ folder }: TlsWorld, args: string[]): Promise<TlsServer> {
  const child = new Deno.Command("openssl", {
    args: ["s_server", "-accept", "127.0.0.1:0", ...args],
    cwd: folder,
    // It ends with its input.
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream());
  const reader = output.getReader();
  let text = "";
  for (;;) {
    const port = text.match(/ACCEPT 127\.0\.0\.1:(\d+)/)?.[1];
    if (port) {
      // What it writes from now on is read and dropped.
      void (async () => {
        while (!(await reader.read()).done);
      })();
      return {
        port: Number(port),
        close() {
          child.kill("SIGKILL");
          child.stdin.close().catch(() => {});
        },
      };
    }
    const { value, done } = await reader.read();
    if (done) throw new Error(`openssl s_server ${args.join(" ")} ended: ${text}`);
    text += value;
  }
}
