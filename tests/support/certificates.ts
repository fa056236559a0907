import "npm:reflect-metadata@0.2.2";
import * as x509 from "npm:@peculiar/x509@2.2.0";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 86_400_000;

/** The policy that every publicly trusted server certificate names (domain validated). */
const PUBLIC_POLICY = "2.23.140.1.2.1";

/** A certificate with its key, as PEM. */
export type Pair = { cert: string; key: string };

/** A certificate with its key that can issue others. */
export type Issued = Pair & {
  certificate: x509.X509Certificate;
  keys: CryptoKeyPair;
  /** Milliseconds since the epoch, in whole seconds. */
  endsMs: number;
};

export type CertificateOptions = {
  /** The common name; the first of `names` unless given. */
  subject?: string;
  /** Host names and IP addresses; none for a certificate without subjectAltName. */
  names?: readonly string[];
  /** Itself unless given. */
  issuer?: Issued;
  /** Whether it may issue others; without it the certificate does not say. */
  authority?: boolean;
  startsInDays?: number;
  endsInDays?: number;
  purpose?: "serverAuth" | "clientAuth";
  /** Whether it names the policy of publicly trusted certificates. */
  isPublic?: boolean;
};

/** Makes a certificate for one test; nobody trusts it unless told to. */
export async function createCertificate({
  names = [],
  subject = names[0] ?? "Test",
  issuer,
  authority,
  startsInDays = -9,
  endsInDays = 5,
  purpose,
  isPublic = false,
}: CertificateOptions): Promise<Issued> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  const extensions: x509.Extension[] = [];
  if (authority !== undefined) {
    extensions.push(new x509.BasicConstraintsExtension(authority, undefined, true));
  }
  if (authority) {
    extensions.push(new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true));
  }
  if (names.length > 0) {
    const isAddress = (name: string) => /^[\d.]+$|:/.test(name);
    extensions.push(
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isAddress(value) ? "ip" as const : "dns" as const, value })),
      ),
    );
  }
  if (purpose) {
    extensions.push(new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[purpose]]));
  }
  if (isPublic) extensions.push(new x509.CertificatePolicyExtension([PUBLIC_POLICY]));
  const common = {
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() + startsInDays * DAY_MS),
    notAfter: new Date(Date.now() + endsInDays * DAY_MS),
    extensions,
  };
  const name = `CN=${subject}`;
  const certificate = issuer
    ? await x509.X509CertificateGenerator.create({
      ...common,
      subject: name,
      issuer: issuer.certificate.subject,
      publicKey: keys.publicKey,
      signingKey: issuer.keys.privateKey,
    })
    : await x509.X509CertificateGenerator.createSelfSigned({ ...common, name, keys });
  return {
    cert: certificate.toString("pem"),
    key: x509.PemConverter.encode(
      await crypto.subtle.exportKey("pkcs8", keys.privateKey),
      "PRIVATE KEY",
    ),
    certificate,
    keys,
    endsMs: certificate.notAfter.getTime(),
  };
}

/** A certificate authority made for one test. */
export async function createAuthority(subject = "Test authority") {
  const root = await createCertificate({
    subject,
    authority: true,
    startsInDays: -1,
    endsInDays: 10,
  });
  return {
    pem: root.cert,
    root,
    /** A server's certificate for `host`; `endsInDays` may lie in the past. */
    issue: (host: string, endsInDays = 5): Promise<Issued> =>
      createCertificate({ names: [host], issuer: root, endsInDays, purpose: "serverAuth" }),
  };
}

/** A certificate that vouches for itself. */
export function createSelfSigned(host: string): Promise<Issued> {
  return createCertificate({ names: [host], startsInDays: -1 });
}
