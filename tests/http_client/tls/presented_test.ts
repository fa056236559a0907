import { assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../../src/core/clock.ts";
import type { Connection } from "../../../src/http_client/connection/connection.ts";
import { earliestExpiryMs } from "../../../src/http_client/tls/presented/certificate.ts";
import { readServerHandshake } from "../../../src/http_client/tls/presented/handshake.ts";
import { createPresentedReader } from "../../../src/http_client/tls/presented/presented.ts";
import { createAuthority } from "../../support/certificates.ts";
import { intermediateOf, leafOf, listen } from "../../support/tls_faults.ts";

const read = createPresentedReader({
  clock: systemClock,
  resolve: () => Promise.resolve(["127.0.0.1"]),
  proxyFor: () => null,
});

function urlOf(port: number): URL {
  return new URL(`https://localhost:${port}`);
}

/** A connection on which a server says these bytes and ends. */
function saying(...parts: readonly Uint8Array[]): Connection {
  const left = [...parts];
  return {
    read(buffer) {
      const part = left.shift();
      if (part) buffer.set(part);
      return Promise.resolve(part ? part.length : null);
    },
    write: (bytes) => Promise.resolve(bytes.length),
    close() {},
  };
}

Deno.test("the certificates of a chain are read whole, untrusted as they are", async () => {
  const { root } = await createAuthority("Stranger");
  const intermediate = await intermediateOf(root, { endsInDays: 2 });
  const leaf = await leafOf(intermediate, { endsInDays: 3 });
  const server = listen([leaf, intermediate]);
  const { certificates, asksForCertificate } = await read(
    urlOf(server.port),
    new AbortController().signal,
  );
  server.close();
  assertEquals(
    certificates.map(({ subject, issuer, expiresMs }) => [subject, issuer, expiresMs]),
    [
      ["CN=localhost", "CN=Intermediate", leaf.endsMs],
      ["CN=Intermediate", "CN=Stranger", intermediate.endsMs],
    ],
  );
  assertEquals(asksForCertificate, false);
  assertEquals(earliestExpiryMs(certificates), intermediate.endsMs);
});

Deno.test("a read of certificates rejects at once when its signal aborts", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const controller = new AbortController();
  const reading = read(urlOf(listener.addr.port), controller.signal);
  const connection = await accepted;
  // The client's first message has arrived: it waits for the server.
  await connection.read(new Uint8Array(4096));
  controller.abort(new Error("stop"));
  await assertRejects(() => reading);
  connection.close();
  listener.close();
});

for (
  const [what, connection, message] of [
    ["a server that ends", saying(), "the connection ended during the handshake"],
    ["a web page", saying(new TextEncoder().encode("HTTP/1.1 400 x")), "does not speak TLS"],
    ["an alert", saying(Uint8Array.of(21, 3, 3, 0, 2, 2, 40)), "refuses with alert 40"],
    ["an endless message", saying(Uint8Array.of(22, 3, 3, 0, 4, 11, 255, 255, 255)), "too long"],
    [
      "a message that is cut short",
      saying(Uint8Array.of(22, 3, 3, 0, 6, 2, 0, 0, 2, 3, 3)),
      "cut short",
    ],
  ] as const
) {
  Deno.test(`the certificates of ${what} cannot be read`, async () => {
    await assertRejects(() => readServerHandshake(connection, null), Error, message);
  });
}

Deno.test("records without end do not keep a read of certificates busy", async () => {
  const record = Uint8Array.of(20, 3, 3, 4, 0, ...new Uint8Array(1024));
  const connection = saying(...Array.from({ length: 1_000 }, () => record));
  await assertRejects(() => readServerHandshake(connection, null), Error, "too long");
});
