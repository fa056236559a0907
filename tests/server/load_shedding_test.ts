import { assert, assertEquals } from "@std/assert";
import type { Clock } from "../../src/core/clock.ts";
import { shedLoad } from "../../src/server/load_shedding/load_shedding.ts";
import { settle } from "../support/clock.ts";

/** A loop whose turns come when a test wants them, however long they are to wait for. */
function loop() {
  const waiting: (() => void)[] = [];
  const world = { nowMs: 0, delaysMs: [] as number[] };
  const clock: Clock = {
    now: () => world.nowMs,
    monotonic: () => world.nowMs,
    after(delayMs, callback) {
      world.delaysMs.push(delayMs);
      waiting.push(callback);
      return () => {};
    },
  };
  return {
    ...{ clock, world },
    async turn(): Promise<void> {
      for (const callback of waiting.splice(0)) callback();
      await settle();
    },
  };
}

const ask = (path: string) => new Request(`http://probe${path}`);

/** A shedLoad before answers with the texts that `textOf` gives to each path, always with room. */
function gateBefore(textOf: (path: string) => string) {
  const { clock, turn } = loop();
  const handler = shedLoad(({ url }) => new Response(textOf(new URL(url).pathname)), clock);
  return async (path: string) => {
    const response = await handler(ask(path));
    await turn();
    return response;
  };
}

/** Whether an answer can be read to its end. */
async function isWhole(response: Response): Promise<boolean> {
  const { length } = await response.bytes();
  return length === Number(response.headers.get("content-length"));
}

const MEBIBYTE = 1024 * 1024;
const large = (path: string) => path.padEnd(MEBIBYTE, "x");

Deno.test("a request is begun in each turn of the loop; the first one at once", async () => {
  const { clock, turn } = loop();
  const begun: string[] = [];
  const handler = shedLoad(({ url }) => {
    begun.push(new URL(url).pathname);
    return new Response("answer");
  }, clock);
  const answers = ["/1", "/2", "/3"].map((path) => handler(ask(path)));
  await settle();
  assertEquals(begun, ["/1"]);
  await turn();
  assertEquals(begun, ["/1", "/2"]);
  await turn();
  assertEquals(begun, ["/1", "/2", "/3"]);
  for (const answer of answers) assertEquals(await (await answer).text(), "answer");
  await turn();
  await handler(ask("/4"));
  assertEquals(begun.at(-1), "/4");
});

Deno.test("a long turn is followed by a pause that is as long", async () => {
  const { clock, world, turn } = loop();
  const handler = shedLoad(() => {
    world.nowMs += 20;
    return new Response(null);
  }, clock);
  const answers = [handler(ask("/1")), handler(ask("/2"))];
  await settle();
  await turn();
  assertEquals(world.delaysMs, [0, 20]);
  await turn();
  assertEquals(world.delaysMs, [0, 20, 0]);
  await Promise.all(answers);
});

Deno.test("answers that are there in the same instant are given one in each turn", async () => {
  const { clock, turn } = loop();
  const { promise, resolve } = Promise.withResolvers<void>();
  const handler = shedLoad(() => promise.then(() => new Response("answer")), clock);
  let given = 0;
  const asked = Array.from({ length: 3 }, async () => {
    const answer = await handler(ask("/metrics"));
    given++;
    return answer;
  });
  for (let turns = 0; turns < 4; turns++) await turn();
  resolve();
  for (const expected of [1, 2, 3]) {
    await settle();
    assertEquals(given, expected);
    await turn();
  }
  for (const answer of asked) assertEquals(await (await answer).text(), "answer");
});

Deno.test("who asks need not wait for what others wait for", async () => {
  const { clock, turn } = loop();
  const handler = shedLoad(({ url }) => {
    return url.endsWith("/slow") ? new Promise<Response>(() => {}) : new Response("answer");
  }, clock);
  handler(ask("/slow"));
  const answer = handler(ask("/"));
  await turn();
  assertEquals(await (await answer).text(), "answer");
});

Deno.test("too many are sent away, but for those who ask for the health", async () => {
  const { clock, turn } = loop();
  const handler = shedLoad(() => new Response("answer"), clock);
  const viewOf = async (path: string) => (await handler(ask(path))).status;
  const first = Array.from({ length: 201 }, () => handler(ask("/metrics")));
  const refusals = ["/metrics", "/", "/healthz/", "/tasks?/healthz", "/tasks#/readyz"]
    .map((path) => handler(ask(path)));
  await turn();
  for (const refusal of await Promise.all(refusals)) {
    assertEquals([refusal.status, refusal.headers.get("retry-after")], [503, "1"]);
    assertEquals(await refusal.json(), { error: "too many requests at once" });
  }
  assertEquals([await viewOf("/healthz"), await viewOf("/readyz")], [200, 200]);
  await turn();
  const next = handler(ask("/metrics"));
  while ((await Promise.race([next, turn()])) === undefined);
  assertEquals((await next).status, 200);
  for (const answer of first) assertEquals((await answer).status, 200);
});

