import { assertEquals, assertRejects } from "@std/assert";
import { RequestError } from "../../src/http_client/errors.ts";
import type { Token } from "../../src/okdata/oauth.ts";
import { createTokenCache } from "../../src/okdata/token_cache.ts";
import { FakeClock, settle } from "../support/clock.ts";

/** A cache whose provider responds when the test says so. Its back-off waits as long as it may. */
function start({ retries = 0 } = {}) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const requests: PromiseWithResolvers<Token>[] = [];
  const results: string[] = [];
  const tokens = createTokenCache({
    clock,
    random: { fraction: () => 1, hex: () => "" },
    retries,
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
  /** The provider is out of order, and asks to wait when `retryAfterMs` is given. */
  const breakDown = (retryAfterMs: number | null = null) => {
    const response = { status: 503, body: "", retryAfterMs };
    const cause = new RequestError("server_error", "down", { response });
    requests.at(-1)?.reject(new RequestError("identity_provider", "down", { cause }));
    return settle();
  };
  return { clock, stop, requests, results, tokens, grant, refuse, breakDown };
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

Deno.test("after a refusal the cache requests again after 0.5 s, doubling to 5 s; tasks fail at once", async () => {
  const { clock, tokens, requests, results, refuse, grant } = start({ retries: 3 });
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

Deno.test("a request that fails in an outage is retried for all who wait, with the API's back-off", async () => {
  const { clock, tokens, requests, results, breakDown, grant } = start({ retries: 3 });
  const waiting = Array.from({ length: 20 }, () => tokens.get());
  for (const backoffMs of [250, 500, 1_000]) {
    const before = requests.length;
    await breakDown();
    await clock.run(backoffMs - 1);
    assertEquals(requests.length, before, `earlier than after ${backoffMs} ms`);
    await clock.run(1);
    assertEquals(requests.length, before + 1, `later than after ${backoffMs} ms`);
  }
  await grant("one");
  assertEquals(new Set(await Promise.all(waiting)), new Set(["one"]));
  assertEquals(results, ["failed", "failed", "failed", "ok"]);
});

Deno.test("who waits for a token gives up after its retries, with the last failure", async () => {
  const { clock, tokens, requests, breakDown } = start({ retries: 1 });
  const waiting = assertRejects(() => tokens.get(), RequestError, "down");
  await breakDown();
  await clock.run(250);
  await breakDown();
  await waiting;
  assertEquals(requests.length, 2);
});

Deno.test("without retries an outage fails tasks at once while the cache asks in the background", async () => {
  const { clock, tokens, requests, breakDown } = start({ retries: 0 });
  const first = assertRejects(() => tokens.get(), RequestError, "down");
  await breakDown();
  await first;
  await clock.run(499);
  await assertRejects(() => tokens.get(), RequestError, "down");
  assertEquals(requests.length, 1);
  await clock.run(1);
  assertEquals(requests.length, 2);
});

Deno.test("the last failure counts for a task that comes after it", async () => {
  const { clock, tokens, requests, breakDown, grant } = start({ retries: 1 });
  tokens.get().catch(() => {});
  await breakDown();
  await clock.run(250);
  await breakDown();
  const late = tokens.get();
  await clock.run(500);
  assertEquals(requests.length, 3);
  await grant("one");
  assertEquals(await late, "one");
});

Deno.test("nobody who waits brings the next request forward: without waiters it is made in the background", async () => {
  const { clock, tokens, requests, grant, breakDown } = start({ retries: 3 });
  tokens.get();
  await grant("one");
  await clock.run(80_000);
  await breakDown();
  await clock.run(499);
  assertEquals(requests.length, 2);
  await clock.run(1);
  assertEquals(requests.length, 3);
});

Deno.test("a retry that would begin at the deadline or later fails at once, with the known failure", async () => {
  const { clock, tokens, requests, breakDown } = start({ retries: 3 });
  const deadlineMs = clock.monotonic() + 7_000;
  const tooLate = assertRejects(() => tokens.get(deadlineMs), RequestError, "down");
  const inTime = tokens.get(deadlineMs + 1);
  inTime.catch(() => {});
  await breakDown(7_000);
  await tooLate;
  assertEquals(requests.length, 1);
  await clock.run(7_000);
  assertEquals(requests.length, 2);
});

Deno.test("Retry-After delays the request in the background and the one for a task alike", async () => {
  for (const isAwaited of [true, false]) {
    const { clock, tokens, requests, breakDown, grant } = start({ retries: isAwaited ? 3 : 0 });
    const waiting = tokens.get();
    waiting.catch(() => {});
    await breakDown(30_000);
    await clock.run(29_999);
    assertEquals(requests.length, 1, `awaited: ${isAwaited}`);
    await clock.run(1);
    assertEquals(requests.length, 2, `awaited: ${isAwaited}`);
    await grant("one");
    if (isAwaited) assertEquals(await waiting, "one");
  }
});

Deno.test("a provider that asks for hours is asked again after five minutes", async () => {
  const { clock, tokens, requests, breakDown } = start();
  tokens.get().catch(() => {});
  await breakDown(86_400_000);
  await clock.run(299_999);
  assertEquals(requests.length, 1);
  await clock.run(1);
  assertEquals(requests.length, 2);
});

Deno.test("Retry-After holds for the request that replaces a refused token", async () => {
  const { clock, tokens, requests, breakDown, grant } = start({ retries: 1 });
  tokens.get();
  await grant("one");
  await clock.run(80_000);
  await breakDown(10_000);
  assertEquals(tokens.drop("one"), true);
  const next = tokens.get();
  await clock.run(9_999);
  assertEquals(requests.length, 2);
  await clock.run(1);
  await grant("two");
  assertEquals(await next, "two");
});

Deno.test("a doubted token is replaced once a minute at most, and stays until there is another", async () => {
  const { clock, tokens, results, breakDown, grant } = start();
  tokens.get();
  await grant("one");
  assertEquals(tokens.doubt("one"), true);
  const next = assertRejects(() => tokens.get(Infinity, "one"), RequestError);
  assertEquals(await tokens.get(), "one", "for who does not doubt it");
  await breakDown();
  await next;
  assertEquals(await tokens.get(), "one");
  await clock.run(59_999);
  assertEquals(tokens.doubt("one"), false);
  await clock.run(1);
  assertEquals(tokens.doubt("one"), true);
  const renewed = tokens.get(Infinity, "one");
  await grant("two");
  assertEquals([await renewed, await tokens.get()], ["two", "two"]);
  assertEquals(results, ["ok", "failed", "ok"]);
});
