import { assert, assertEquals } from "@std/assert";
import { sleep } from "../../src/core/clock.ts";
import { createClient } from "../../src/okdata/client.ts";
import { RequestError } from "../../src/http_client/errors.ts";
import type { Timings } from "../../src/http_client/timings.ts";
import type { HttpRequest } from "../../src/http_client/exchange.ts";
import { succeed, type TaskExecution } from "../../src/core/task.ts";
import { FakeClock, settle } from "../support/clock.ts";
import { FakeTransport } from "../support/exchange.ts";
import { pending } from "../support/tasks.ts";

/** A client on fakes that has just started a request for `abc123`. */
async function start(options = {}) {
  const clock = new FakeClock();
  const transport = new FakeTransport();
  const getDataset = createClient({
    exchange: transport.exchange,
    clock,
    // The longest that full jitter can wait.
    random: { fraction: () => 1, hex: () => "" },
    tokens: null,
    redact: (text) => text,
    onAttempt: () => {},
    apiUrl: "http://api/metadata",
    taskTimeoutMs: 60_000,
    requestTimeoutMs: 10_000,
    retries: 3,
    ...options,
  });
  const execution: TaskExecution = { attempts: [], phases: {} };
  const stop = new AbortController();
  const result = getDataset(
    { seqno: 1, datasetId: "abc123", traceId: "0af7651916cd43dd8448eb211c80319c", execution },
    stop.signal,
  );
  let error: unknown;
  const done = result.catch((caught) => error = caught);
  await settle();
  return { clock, transport, execution, done, stop, error: () => error as RequestError };
}

async function later<T>(clock: FakeClock, ms: number, value?: T): Promise<T | undefined> {
  await sleep(clock, ms);
  return value;
}

Deno.test("the client sends one request, to the dataset's address, with the trace id", async () => {
  const { transport, execution, done, error } = await start();
  const { url, method, headers } = transport.oldest.request;
  assertEquals([method, url.href], ["GET", "http://api/metadata/abc123"]);
  assert(headers.traceparent?.startsWith("00-0af7651916cd43dd8448eb211c80319c-"));
  transport.oldest.succeed();
  await done;
  assertEquals(error(), undefined);
  assertEquals(execution.attempts, [
    {
      status: 200,
      reason: null,
      durationSeconds: 0,
      startSeconds: 0,
      wait: null,
      phases: execution.phases,
    },
  ]);
});

for (const status of [408, 425, 429, 500, 502, 503, 504]) {
  Deno.test(`the client retries ${status} with exponential back-off and records each attempt`, async () => {
    const { clock, transport, execution, done, error } = await start();
    const reason = status === 429 ? "rate_limited" : status >= 500 ? "server_error" : "http";
    for (const backoffMs of [250, 500, 1_000]) {
      transport.oldest.respond(status);
      await clock.run(backoffMs - 1);
      assertEquals(transport.open.length, 0, `earlier than ${backoffMs} ms`);
      await clock.run(1);
      assertEquals(transport.open.length, 1, `later than ${backoffMs} ms`);
    }
    transport.oldest.respond(status);
    await done;
    assertEquals(error().reason, reason);
    assertEquals(execution.attempts.map((attempt) => [attempt.status, attempt.reason]), [
      [status, reason],
      [status, reason],
      [status, reason],
      [status, reason],
    ]);
  });
}

