/** Where chance comes from; tests and simulations seed their own. */
export type Random = {
  /** A number from 0 up to, but without, 1. */
  fraction(): number;
  /** `bytes` random bytes as lower-case hexadecimal digits. */
  hex(bytes: number): string;
};

/** The machine's own source of randomness. */
export const systemRandom: Random = {
  fraction: () => Math.random(),
  hex: (bytes) =>
    Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => {
      return byte.toString(16).padStart(2, "0");
    }).join(""),
};
