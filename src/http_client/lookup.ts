import type dns from "node:dns";

/** Resolves a host name, as `dns.lookup` does. */
export type Lookup = (
  hostname: string,
  options: dns.LookupOptions,
  callback: LookupCallback,
) => void;

export type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | dns.LookupAddress[],
  family: number,
) => void;

/**
 * Concurrent lookups of one name. Each holds one of the runtime's 32 threads for blocking calls, for
 * up to half a minute while no name server responds, and cannot be cancelled. API, identity provider
 * and heartbeat are three names at most; log and secret files need the remaining threads.
 */
export const MAX_LOOKUPS_PER_NAME = 8;

/** Lookups beyond {@linkcode MAX_LOOKUPS_PER_NAME} share the result of the newest one in flight. */
export function shareLookups(lookup: Lookup): Lookup {
  const inFlight = new Map<string, LookupCallback[][]>();
  return (hostname, options, callback) => {
    const key = JSON.stringify([hostname, options.family, options.hints, options.all]);
    const lookups = inFlight.get(key) ?? [];
    if (lookups.length >= MAX_LOOKUPS_PER_NAME) {
      lookups.at(-1)?.push(callback);
      return;
    }
    const waiting = [callback];
    inFlight.set(key, [...lookups, waiting]);
    lookup(hostname, options, (...result) => {
      const left = inFlight.get(key)?.filter((each) => each !== waiting) ?? [];
      if (left.length > 0) inFlight.set(key, left);
      else inFlight.delete(key);
      for (const each of waiting) each(...result);
    });
  };
}
