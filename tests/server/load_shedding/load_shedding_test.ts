import { assert, assertEquals } from "@std/assert";
import { shedLoad } from "../../../src/server/load_shedding/load_shedding.ts";
import { settle } from "../../support/clock.ts";
import { ManualClock } from "./manual_clock.ts";

const MAX_CONCURRENT = 201;

const requestFor = (path: string) => new Request(`http://probe${path}`);

function start(handler: (request: Request) => Response | Promise<Response>) {
  const clock = new ManualClock();
  const shedding = shedLoad(handler, clock);
  return { clock, request: async (path = "/metrics") => await shedding(requestFor(path)) };
}

/** Occupies every place with a request. */
function occupy(request: () => Promise<Response>): Promise<Response>[] {
  return Array.from({ length: MAX_CONCURRENT }, () => request());
}

Deno.test("shedLoad starts one request per turn of the event loop, the first one at once", async () => {
  const started: string[] = [];
  const { clock, request } = start(({ url }) => {
    started.push(new URL(url).pathname);
    return new Response("body");
  });
  const responses = ["/1", "/2", "/3"].map(request);
  await settle();
  assertEquals(started, ["/1"]);
  await clock.turn();
  assertEquals(started, ["/1", "/2"]);
  await clock.turn();
  assertEquals(started, ["/1", "/2", "/3"]);
  for (const response of responses) assertEquals(await (await response).text(), "body");
  await clock.turn();
  await request("/4");
  assertEquals(started.at(-1), "/4");
});

Deno.test("shedLoad pauses after a long turn for as long as the turn took", async () => {
  const { clock, request } = start(() => {
    clock.nowMs += 20;
    return new Response(null);
  });
  const responses = [request(), request()];
  await settle();
  await clock.turn();
  assertEquals(clock.delaysMs, [0, 20]);
  await clock.turn();
  assertEquals(clock.delaysMs, [0, 20, 0]);
  await Promise.all(responses);
});

Deno.test("shedLoad gives one of several responses per turn that become ready together", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { clock, request } = start(() => promise.then(() => new Response("body")));
  let given = 0;
  const responses = Array.from({ length: 3 }, async () => {
    const response = await request();
    given++;
    return response;
  });
  for (let turns = 0; turns < 4; turns++) await clock.turn();
  resolve();
  for (const expected of [1, 2, 3]) {
    await settle();
    assertEquals(given, expected);
    await clock.turn();
  }
  for (const response of responses) assertEquals(await (await response).text(), "body");
});

Deno.test("shedLoad does not let a request wait for the response of another", async () => {
  const { clock, request } = start(({ url }) =>
    url.endsWith("/slow") ? new Promise<Response>(() => {}) : new Response("body")
  );
  request("/slow");
  const response = request("/");
  await clock.turn();
  assertEquals(await (await response).text(), "body");
});

Deno.test("shedLoad refuses more than 201 concurrent requests, except for the health", async () => {
  const { clock, request } = start(() => new Response("body"));
  const admitted = occupy(request);
  const refused = ["/metrics", "/", "/healthz/", "/tasks?/healthz", "/tasks#/readyz"].map(request);
  await clock.turn();
  for (const response of await Promise.all(refused)) {
    assertEquals([response.status, response.headers.get("retry-after")], [503, "1"]);
    assertEquals(await response.json(), { error: "too many concurrent requests" });
  }
  for (const path of ["/healthz", "/readyz"]) assertEquals((await request(path)).status, 200);
  await clock.turn();
  const next = request();
  while ((await Promise.race([next, clock.turn()])) === undefined);
  assertEquals((await next).status, 200);
  for (const response of admitted) assertEquals((await response).status, 200);
});

Deno.test("shedLoad counts requests as concurrent until their response", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { clock, request } = start(() => promise.then(() => new Response("body")));
  const admitted = occupy(request);
  for (let turns = 0; turns < MAX_CONCURRENT; turns++) await clock.turn();
  const refused = request();
  await clock.turn();
  assertEquals((await refused).status, 503);
  resolve();
  for (let turns = 0; turns < MAX_CONCURRENT + 1; turns++) await clock.turn();
  for (const response of admitted) assertEquals((await response).status, 200);
  assertEquals((await request()).status, 200);
});

Deno.test("shedLoad refuses at once when 20,000 requests wait for their refusal", async () => {
  const { request } = start(() => new Response("body"));
  occupy(request);
  for (let nth = 0; nth < 20_000 + 1; nth++) request();
  assertEquals((await request()).status, 503);
});

Deno.test("shedLoad refuses a crowd 50 requests per turn, in the order of their arrival", async () => {
  const { clock, request } = start(() => new Response("body"));
  occupy(request);
  const refused: number[] = [];
  for (let nth = 0; nth < 120; nth++) request().then(() => refused.push(nth));
  const counts: number[] = [];
  do {
    counts.push(refused.length);
    await clock.turn();
  } while (refused.length > (counts.at(-1) ?? 0));
  assertEquals(counts, [0, 51, 101, 120]);
  assertEquals(refused, refused.toSorted((a, b) => a - b));
});

Deno.test("shedLoad passes responses without a body, and event streams, unchanged", async () => {
  const events = { headers: { "content-type": "text/event-stream" } };
  for (const given of [new Response(null), new Response(new ReadableStream(), events)]) {
    assert(await start(() => given).request("/") === given);
  }
});

Deno.test("shedLoad bounds the memory of responses that nobody reads", async () => {
  const { clock, request } = start(({ url }) => new Response(url.padEnd(1024 ** 2, "x")));
  const responses: Response[] = [];
  for (let nth = 0; nth < 64; nth++) {
    responses.push(await request(`/${nth}`));
    await clock.turn();
  }
  const lengths = await Promise.all(responses.map(async (each) => (await each.bytes()).length));
  assertEquals(lengths.filter((length) => length === 1024 ** 2).length, 31);
});
