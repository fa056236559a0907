import { assertEquals, assertRejects } from "@std/assert";
import { newTimings } from "../../../src/http_client/timings.ts";
import { createAuthority } from "../../support/certificates.ts";
import { eventually } from "../../support/program.ts";
import { startSilentServer } from "../../support/targets.ts";
import { DATASET, realExchange, serving, trusting } from "../sockets.ts";

/** How many handshakes may wait for a server on their own sockets. */
const MAX_HANDSHAKES = 32;

/** Requests over real sockets, without a proxy. */
async function client() {
  const exchange = await realExchange();
  return (url: string, signal: AbortSignal) =>
    exchange(
      { url: new URL(url), method: "GET", headers: {} },
      { signal, timings: newTimings(performance.now()) },
    );
}

Deno.test("handshakes that nobody responds to occupy a limited number of sockets", async () => {
  const get = await client();
  const { pem, issue } = await createAuthority();
  using _ = trusting(pem);
  const attempts = 3 * MAX_HANDSHAKES;
  await serving(() => new Response(DATASET), async (url) => {
    await using silent = startSilentServer();
    for (let nth = 1; nth <= attempts; nth++) {
      const stop = new AbortController();
      const outcome = get(`${silent.url}/abc123`, stop.signal);
      await eventually("the handshake has begun", () => silent.counts().greetings === nth);
      stop.abort(new Error("given up"));
      await assertRejects(() => outcome, Error, "given up");
    }
    await eventually("all others are closed", () => silent.counts().open === MAX_HANDSHAKES);

    // Through a bridge, since all places are taken.
    const { status, body } = await get(url, AbortSignal.timeout(30_000));
    assertEquals([status, new TextDecoder().decode(body)], [200, DATASET]);
  }, await issue("localhost"));
});

Deno.test("handshakes that begin at the same time occupy no more sockets", async () => {
  const get = await client();
  await using silent = startSilentServer();
  const stop = new AbortController();
  const attempts = Array.from(
    { length: 3 * MAX_HANDSHAKES },
    () => assertRejects(() => get(`${silent.url}/abc123`, stop.signal), Error, "given up"),
  );
  await eventually("all have begun", () => silent.counts().greetings === attempts.length);
  stop.abort(new Error("given up"));
  await Promise.all(attempts);
  await eventually("all others are closed", () => silent.counts().open === MAX_HANDSHAKES);
});

Deno.test("a connection through a bridge that the server ends is reset", async () => {
  const get = await client();
  await using silent = startSilentServer();
  const stop = new AbortController();
  const stuck = Array.from(
    { length: MAX_HANDSHAKES },
    () => get(`${silent.url}/abc123`, stop.signal).catch((error) => error),
  );
  await eventually("all places are taken", () => silent.counts().greetings === MAX_HANDSHAKES);

  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const ending = listener.accept().then(async (connection) => {
    await connection.read(new Uint8Array(4096));
    connection.close();
  });
  const url = `https://localhost:${listener.addr.port}/abc123`;
  const error = await assertRejects(() => get(url, AbortSignal.timeout(30_000)));
  await ending;
  assertEquals((error as { reason?: string }).reason, "reset");
  stop.abort();
  await Promise.all(stuck);
});
