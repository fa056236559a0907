import { assertEquals, assertRejects } from "@std/assert";
import { RequestError } from "../../src/http_client/errors.ts";
import type { Token } from "../../src/okdata/oauth.ts";
import { createTokenCache } from "../../src/okdata/token_cache.ts";
import { FakeClock, settle } from "../support/clock.ts";

/** A cache whose provider responds when the test says so. */
function start() {
  const clock = new FakeClock();
  const stop = new AbortController();
  const requests: PromiseWithResolvers<Token>[] = [];
  const results: string[] = [];
  const tokens = createTokenCache({
    clock,
    signal: stop.signal,
    onRequest: ({ token }) => results.push(token ? "ok" : "failed"),
    onDrop: () => results.push("dropped"),
    fetchToken() {
      const request = Promise.withResolvers<Token>();
      requests.push(request);
      return request.promise;
    },
  });
  const grant = (value: string, lifetimeMs = 100_000) => {
    requests.at(-1)?.resolve({ value, lifetimeMs });
    return settle();
  };
  const refuse = () => {
    requests.at(-1)?.reject(new RequestError("auth", "refused"));
    return settle();
  };
  return { clock, stop, requests, results, tokens, grant, refuse };
}

Deno.test("the cache sends one request to the provider, however many tasks wait for a token", async () => {
  const { tokens, requests, grant } = start();
  const waiting = Array.from({ length: 50 }, () => tokens.get());
  await grant("one");
  assertEquals(new Set(await Promise.all(waiting)), new Set(["one"]));
  assertEquals([await tokens.get(), requests.length], ["one", 1]);
});

Deno.test("the cache refreshes a token in the background at 80 % of its lifetime", async () => {
  const { clock, tokens, requests, grant } = start();
  tokens.get();
  await grant("one");
  await clock.run(79_999);
  assertEquals(requests.length, 1);
  await clock.run(1);
  assertEquals(requests.length, 2);
  assertEquals(await tokens.get(), "one");
  await grant("two");
  assertEquals(await tokens.get(), "two");
});

Deno.test("the cache does not return an expired token: the next task waits for a new one", async () => {
  const { clock, tokens, requests, grant } = start();
  tokens.get();
  await grant("one");
  await clock.run(80_000);
  await clock.run(20_000);
  const next = tokens.get();
  await grant("two");
  assertEquals([await next, requests.length], ["two", 2]);
});

Deno.test("after a failure the cache requests again after 0.5 s, doubling to 5 s; tasks fail at once", async () => {
  const { clock, tokens, requests, results, refuse, grant } = start();
  const first = assertRejects(() => tokens.get(), RequestError, "refused");
  await refuse();
  await first;
  for (const waitMs of [500, 1_000, 2_000, 4_000, 5_000, 5_000]) {
    const before = requests.length;
    await assertRejects(() => tokens.get(), RequestError, "refused");
    await clock.run(waitMs - 1);
    assertEquals(requests.length, before, `requested earlier than after ${waitMs} ms`);
    await clock.run(1);
    assertEquals(requests.length, before + 1, `not requested after ${waitMs} ms`);
    await refuse();
  }
  await clock.run(5_000);
  await grant("recovered");
  assertEquals(await tokens.get(), "recovered");
  assertEquals(results, [...Array(7).fill("failed"), "ok"]);
});

Deno.test("the cache returns the old token while the provider fails, until it expires", async () => {
  const { clock, tokens, refuse, grant } = start();
  tokens.get();
  await grant("one");
  await clock.run(80_000);
  await refuse();
  assertEquals(await tokens.get(), "one");
  await clock.run(500);
  await refuse();
  clock.stall(20_000);
  await refuse();
  await assertRejects(() => tokens.get(), RequestError);
});

Deno.test("drop accepts a refused token once a second at most", async () => {
  const { clock, tokens, requests, results, grant } = start();
  tokens.get();
  await grant("one");
  assertEquals(tokens.drop("one"), true);
  const next = tokens.get();
  await grant("two");
  assertEquals([await next, requests.length], ["two", 2]);
  assertEquals(tokens.drop("one"), true, "the cache already has another one");
  await clock.run(999);
  assertEquals(tokens.drop("two"), false);
  assertEquals(await tokens.get(), "two");
  await clock.run(1);
  assertEquals(tokens.drop("two"), true);
  assertEquals(results, ["ok", "dropped", "ok", "dropped"]);
});

Deno.test("the cache requests tokens without a lifetime once a second at most", async () => {
  const { clock, tokens, requests, grant } = start();
  tokens.get();
  await grant("one", 0);
  await clock.run(999);
  assertEquals(requests.length, 1);
  await clock.run(1);
  assertEquals(requests.length, 2);
});

Deno.test("an aborted signal ends the refresh in the background", async () => {
  const { clock, stop, tokens, grant } = start();
  tokens.get();
  await grant("one");
  stop.abort();
  assertEquals(clock.waiting, 0);
});

Deno.test("an older failure does not prevent a new token after a refused one", async () => {
  const { clock, tokens, refuse, grant } = start();
  tokens.get();
  await grant("one");
  await clock.run(80_000);
  await refuse();
  assertEquals(tokens.drop("one"), true);
  const next = tokens.get();
  await grant("two");
  assertEquals(await next, "two");
});