for (const code of ["ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "CERT_HAS_EXPIRED"]) {
  Deno.test(`the client retries a connection that ends with ${code}`, async () => {
    const { clock, transport, execution, done, error } = await start();
    transport.oldest.breakOff(code);
    await clock.run(250);
    transport.oldest.succeed();
    await done;
    assertEquals(error(), undefined);
    assertEquals(execution.attempts.map(({ status }) => status), [null, 200]);
  });
}

for (const status of [302, 400, 401, 403, 404, 410, 501]) {
  Deno.test(`the client does not retry ${status}`, async () => {
    const { transport, execution, done, error } = await start();
    transport.oldest.respond(status, "why");
    await done;
    assertEquals([execution.attempts.length, error().response?.body], [1, "why"]);
  });
}

for (
  const [what, body] of [
    ["HTML", "<html>"],
    ["broken JSON", '{"Id": "abc'],
    ["another dataset", { Id: "other" }],
    ["another type", { Id: "abc123", Type: "Version" }],
    ["no Id", {}],
    ["an Id that is not a string", { Id: 1 }],
    ["a list", []],
    ["an empty body", ""],
  ] as const
) {
  Deno.test(`the client does not retry an invalid response: ${what} with status 200`, async () => {
    const { transport, execution, done, error } = await start();
    transport.oldest.respond(200, body);
    await done;
    assertEquals([error().reason, execution.attempts.length], ["invalid_response", 1]);
  });
}

Deno.test("the client honours Retry-After, in seconds and as a date", async () => {
  for (const form of ["seconds", "date"]) {
    const { clock, transport } = await start();
    const value = form === "seconds" ? "7" : new Date(clock.now() + 7_000).toUTCString();
    transport.oldest.respond(503, "", { "retry-after": value });
    await clock.run(6_999);
    assertEquals(transport.open.length, 0, form);
    await clock.run(1);
    assertEquals(transport.open.length, 1, form);
  }
});

Deno.test("a Retry-After past the deadline ends the request at once with the known reason", async () => {
  const { transport, execution, done, error } = await start();
  transport.oldest.respond(429, "", { "retry-after": "3600" });
  await done;
  assertEquals([error().reason, execution.attempts.length], ["rate_limited", 1]);
});

Deno.test("an attempt that hangs ends at its timeout and is retried until the deadline", async () => {
  const { clock, transport, execution, done, error } = await start({
    taskTimeoutMs: 25_000,
    retries: 10,
  });
  await clock.run(9_999);
  assertEquals(transport.requests.length, 1);
  await clock.run(1 + 250);
  assertEquals(transport.requests.length, 2);
  await clock.run(10_000 + 500 + 4_249);
  assertEquals(error(), undefined);
  await clock.run(1);
  await done;
  assertEquals(error().reason, "timeout");
  assertEquals(execution.attempts.map(({ durationSeconds }) => durationSeconds), [10, 10, 4.25]);
  assertEquals(clock.waiting, 0);
});

Deno.test("an exchange that ignores its signal does not outlast the deadline", async () => {
  const { clock, done, error } = await start({
    exchange: () => new Promise(() => {}),
    taskTimeoutMs: 5_000,
  });
  await clock.run(5_000);
  await done;
  assertEquals(error().reason, "timeout");
});

Deno.test("an aborted signal ends the request, and the wait before the next one", async () => {
  for (const waits of [false, true]) {
    const { clock, transport, stop, done, error } = await start();
    if (waits) transport.oldest.respond(500);
    await settle();
    stop.abort(new Error("stopped"));
    await done;
    assertEquals([error().message, transport.open.length, clock.waiting], ["stopped", 0, 0]);
  }
});

Deno.test("a failed attempt has phases that add up to its duration", async () => {
  const { clock, transport, execution, done } = await start({ retries: 0 });
  await clock.run(1_500);
  transport.oldest.breakOff("ECONNRESET");
  await done;
  assertEquals([execution.phases, execution.attempts[0]?.durationSeconds], [{ resolve: 1.5 }, 1.5]);
});

Deno.test("a duration spans from the connection to the last byte, without the probe's own time", async () => {
  const clock = new FakeClock();
  const { execution, done } = await start({
    clock,
    tokens: { get: () => later(clock, 20, "token"), drop: () => false, doubt: () => false },
    exchange: async ({ url }: HttpRequest, { timings }: { timings: Timings }) => {
      await later(clock, 3);
      timings.startMs = clock.monotonic();
      await later(clock, 100);
      timings.wholeMs = clock.monotonic();
      await later(clock, 5);
      const body = JSON.stringify({ Type: "Dataset", Id: url.pathname.split("/").at(-1) });
      return { status: 200, headers: {}, body: new TextEncoder().encode(body) };
    },
  });
  await clock.run(200);
  await done;
  const task = pending({ createdMonotonicMs: -1_000 });
  const { durationSeconds } = succeed(task, clock.monotonic(), execution);
  assertEquals([execution.attempts[0]?.durationSeconds, durationSeconds], [0.1, 0.12]);
});

Deno.test("a failed attempt ends with its failure, however long the probe finds out more about it", async () => {
  const clock = new FakeClock();
  const { execution, done, error } = await start({
    clock,
    retries: 0,
    exchange: async (_request: HttpRequest, { timings }: { timings: Timings }) => {
      await later(clock, 30);
      timings.failure = { ms: clock.monotonic(), error: new RequestError("tls", "expired") };
      await later(clock, 20_000);
      throw new RequestError("tls", "expired since yesterday");
    },
  });
  await clock.run(10_000);
  await done;
  assertEquals([error().reason, error().message], ["tls", "expired"]);
  assertEquals(execution.attempts.map(({ durationSeconds }) => durationSeconds), [0.03]);
  assertEquals([execution.phases, execution.endedMs], [{ connect: 0.03 }, 30]);
});

Deno.test("a retry asks for no other token when none may be requested in place of the present one", async () => {
  const clock = new FakeClock();
  const differing: (string | undefined)[] = [];
  const { execution, done } = await start({
    clock,
    retries: 1,
    tokens: {
      get(_deadlineMs?: number, refused?: string) {
        differing.push(refused);
        return Promise.resolve("token");
      },
      drop: () => false,
      doubt: () => false,
    },
    // The headers came, and the body did not.
    exchange: (_request: HttpRequest, { timings }: { timings: Timings }) => {
      timings.partial = { status: 403, chunks: [] };
      return Promise.reject(new RequestError("timeout", "no whole response"));
    },
  });
  await clock.run(10_000);
  await done;
  assertEquals(execution.attempts.map(({ status }) => status), [403, 403]);
  assertEquals(differing, [undefined, undefined]);
});

Deno.test("a body in an unknown or a broken encoding is an invalid response", async () => {
  for (const encoding of ["br-unknown", "gzip"]) {
    const { transport, done, error } = await start();
    transport.oldest.respond(200, { Id: "abc123" }, { "content-encoding": encoding });
    await done;
    assertEquals(error().reason, "invalid_response", encoding);
  }
});

Deno.test("a refusal has the reason of its status, although its body cannot be decoded", async () => {
  for (const [status, reason] of [[404, "not_found"], [503, "server_error"]] as const) {
    for (const encoding of ["br-unknown", "gzip"]) {
      const { transport, done, error } = await start({ retries: 0 });
      transport.oldest.respond(status, "no gzip", { "content-encoding": encoding });
      await done;
      assertEquals([error().reason, error().response?.status], [reason, status]);
    }
  }
});

Deno.test("text of the target cannot forge a line of the log or write to a terminal", async () => {
  const { transport, done, error } = await start();
  transport.oldest.respond(200, { Id: "a\n12:00 info forged\x1b[2J\x07\u202e".padEnd(500, "x") });
  await done;
  // deno-lint-ignore no-control-regex -- these are searched for
  assert(!/[\x00-\x1f\x7f-\x9f\u202e]/.test(error().message), error().message);
  assert(error().message.length <= 400);
});

for (
  const [status, headers, body, message] of [
    [503, {}, "upstream connect error", "status 503: upstream connect error"],
    [302, { location: "/login?x=1" }, "", "status 302, a redirect to /login?…"],
    [
      401,
      { "www-authenticate": 'Bearer error="a", error_description="b"' },
      "",
      "status 401: a, b",
    ],
    [404, { "content-encoding": "gzip" }, "not gzip", "status 404"],
    [200, {}, "<html><title>Sign in</title>", 'HTML instead of JSON: "Sign in"'],
    [200, {}, "oops", "the body is not JSON: oops"],
  ] as const
) {
  Deno.test(`a response fails with the message "${message}"`, async () => {
    const { transport, done, error } = await start({ retries: 0 });
    transport.oldest.respond(status, body, headers);
    await done;
    assertEquals(error().message, message);
    assertEquals(error().advice?.includes("OKDATA_API_URL") ?? false, status === 302);
  });
}
