import { formatSpan } from "../../text/format.ts";

/** What is wrong with a TLS connection, and what a reader can do about it. */
export type TlsFailure = { message: string; advice: string };

type Fault = {
  /** In the words of rustls, which are the same in every version of Deno. */
  pattern: RegExp;
  explain: (groups: readonly string[], host: string) => TlsFailure;
};

const OPERATOR = "Tell whoever operates the server";
const AUTHORITY = "If the authority is a private one, put its certificate into DENO_CERT";

const FAULTS: readonly Fault[] = [
  {
    pattern: /certificate expired: .*not valid after (\d+) \((\d+) seconds ago\)/,
    explain: ([end = "", ago = ""]) => ({
      message: `certificate expired ${formatSpan(Number(ago))} ago, on ${formatInstant(end)}`,
      advice: `${OPERATOR} to renew the certificate.`,
    }),
  },
  {
    pattern: /not valid yet: verification time (\d+).*not valid before (\d+) \((\d+) seconds/,
    explain: ([now = "", start = "", left = ""]) => ({
      message: `certificate valid only in ${formatSpan(Number(left))}, from ` +
        `${formatInstant(start)}; this machine's clock says ${formatInstant(now)}`,
      advice: "Check the clock of this machine, then the server's certificate.",
    }),
  },
  {
    pattern: /not valid for any names \(according to its subjectAltName|UnsupportedCertVersion/,
    explain: (_, host) => ({
      message: `certificate without subjectAltName, so not valid for ${host}; a common name alone ` +
        "is not accepted",
      advice: `${OPERATOR} to add the host name as subjectAltName.`,
    }),
  },
  {
    pattern: /not valid for name "([^"]*)"; certificate is only valid for (.*)/,
    explain: ([name = "", names = ""]) => ({
      message: `certificate not valid for ${name}, only for ${plainNames(names)}`,
      advice: "Check the host name in the URL: it must be one that the certificate names.",
    }),
  },
  {
    pattern: /does not allow extended key usage for server authentication/,
    explain: () => ({
      message: "certificate for another purpose than server authentication",
      advice: `${OPERATOR} to use a certificate for servers.`,
    }),
  },
  {
    pattern: /CaUsedAsEndEntity/,
    explain: () => ({
      message: "certificate of an authority, which is not accepted as a server's own",
      advice: `${OPERATOR} to issue a server certificate that is not an authority (CA:FALSE).`,
    }),
  },
  {
    pattern: /UnknownIssuer/,
    explain: () => ({
      message: "certificate of an unknown authority, or without its intermediate certificate",
      advice: `${AUTHORITY}; otherwise tell whoever operates the server to send the whole chain.`,
    }),
  },
  {
    pattern: /Revoked/,
    explain: () => ({
      message: "certificate revoked",
      advice: `${OPERATOR} to replace the certificate.`,
    }),
  },
  {
    pattern: /InvalidContentType|corrupt message/,
    explain: (_, host) => ({
      message: `${host} does not speak TLS on this port`,
      advice: "Check whether the URL must begin with http:// or name another port.",
    }),
  },
  {
    pattern: /alert: CertificateRequired|alert: BadCertificate/,
    explain: () => ({
      message: "the server requires a client certificate",
      advice: "The probe sends no client certificate: use an address that requires none.",
    }),
  },
  {
    pattern: /alert: NoApplicationProtocol/,
    explain: () => ({
      message: "the server does not offer HTTP/1.1, perhaps HTTP/2 alone",
      advice: `${OPERATOR} to offer HTTP/1.1, which the probe speaks.`,
    }),
  },
  {
    pattern: /alert: (?:ProtocolVersion|HandshakeFailure|InsufficientSecurity)|peer is incompatible/,
    explain: () => ({
      message: "no common version of TLS or cipher: the probe speaks TLS 1.2 and 1.3",
      advice: `${OPERATOR} to offer TLS 1.2 or 1.3.`,
    }),
  },
  {
    pattern: /alert: UnrecognisedName/,
    explain: (_, host) => ({
      message: `the server does not know the name ${host}`,
      advice: "Check the host name in the URL.",
    }),
  },
];

/** Explains an error of a TLS connection to `host` in words that name the cause. */
export function explainTls(text: string, host: string): TlsFailure {
  for (const { pattern, explain } of FAULTS) {
    const match = text.match(pattern);
    if (match) return explain(match.slice(1), host);
  }
  return { message: text, advice: `${OPERATOR}: the TLS connection failed.` };
}

/** `at` is in seconds since the epoch. */
function formatInstant(at: string): string {
  return new Date(Number(at) * 1e3).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Names as rustls lists them, such as `DnsName("a") or IpAddress(127.0.0.1)`. */
function plainNames(names: string): string {
  return names.replaceAll(/(?:DnsName|IpAddress)\("?([^")]*)"?\)/g, "$1");
}
