/** A stream of bytes in both directions: TCP, TLS, or either through a proxy. */
export type Connection = {
  /** Reads into the buffer; resolves with the number of bytes, null at the end of the stream. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes a part of the bytes; resolves with their number. */
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
};
