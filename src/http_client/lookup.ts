import type dns from "node:dns";

/** How names are resolved. */
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
 * How many lookups of one name go on at once. Each holds one of the runtime's 32 threads for slow
 * calls, up to half a minute while no nameserver answers, and nothing can end it before. The API, the
 * identity provider and the heartbeat are three names at most: the log and the secret's file need
 * what is left.
 */
export const MAX_LOOKUPS_PER_NAME = 8;

/** Lookups that share the newest one in flight where there are too many of that name already. */
export function shareLookups(lookup: Lookup): Lookup {
  const inFlight = new Map<string, LookupCallback[][]>();
  return (hostname, options, callback) => {
    const key = JSON.stringify([hostname, options.family, options.hints, options.all]);
    const lookups = inFlight.get(key) ?? [];
    if (lookups.length >= MAX_LOOKUPS_PER_NAME) {
      lookups[lookups.length - 1].push(callback);
      return;
    }
    const waiting = [callback];
    inFlight.set(key, [...lookups, waiting]);
    lookup(hostname, options, (...answer) => {
      const left = inFlight.get(key)?.filter((each) => each !== waiting) ?? [];
      if (left.length > 0) inFlight.set(key, left);
      else inFlight.delete(key);
      for (const each of waiting) each(...answer);
    });
  };
}
