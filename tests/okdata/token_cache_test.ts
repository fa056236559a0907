import { assertEquals, assertRejects } from "@std/assert";
import { RequestError } from "../../src/http_client/errors.ts";
import type { Token } from "../../src/okdata/oauth.ts";
import { createTokenCache } from "../../src/okdata/token_cache.ts";
import { FakeClock, settle } from "../support/clock.ts";

/** A source whose provider answers when the test says so. */
function start() {
  const clock = new FakeClock();
  const stop = new AbortController();
  const asked: { atMs: number; answer: PromiseWithResolvers<Token> }[] = [];
  const results: string[] = [];
  const tokens = createTokenCache({
    clock,
    signal: stop.signal,
    onRequest: ({ token }) => results.push(token ? "ok" : "failed"),
    onDrop: () => results.push("dropped"),
    fetchToken() {
      const answer = Promise.withResolvers<Token>();
      asked.push({ atMs: clock.monotonic(), answer });
      return answer.promise;
    },
  });
  const give = (value: string, lifetimeMs = 100_000) => {
    asked.at(-1)?.answer.resolve({ value, lifetimeMs });
    return settle();
  };
  const refuse = () => {
    asked.at(-1)?.answer.reject(new RequestError("auth", "refused"));
    return settle();
  };
  return { clock, stop, asked, results, tokens, give, refuse };
}

Deno.test("one request to the provider, however many tasks want a token", async () => {
  const { tokens, asked, give } = start();
  const waiting = Array.from({ length: 50 }, () => tokens.get());
  await give("one");
  assertEquals(new Set(await Promise.all(waiting)), new Set(["one"]));
  assertEquals([await tokens.get(), asked.length], ["one", 1]);
});

Deno.test("refreshed in the background at 80 % of its life; nobody waits for it", async () => {
  const { clock, tokens, asked, give } = start();
  tokens.get();
  await give("one");
  await clock.run(79_999);
  assertEquals(asked.length, 1);
  await clock.run(1);
  assertEquals(asked.length, 2);
  assertEquals(await tokens.get(), "one");
  await give("two");
  assertEquals(await tokens.get(), "two");
});

Deno.test("a token that has ended is not used: the next task waits for a new one", async () => {
  const { clock, tokens, asked, give } = start();
  tokens.get();
  await give("one");
  await clock.run(80_000);
  await clock.run(20_000);
  const next = tokens.get();
  await give("two");
  assertEquals([await next, asked.length], ["two", 2]);
});

Deno.test("after a failure the provider is asked after 0.5 s, doubling to 5 s; tasks fail at once", async () => {
  const { clock, tokens, asked, results, refuse, give } = start();
  const first = assertRejects(() => tokens.get(), RequestError, "refused");
  await refuse();
  await first;
  for (const waitMs of [500, 1_000, 2_000, 4_000, 5_000, 5_000]) {
    const before = asked.length;
    await assertRejects(() => tokens.get(), RequestError, "refused");
    await clock.run(waitMs - 1);
    assertEquals(asked.length, before, `asked earlier than after ${waitMs} ms`);
    await clock.run(1);
    assertEquals(asked.length, before + 1, `not asked after ${waitMs} ms`);
    await refuse();
  }
  await clock.run(5_000);
  await give("recovered");
  assertEquals(await tokens.get(), "recovered");
  assertEquals(results, [...Array(7).fill("failed"), "ok"]);
});

Deno.test("the old token serves while the provider fails, until it ends", async () => {
  const { clock, tokens, refuse, give } = start();
  tokens.get();
  await give("one");
  await clock.run(80_000);
  await refuse();
  assertEquals(await tokens.get(), "one");
  await clock.run(500);
  await refuse();
  clock.stall(20_000);
  await refuse();
  await assertRejects(() => tokens.get(), RequestError);
});

Deno.test("a refused token is given up once a second at most", async () => {
  const { clock, tokens, asked, results, give } = start();
  tokens.get();
  await give("one");
  assertEquals(tokens.drop("one"), true);
  const next = tokens.get();
  await give("two");
  assertEquals([await next, asked.length], ["two", 2]);
  assertEquals(tokens.drop("one"), true, "another one is there already");
  await clock.run(999);
  assertEquals(tokens.drop("two"), false);
  assertEquals(await tokens.get(), "two");
  await clock.run(1);
  assertEquals(tokens.drop("two"), true);
  assertEquals(results, ["ok", "dropped", "ok", "dropped"]);
});

Deno.test("a provider that gives tokens of no life is not asked in a burst", async () => {
  const { clock, tokens, asked, give } = start();
  tokens.get();
  await give("one", 0);
  await clock.run(999);
  assertEquals(asked.length, 1);
  await clock.run(1);
  assertEquals(asked.length, 2);
});

Deno.test("stopping ends the refreshing", async () => {
  const { clock, stop, tokens, give } = start();
  tokens.get();
  await give("one");
  stop.abort();
  assertEquals(clock.waiting, 0);
});

Deno.test("an old failure does not stand in the way of a token in place of a refused one", async () => {
  const { clock, tokens, refuse, give } = start();
  tokens.get();
  await give("one");
  await clock.run(80_000);
  await refuse();
  assertEquals(tokens.drop("one"), true);
  const next = tokens.get();
  await give("two");
  assertEquals(await next, "two");
});
