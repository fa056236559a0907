import tls from "node:tls";

/** A certificate that a server has presented. */
export type PresentedCertificate = {
  /** In DER. */
  bytes: Uint8Array;
  /** Wall-clock time, milliseconds since the epoch. */
  expiresMs: number;
};

/**
 * Opens a TLS connection by node:tls without checking the certificate, since Deno's own TLS does not
 * show it. `chain` resolves with what the server presents, its own certificate first, and rejects
 * when the handshake fails.
 */
export function openUnchecked(
  address: { host: string; port: number },
  servername: string,
): { socket: tls.TLSSocket; chain: Promise<PresentedCertificate[]> } {
  const socket = tls.connect({
    ...address,
    servername,
    ALPNProtocols: ["http/1.1"],
    rejectUnauthorized: false,
  });
  const chain = new Promise<PresentedCertificate[]>((resolve, reject) => {
    socket.once("secureConnect", () => resolve(chainOf(socket)));
    socket.on("error", reject);
    socket.once("close", () => reject(new Error("the connection ended during the handshake")));
  });
  return { socket, chain };
}

/**
 * The certificates that the host of an https URL presents, its own first, trusted or not. Rejects
 * when there is no TLS there, and with the signal's reason as soon as it aborts.
 */
export async function readPresentedChain(
  url: URL,
  signal: AbortSignal,
): Promise<PresentedCertificate[]> {
  signal.throwIfAborted();
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isName = !/^[\d.]+$|:/.test(host);
  const { socket, chain } = openUnchecked({ host, port: Number(url.port) || 443 }, isName ? host : "");
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([chain, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}

/** When the first certificate of a chain expires, milliseconds since the epoch. */
export function earliestExpiryMs(chain: readonly PresentedCertificate[]): number {
  return Math.min(...chain.map(({ expiresMs }) => expiresMs).filter((ms) => !Number.isNaN(ms)));
}

function chainOf(socket: tls.TLSSocket): PresentedCertificate[] {
  const chain: PresentedCertificate[] = [];
  const seen = new Set<string>();
  let next: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // The chain ends at a certificate that is its own issuer.
  while (next?.raw && !seen.has(next.fingerprint256)) {
    seen.add(next.fingerprint256);
    chain.push({ bytes: next.raw, expiresMs: Date.parse(next.valid_to) });
    next = next.issuerCertificate;
  }
  return chain;
}
