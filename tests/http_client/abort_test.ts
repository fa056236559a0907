import { assertEquals } from "@std/assert";
import { newTimings } from "../../src/http_client/timings.ts";
import { readHead, startRawServer, write } from "../support/targets.ts";
import { DATASET, realExchange } from "./sockets.ts";

async function request(url: string, signal: AbortSignal) {
  const exchange = await realExchange();
  return await exchange(
    { url: new URL(url), method: "GET", headers: {} },
    { signal, timings: newTimings(performance.now()) },
  );
}

Deno.test("exchanges that are aborted while they read leave others alone, and no connection open", async () => {
  await using server = startRawServer(async (connection) => {
    if ((await readHead(connection)).startsWith("GET /endless")) {
      await write(connection, "HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n");
      for (;;) await write(connection, "\0".repeat(100));
    }
    await write(connection, `HTTP/1.1 200 OK\r\ncontent-length: ${DATASET.length}\r\n\r\n`);
    for (const character of DATASET) await write(connection, character);
  });
  for (let round = 0; round < 40; round++) {
    const abort = new AbortController();
    const exchanges = Promise.allSettled([
      request(`${server.url}/endless`, abort.signal),
      request(`${server.url}/whole`, new AbortController().signal),
    ]);
    setTimeout(() => abort.abort(new Error("given up")), round % 5);
    const [aborted, whole] = await exchanges;
    assertEquals(aborted.status === "rejected" && aborted.reason.message, "given up");
    assertEquals(
      whole.status === "fulfilled" && new TextDecoder().decode(whole.value.body),
      DATASET,
    );
  }
});
