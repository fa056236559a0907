/** A source of randomness; tests and simulations seed their own. */
export type Random = {
  /** A number of at least 0 and below 1. */
  fraction(): number;
  /** `bytes` random bytes as lower-case hexadecimal digits. */
  hex(bytes: number): string;
};

/** The machine's own source of randomness. */
export const systemRandom: Random = {
  fraction: () => Math.random(),
  hex: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)).toHex(),
};
