import { assertEquals, assertRejects } from "@std/assert";
import { newTimings } from "../../../src/http_client/timings.ts";
import { createAuthority } from "../../support/certificates.ts";
import { eventually } from "../../support/program.ts";
import { startSilentServer } from "../../support/targets.ts";
import { DATASET, realExchange, serving, trusting } from "../sockets.ts";

/** How many handshakes may wait for a server on their own sockets. */
const MAX_HANDSHAKES = 32;

Deno.test("handshakes that nobody responds to occupy a limited number of sockets", async () => {
  const exchange = await realExchange();
  const get = (url: string, signal: AbortSignal) =>
    exchange(
      { url: new URL(url), method: "GET", headers: {} },
      { signal, timings: newTimings(performance.now()) },
    );
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

Deno.test("a connection through a bridge that the server ends is reset", async () => {
  const exchange = await realExchange();
  await using silent = startSilentServer();
  const stop = new AbortController();
  const stuck = Array.from({ length: MAX_HANDSHAKES }, () =>
    exchange(
      { url: new URL(`${silent.url}/abc123`), method: "GET", headers: {} },
      { signal: stop.signal, timings: newTimings(performance.now()) },
    ).catch((error) => error));
  await eventually("all places are taken", () => silent.counts().greetings === MAX_HANDSHAKES);

  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const ending = listener.accept().then(async (connection) => {
    await connection.read(new Uint8Array(4096));
    connection.close();
  });
  const url = new URL(`https://localhost:${listener.addr.port}/abc123`);
  const error = await assertRejects(() =>
    exchange({ url, method: "GET", headers: {} }, {
      signal: AbortSignal.timeout(30_000),
      timings: newTimings(performance.now()),
    })
  );
  await ending;
  assertEquals((error as { reason?: string }).reason, "reset");
  stop.abort();
  await Promise.all(stuck);
});
