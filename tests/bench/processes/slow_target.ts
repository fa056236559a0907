/**
 * Responds exactly a given number of milliseconds after the headers of each request, on its own
 * clock: all that a client measures beyond that is its own time. Arguments: port, milliseconds.
 */
import { datasetBody } from "../dataset.ts";

const [port = NaN, delayMs = NaN] = Deno.args.map(Number);

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

/** A client that was held still gives up some requests. */
const GIVEN_UP = [Deno.errors.UnexpectedEof, Deno.errors.BrokenPipe, Deno.errors.ConnectionReset];

for await (const connection of Deno.listen({ hostname: "127.0.0.1", port })) {
  respond(connection).catch((error) => {
    if (!GIVEN_UP.some((kind) => error instanceof kind)) console.error(error);
  });
}
