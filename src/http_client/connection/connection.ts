/** A stream of bytes in both directions: TCP, TLS, or either through a proxy. */
export type Connection = {
  /** Reads into the buffer; resolves with the number of bytes, null at the end of the stream. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes a part of the bytes; resolves with their number. */
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
};

/** Writes all bytes; rejects with the system's error. */
export async function writeAll(
  connection: Pick<Connection, "write">,
  bytes: Uint8Array,
): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(await connection.write(rest));
}

/** Closes a connection that may be closed already. */
export function tryToClose(connection: Pick<Connection, "close">): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
