/** The bytes of a text in Latin-1. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Sends a text in Latin-1, or bytes, completely. Throws the errors of the connection. */
export async function send(connection: Deno.Conn, data: string | Uint8Array): Promise<void> {
  let bytes = typeof data === "string" ? bytesOf(data) : data;
  while (bytes.length > 0) bytes = bytes.subarray(await connection.write(bytes));
}
