import dns from "node:dns";
import { RequestError } from "../errors.ts";

/** The addresses of a host name in the system's order; rejects with the resolver's error. */
export type Lookup = (hostname: string) => Promise<string[]>;

/**
 * Concurrent lookups of one name. Each holds one of the runtime's 32 threads for blocking calls, for
 * up to half a minute while no name server responds, and cannot be cancelled. API, identity provider
 * and heartbeat are three names at most; log and secret files need the remaining threads.
 */
export const MAX_LOOKUPS_PER_NAME = 8;

/**
 * Asks the system, which knows hosts files, name servers, and which address is best (RFC 6724).
 */
export async function systemLookup(hostname: string): Promise<string[]> {
  // By default Deno puts IPv4 first and turns its order round. The option `order` came after 2.6.
  const found = await dns.promises.lookup(hostname, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

/**
 * Lookups that throw a `RequestError` with the reason `dns`. Beyond {@linkcode MAX_LOOKUPS_PER_NAME}
 * they share the result of the newest one in flight.
 */
export function createResolver(lookup: Lookup): Lookup {
  const inFlight = new Map<string, Promise<string[]>[]>();
  return async (hostname) => {
    const lookups = inFlight.get(hostname) ?? [];
    const newest = lookups.at(-1);
    if (newest && lookups.length >= MAX_LOOKUPS_PER_NAME) return await newest;
    const own = resolve(hostname, lookup);
    inFlight.set(hostname, [...lookups, own]);
    try {
      return await own;
    } finally {
      const left = inFlight.get(hostname)?.filter((each) => each !== own) ?? [];
      if (left.length > 0) inFlight.set(hostname, left);
      else inFlight.delete(hostname);
    }
  };
}

async function resolve(hostname: string, lookup: Lookup): Promise<string[]> {
  let addresses: string[];
  try {
    addresses = await lookup(hostname);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new RequestError("dns", message, { cause: error });
  }
  if (addresses.length === 0) throw new RequestError("dns", `${hostname} has no address`);
  return addresses;
}
