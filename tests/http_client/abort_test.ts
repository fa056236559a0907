import { assertEquals } from "@std/assert";
import { newTimings } from "../../src/http_client/timings.ts";
import { DATASET, realExchange, say, talking } from "./sockets.ts";

function request(url: string, signal: AbortSignal) {
  return realExchange()(
    { url: new URL(url), method: "GET", headers: {} },
    { signal, timings: newTimings(performance.now()) },
  );
}

Deno.test("exchanges that are aborted while they read leave others alone, and no connection open", async () => {
  let nth = 0;
  await talking(async (connection) => {
    // Every other one gets bytes without an end, which go on after it is aborted.
    if (nth++ % 2 === 1) {
      await say(connection, `HTTP/1.1 200 OK\r\ncontent-length: ${DATASET.length}\r\n\r\n`);
      for (const character of DATASET) await say(connection, character);
      return;
    }
    await say(connection, "HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n");
    for (;;) await say(connection, "\0".repeat(100));
  }, async (url) => {
    for (let round = 0; round < 40; round++) {
      const abort = new AbortController();
      const aborted = request(url, abort.signal);
      const whole = request(url, new AbortController().signal);
      const outcomes = Promise.allSettled([aborted, whole]);
      setTimeout(() => abort.abort(new Error("given up")), round % 5);
      for (const outcome of await outcomes) {
        if (outcome.status === "rejected") assertEquals(outcome.reason.message, "given up");
        else assertEquals(new TextDecoder().decode(outcome.value.body), DATASET);
      }
    }
  });
});
