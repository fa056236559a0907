/** A text in Latin-1 as its bytes. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Sends all of a text in Latin-1, or of the bytes. Throws what the connection does. */
export async function send(connection: Deno.Conn, what: string | Uint8Array): Promise<void> {
  let bytes = typeof what === "string" ? bytesOf(what) : what;
  while (bytes.length > 0) bytes = bytes.subarray(await connection.write(bytes));
}
