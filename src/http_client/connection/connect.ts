import type { Clock } from "../../core/clock.ts";
import { codeOf, RequestError } from "../errors.ts";
import { formatAddress } from "./address.ts";

/** How long an address is tried alone before the next one is tried too. RFC 8305, section 5. */
const CONNECTION_ATTEMPT_DELAY_MS = 250;

/** Opens a TCP connection to an IP address; rejects with the system's error. */
export type OpenTcp = (
  address: string,
  port: number,
  signal: AbortSignal,
) => Promise<Deno.TcpConn>;

export const openTcp: OpenTcp = (hostname, port, signal) =>
  Deno.connect({ hostname, port, signal });

/**
 * Connects to the first address that accepts (Happy Eyeballs, RFC 8305): the next address is tried
 * when the last one has failed or after 250 ms, and only `signal` ends an address that is still
 * being tried. Throws a `RequestError` with the reason `connect` when all addresses have failed, and
 * the signal's reason as soon as it aborts.
 */
export function connectToAny(
  addresses: readonly string[],
  port: number,
  { clock, signal, open = openTcp }: { clock: Clock; signal: AbortSignal; open?: OpenTcp },
): Promise<Deno.TcpConn> {
  return new Promise((resolve, reject) => {
    const left = interleaved(addresses);
    // The addresses that have failed, by the name of their error: many fail alike.
    const failures = new Map<string, string[]>();
    // Ends the other addresses when one has won.
    const over = new AbortController();
    let isOver = false;
    let pending = 0;
    let cancelDelay = () => {};

    const finish = (settle: () => void) => {
      cancelDelay();
      signal.removeEventListener("abort", onAbort);
      settle();
      isOver = true;
      // An abort creates an error with a stack; mostly there is nobody to tell.
      if (pending > 0) over.abort();
    };
    const onAbort = () => finish(() => reject(signal.reason));
    const tryNext = () => {
      cancelDelay();
      const address = left.shift();
      if (address === undefined) return;
      pending++;
      open(address, port, over.signal).then((connection) => {
        pending--;
        if (isOver) connection.close();
        else finish(() => resolve(connection));
      }, (error) => {
        pending--;
        if (isOver) return;
        const code = codeOf(error);
        failures.set(code, [...failures.get(code) ?? [], formatAddress(address, port)]);
        if (left.length > 0) tryNext();
        else if (pending === 0) {
          finish(() => reject(new RequestError("connect", describe(failures))));
        }
      });
      if (left.length > 0) cancelDelay = clock.after(CONNECTION_ATTEMPT_DELAY_MS, tryNext);
    };

    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    tryNext();
  });
}

/** Every address with its error: `connect ECONNREFUSED 192.0.2.1:443, 192.0.2.2:443`. */
function describe(failures: ReadonlyMap<string, readonly string[]>): string {
  return Array.from(failures, ([code, peers]) => `connect ${code} ${peers.join(", ")}`).join("; ");
}

/** The addresses with alternating families, beginning with the first one's. RFC 8305, section 4. */
function interleaved(addresses: readonly string[]): string[] {
  const isV6 = (address: string | undefined) => address?.includes(":") ?? false;
  const first = addresses.filter((each) => isV6(each) === isV6(addresses[0]));
  const second = addresses.filter((each) => isV6(each) !== isV6(addresses[0]));
  const mixed = first.flatMap((address, i) => [address, ...second.slice(i, i + 1)]);
  return [...mixed, ...second.slice(first.length)];
}