Deno.test("those who have begun and wait for their answer count among the many", async () => {
  const { clock, turn } = loop();
  const { promise, resolve } = Promise.withResolvers<void>();
  const handler = shedLoad(() => promise.then(() => new Response("answer")), clock);
  const first = Array.from({ length: 201 }, () => handler(ask("/metrics")));
  for (let turns = 0; turns < 201; turns++) await turn();
  const refusal = handler(ask("/metrics"));
  await turn();
  assertEquals((await refusal).status, 503);
  resolve();
  for (let turns = 0; turns < 202; turns++) await turn();
  for (const answer of first) assertEquals((await answer).status, 200);
  assertEquals((await handler(ask("/metrics"))).status, 200);
});

Deno.test("who comes when thousands wait to be sent away is sent away at once", async () => {
  const { clock } = loop();
  const handler = shedLoad(() => new Response("answer"), clock);
  for (let nth = 0; nth < 201; nth++) handler(ask("/metrics"));
  for (let nth = 0; nth < 20_000 + 1; nth++) handler(ask("/metrics"));
  assertEquals((await handler(ask("/metrics"))).status, 503);
});

Deno.test("a crowd is sent away a few at a time, in the order in which they came", async () => {
  const { clock, turn } = loop();
  const handler = shedLoad(() => new Response("answer"), clock);
  for (let nth = 0; nth < 201; nth++) handler(ask("/metrics"));
  const gone: number[] = [];
  for (let nth = 0; nth < 120; nth++) {
    Promise.resolve(handler(ask("/metrics"))).then(() => gone.push(nth));
  }
  const counts: number[] = [];
  do {
    counts.push(gone.length);
    await turn();
  } while (gone.length > counts.at(-1)!);
  assertEquals(counts, [0, 51, 101, 120]);
  assertEquals(gone, gone.toSorted((a, b) => a - b));
});

Deno.test("an answer arrives as it was given, however it is cut on its way", async () => {
  const text = "x€😀\ud800".repeat(50_000);
  const { clock } = loop();
  const headers = { "content-type": "text/plain", "x-own": "1" };
  const handler = shedLoad(() => new Response(text, { status: 418, headers }), clock);
  const response = await handler(ask("/"));
  assertEquals([response.status, response.headers.get("x-own")], [418, "1"]);
  const bytes = await response.bytes();
  assertEquals(response.headers.get("content-length"), String(bytes.length));
  assert(new TextDecoder().decode(bytes) === text.toWellFormed());
});

Deno.test("what has no body, and a stream that lasts, go through as they are", async () => {
  const events = { headers: { "content-type": "text/event-stream" } };
  for (const given of [new Response(null), new Response(new ReadableStream(), events)]) {
    assert(await shedLoad(() => given, loop().clock)(ask("/")) === given);
  }
});

Deno.test("large answers that nobody reads give way to newer ones", async () => {
  const answer = gateBefore(large);
  const answers = [];
  for (let nth = 0; nth < 64; nth++) answers.push(await answer(`/${nth}`));
  const whole = await Promise.all(answers.map(isWhole));
  assertEquals(whole.lastIndexOf(false), 32);
  assertEquals(whole.indexOf(true), 33);
});

Deno.test("small answers that nobody reads do too, be they ever so alike", async () => {
  const answer = gateBefore(() => "not found");
  const answers = [];
  for (let nth = 0; nth < 3_000; nth++) answers.push(await answer("/nothing"));
  const whole = await Promise.all(answers.map(isWhole));
  assertEquals(whole.filter(Boolean).length, 2_047);
  assertEquals(whole.indexOf(true), 3_000 - 2_047);
});

Deno.test("a crowd that has asked for one text gets it, and leaves room behind", async () => {
  const answer = gateBefore((path) => large(path.replace(/\d+/, "")));
  const crowd = [];
  for (let nth = 0; nth < 100; nth++) crowd.push(await answer(`/crowd${nth}`));
  const others = [];
  for (let nth = 0; nth < 10; nth++) others.push(await answer(`/other${"s".repeat(nth)}`));
  for (const each of [...crowd, ...others]) assert(await isWhole(each));
});

Deno.test("who has read all, and who leaves, makes room", async () => {
  const answer = gateBefore(large);
  const kept = await answer("/kept");
  for (let nth = 0; nth < 64; nth++) {
    const response = await answer(`/${nth}`);
    if (nth % 2 === 0) await response.body?.cancel();
    else assert(await isWhole(response));
  }
  assert(await isWhole(kept));
});
