import { X509Certificate } from "node:crypto";

/** A certificate that a server presents, or that a file holds. Names are null when unreadable. */
export type Certificate = {
  /** When it ends, milliseconds since the epoch; NaN when it cannot be read. */
  expiresMs: number;
  /** When it begins, likewise. */
  startsMs: number;
  subject: string | null;
  issuer: string | null;
  /** Whether it names a policy that only publicly trusted certificates may name. */
  isPublic: boolean;
};

/** What a host presents to its clients in a TLS handshake. */
export type Presented = {
  /** Its own certificate first. */
  certificates: Certificate[];
  asksForCertificate: boolean;
};

/**
 * The beginning of the policy identifiers 2.23.140.1.*, in DER. Each publicly trusted certificate of
 * a server has one: CA/Browser Forum, Baseline Requirements, section 7.1.2.7.9.
 */
const PUBLIC_POLICIES = [[6, 6, 0x67, 0x81, 0x0c, 1, 2], [6, 5, 0x67, 0x81, 0x0c, 1, 1]];

/** Reads a certificate in DER. What cannot be read is NaN or null. */
export function parseCertificate(der: Uint8Array): Certificate {
  const isPublic = PUBLIC_POLICIES.some((policy) => includes(der, policy));
  try {
    const { validFrom, validTo, subject, issuer } = new X509Certificate(der);
    const [startsMs, expiresMs] = [Date.parse(validFrom), Date.parse(validTo)];
    return { startsMs, expiresMs, subject, issuer, isPublic };
  } catch {
    return { startsMs: NaN, expiresMs: NaN, subject: null, issuer: null, isPublic };
  }
}

/** The certificates of a text in PEM, in their order; those that cannot be read are left out. */
export function parsePem(text: string): Certificate[] {
  const blocks = text.matchAll(
    /-----BEGIN (?:TRUSTED )?CERTIFICATE-----([\sA-Za-z0-9+/=]*)-----END (?:TRUSTED )?CERTIFICATE-----/g,
  );
  return Array.from(blocks, ([, base64 = ""]) => decodeBase64(base64))
    .filter((der) => der !== null)
    .map(parseCertificate)
    .filter(({ subject }) => subject !== null);
}

/** When the first of these certificates ends; NaN when none can be read. */
export function earliestExpiryMs(certificates: readonly Certificate[]): number {
  const ends = certificates.map(({ expiresMs }) => expiresMs).filter((ms) => !Number.isNaN(ms));
  return ends.length > 0 ? Math.min(...ends) : NaN;
}

/** Whether a certificate names itself as its issuer. */
export function isSelfSigned({ subject, issuer }: Certificate): boolean {
  return subject !== null && subject === issuer;
}

/** The part of a distinguished name that people know it by: its common name, or all of it. */
export function shortName(name: string | null): string {
  if (name === null) return "an unreadable name";
  return name.match(/(?:^|[\n,]\s*)CN=([^\n,]+)/)?.[1] ?? name.replaceAll("\n", ", ");
}

/**
 * The certificate at which the chain of the first one ends: it is its own issuer, or its issuer is
 * not among them. Null without a certificate.
 */
export function topOf(certificates: readonly Certificate[]): Certificate | null {
  let [top = null] = certificates;
  for (let i = 0; top && !isSelfSigned(top) && i < certificates.length; i++) {
    const { issuer } = top;
    top = certificates.find((each) => each.subject === issuer) ?? top;
  }
  return top;
}

function includes(bytes: Uint8Array, part: readonly number[]): boolean {
  return bytes.some((_, at) => part.every((byte, i) => bytes[at + i] === byte));
}

function decodeBase64(text: string): Uint8Array | null {
  try {
    return Uint8Array.from(
      atob(text.replaceAll(/\s/g, "")),
      (character) => character.charCodeAt(0),
    );
  } catch {
    return null;
  }
}
