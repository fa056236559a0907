import { formatSpan } from "../../text/format.ts";
import { isSelfSigned, type Presented, shortName, topOf } from "./presented/certificate.ts";

/** What is wrong with a TLS connection, and what a reader can do about it. */
export type TlsFailure = { message: string; advice: string };

type Fault = {
  /** In the words of rustls, which are the same in every version of Deno. */
  pattern: RegExp;
  /** Whether what the server presents says more. */
  needsCertificates?: true;
  /** `presented` is null when it is not known. */
  explain: (groups: readonly string[], host: string, presented: Presented | null) => TlsFailure;
};

const OPERATOR = "Tell whoever operates the server";
const TRUST =
  "put its certificate into DENO_CERT, or set DENO_TLS_CA_STORE=mozilla,system if this " +
  "machine trusts it";

const FAULTS: readonly Fault[] = [
  {
    pattern: /certificate expired: .*not valid after (\d+) \((\d+) seconds ago\)/,
    needsCertificates: true,
    explain: ([end = "", ago = ""], _, presented) => {
      const expiresMs = Number(end) * 1e3;
      const { which, renewal } = whichOf(presented, (each) => each.expiresMs === expiresMs);
      return {
        message: `${which}certificate expired ${formatSpan(Number(ago))} ago, on ${instant(end)}`,
        advice: `${OPERATOR} ${renewal}.`,
      };
    },
  },
  {
    pattern: /not valid yet: verification time (\d+).*not valid before (\d+) \((\d+) seconds/,
    needsCertificates: true,
    explain: ([now = "", start = "", left = ""], _, presented) => {
      const startsMs = Number(start) * 1e3;
      const { which } = whichOf(presented, (each) => each.startsMs === startsMs);
      return {
        message: `${which}certificate valid only in ${formatSpan(Number(left))}, from ` +
          `${instant(start)}; this machine's clock says ${instant(now)}`,
        advice: "Check the clock of this machine, then the server's certificate.",
      };
    },
  },
  {
    pattern: /not valid for any names \(according to its subjectAltName|UnsupportedCertVersion/,
    explain: (_, host) => ({
      message:
        `certificate without subjectAltName, so not valid for ${host}; a common name alone ` +
        "is not accepted",
      advice: `${OPERATOR} to issue a certificate with the host name as subjectAltName.`,
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
      advice: `${OPERATOR} to use a certificate for servers (extended key usage serverAuth).`,
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
    pattern: /EndEntityUsedAsCa/,
    explain: () => ({
      message: "certificate issued by one that is not an authority",
      advice: `${OPERATOR} to use a certificate that an authority (CA:TRUE) has issued.`,
    }),
  },
  { pattern: /UnknownIssuer/, needsCertificates: true, explain: explainUnknownIssuer },
  {
    pattern: /Revoked/,
    explain: () => ({
      message: "certificate revoked",
      advice: `${OPERATOR} to replace the certificate.`,
    }),
  },
  {
    pattern: /invalid peer certificate: (?:BadSignature|UnsupportedSignatureAlgorithm)/,
    explain: () => ({
      message: "certificate with a signature that is not accepted: of a weak algorithm or key " +
        "(SHA-1, RSA below 2048 bits), or of another authority with the same name",
      advice: `${OPERATOR} to have the certificate issued again, with SHA-256 and a strong key.`,
    }),
  },
  {
    pattern: /invalid peer certificate: (?:Other\(OtherError\((\w+)|(\w+))/,
    explain: ([other, plain]) => ({
      message: `certificate not accepted: ${other ?? plain}`,
      advice: `${OPERATOR} to have the certificate issued again.`,
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
    pattern: /alert: (?:CertificateRequired|BadCertificate)/,
    explain: explainClientCertificate,
  },
  {
    pattern: /alert: NoApplicationProtocol/,
    explain: () => ({
      message: "the server does not offer HTTP/1.1, perhaps HTTP/2 alone",
      advice: `${OPERATOR} to offer HTTP/1.1, which the probe speaks.`,
    }),
  },
  {
    pattern: /alert: HandshakeFailure/,
    needsCertificates: true,
    explain: (groups, host, presented) =>
      presented?.asksForCertificate
        ? explainClientCertificate(groups, host, presented)
        : explainNoCommonVersion(groups, host, presented),
  },
  {
    pattern: /alert: (?:ProtocolVersion|InsufficientSecurity)|peer is incompatible/,
    explain: explainNoCommonVersion,
  },
  {
    pattern: /alert: UnrecognisedName/,
    explain: (_, host) => ({
      message: `the server does not know the name ${host}`,
      advice: "Check the host name in the URL.",
    }),
  },
  {
    pattern: /alert: (\w+)/,
    explain: ([alert]) => ({
      message: `the server refuses the TLS connection with the alert ${alert}`,
      advice: `Check the host name in the URL; then look at the server's log.`,
    }),
  },
];

/**
 * Explains an error of a TLS connection to `host` in words that name the cause; what the server
 * presents, when it is known, tells causes apart that have the same error.
 */
export function explainTls(
  text: string,
  host: string,
  presented: Presented | null = null,
): TlsFailure {
  for (const { pattern, explain } of FAULTS) {
    const match = text.match(pattern);
    if (match) return explain(match.slice(1), host, presented);
  }
  return { message: text, advice: `${OPERATOR}: the TLS connection failed.` };
}

/** Whether what the server presents can tell more of this error. */
export function isExplainedByCertificates(text: string): boolean {
  return FAULTS.find(({ pattern }) => pattern.test(text))?.needsCertificates ?? false;
}

function explainUnknownIssuer(
  _: readonly string[],
  _host: string,
  presented: Presented | null,
): TlsFailure {
  const [own] = presented?.certificates ?? [];
  const top = topOf(presented?.certificates ?? []);
  if (!own || !top) {
    return {
      message: "certificate of an unknown authority, or without its intermediate certificate",
      advice: `If the authority is a private one, ${TRUST}; otherwise tell whoever operates the ` +
        "server to send the whole chain.",
    };
  }
  const authority = shortName(top.issuer);
  if (isSelfSigned(own)) {
    return {
      message: "self-signed certificate",
      advice: "If it is known to be the server's own, put it into DENO_CERT; otherwise tell " +
        "whoever operates the server to use one of an authority.",
    };
  }
  if (isSelfSigned(top)) {
    return {
      message: `certificate of an unknown authority, ${authority}`,
      advice:
        `If ${authority} is a private authority, ${TRUST}; otherwise do not trust the server.`,
    };
  }
  // A public authority never issues a server's certificate without an intermediate one.
  if (own === top && own.isPublic) {
    return {
      message: `the server does not send the intermediate certificate ${authority}`,
      advice: `${OPERATOR} to send the whole chain, with the intermediate certificate.`,
    };
  }
  return {
    message: `certificate of ${authority}, which is no known authority and whose own certificate ` +
      "the server does not send",
    advice: `If ${authority} is an intermediate certificate, tell whoever operates the server to ` +
      `send the whole chain; if it is a private authority, ${TRUST}.`,
  };
}

function explainClientCertificate(
  _: readonly string[],
  _host: string,
  _presented: Presented | null,
): TlsFailure {
  return {
    message: "the server requires a client certificate",
    advice: "The probe sends no client certificate: use an address that requires none.",
  };
}

function explainNoCommonVersion(
  _: readonly string[],
  _host: string,
  _presented: Presented | null,
): TlsFailure {
  return {
    message: "no common version of TLS or cipher: the probe speaks TLS 1.2 and 1.3",
    advice: `${OPERATOR} to offer TLS 1.2 or 1.3 with a current cipher.`,
  };
}

/** Names the certificate of the chain that a fault is about, when it is not the server's own. */
function whichOf(
  presented: Presented | null,
  isMeant: (certificate: Presented["certificates"][number]) => boolean,
): { which: string; renewal: string } {
  const index = presented?.certificates.findIndex(isMeant) ?? -1;
  const subject = presented?.certificates[index]?.subject ?? null;
  if (index <= 0) return { which: "", renewal: "to renew the certificate" };
  const name = shortName(subject);
  return {
    which: `intermediate certificate ${name}: `,
    renewal: `to send a newer intermediate certificate than ${name}`,
  };
}

/** `seconds` since the epoch. */
function instant(seconds: string): string {
  return new Date(Number(seconds) * 1e3).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Names as rustls lists them, such as `DnsName("a") or IpAddress(127.0.0.1)`. */
function plainNames(names: string): string {
  return names.replaceAll(/(?:DnsName|IpAddress)\("?([^")]*)"?\)/g, "$1");
}
