/**
 * Responds exactly a given number of milliseconds after the headers of each request, on its own
 * clock: all that a client measures beyond that is its own time. Arguments: port, milliseconds, and for
 * TLS the files of certificate and key.
 */
import { datasetBody } from "../dataset.ts";

const [port = NaN, delayMs = NaN] = Deno.args.slice(0, 2).map(Number);
const [, , certFile, keyFile] = Deno.args;

/** A timer may be late by this much. */
const MAX_LATE_MS = 2;

async function respond(connection: Deno.Conn): Promise<void> {
  const request = new Uint8Array(4096);
  const length = await connection.read(request);
  const dueMs = performance.now() + delayMs;
  const head = new TextDecoder().decode(request.subarray(0, length ?? 0));
  const body = datasetBody(head.match(/^GET \/metadata\/(\S+)/)?.[1] ?? "");
  const reply = new TextEncoder().encode(
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n" +
      `content-length: ${body.length}\r\n\r\n${body}`,
  );
  await new Promise((resolve) => setTimeout(resolve, delayMs - MAX_LATE_MS));
  while (performance.now() < dueMs);
  await connection.write(reply);
  connection.close();
}

const address = { hostname: "127.0.0.1", port };
const listener: Deno.Listener = certFile && keyFile
  ? Deno.listenTls({
    ...address,
    cert: Deno.readTextFileSync(certFile),
    key: Deno.readTextFileSync(keyFile),
  })
  : Deno.listen(address);

for await (const connection of listener) {
  respond(connection).catch((error) => {
    // A client that was held still gives up some requests.
    if (!(error instanceof Deno.errors.UnexpectedEof)) console.error(error);
  });
}
