import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Attempt, TaskExecution } from "../../src/core/task.ts";
import { RequestError } from "../../src/http_client/errors.ts";
import { connectOkdata, type OkdataListeners } from "../../src/okdata/okdata.ts";
import { FakeClock, settle } from "../support/clock.ts";
import { FakeTransport } from "../support/exchange.ts";

const JSON_TYPE = { "content-type": "application/json" };
const TOKEN = { access_token: "first-token", token_type: "Bearer", expires_in: 300 };

type Setup = {
  listeners?: OkdataListeners;
  /** Undefined for a run without credentials. */
  readSecret?: () => Promise<string>;
  retries?: number;
};

/** The platform on fakes. */
function connect({ listeners, readSecret, retries = 0 }: Setup) {
  const clock = new FakeClock();
  const transport = new FakeTransport();
  const stop = new AbortController();
  const okdata = connectOkdata(
    {
      exchange: transport.exchange,
      clock,
      random: { fraction: () => 1, hex: () => "" },
      apiUrl: "https://api.example/datasets",
      credentials: readSecret
        ? { tokenUrl: "https://login.example:8443/token", clientId: "client", readSecret }
        : null,
      taskTimeoutSeconds: 60,
      requestTimeoutSeconds: 10,
      retries,
    },
    stop.signal,
    listeners,
  );
  async function request(datasetId = "abc123") {
    const execution: TaskExecution = { attempts: [], phases: {} };
    const task = { seqno: 1, datasetId, traceId: "0".repeat(32), execution };
    const result = okdata.getDataset(task, stop.signal);
    result.catch(() => {});
    await settle();
    return { result, execution };
  }
  return { ...okdata, clock, transport, stop, request };
}

Deno.test("a platform without credentials is requested without a token", async () => {
  const { tokens, transport, request } = connect({});
  assertEquals(tokens, null);
  const { result } = await request();
  const { url, headers } = transport.oldest.request;
  assertEquals([url.href, headers.authorization], [
    "https://api.example/datasets/abc123",
    undefined,
  ]);
  transport.oldest.succeed();
  await result;
});

Deno.test("a platform with credentials fetches a token and presents it to the API", async () => {
  const { transport, request } = connect({ readSecret: () => Promise.resolve("s3cret-value") });
  const { result } = await request();
  assertEquals(transport.oldest.request.url.href, "https://login.example:8443/token");
  transport.oldest.respond(200, TOKEN, JSON_TYPE);
  await settle();
  assertEquals(transport.oldest.request.headers.authorization, "Bearer first-token");
  transport.oldest.succeed();
  await result;
});

Deno.test("connectOkdata takes timeouts in seconds and the number of retries", async () => {
  const attempts: Attempt[] = [];
  const listeners: OkdataListeners = { onAttempt: (_, attempt) => attempts.push(attempt) };
  const { clock, request } = connect({ listeners, retries: 1 });
  const { result } = await request();
  await clock.run(10_000 + 250 + 10_000);
  const error = await assertRejects(() => result, RequestError);
  assertEquals(error.message, "no complete response within 10 s");
  const timeout = {
    status: null,
    reason: "timeout" as const,
    durationSeconds: 10,
    phases: { resolve: 10 },
  };
  assertEquals(attempts, [
    { ...timeout, startSeconds: 0, wait: null },
    { ...timeout, startSeconds: 10.25, wait: "backoff" },
  ]);
});

Deno.test("an error of the identity provider shows no secret, not even one that was rotated", async () => {
  const secrets = ["first-s3cret", "second-s3cret"];
  const { transport, clock, request } = connect({
    readSecret: () => Promise.resolve(secrets.shift() ?? "none left"),
  });
  for (const expected of ["[redacted] of [redacted]", "[redacted] of [redacted]"]) {
    const { result } = await request();
    const sent = new URLSearchParams(transport.oldest.request.body).get("client_secret");
    const description = `${sent} of first-s3cret`;
    transport.oldest.respond(401, { error: "bad", error_description: description }, JSON_TYPE);
    const { message } = await assertRejects(() => result, RequestError);
    assert(message.endsWith(`(${expected})`), message);
    // The next request to the provider is made in the background.
    await clock.run(500);
  }
});

Deno.test("an error of the API shows neither the token nor the secret", async () => {
  const { transport, request } = connect({ readSecret: () => Promise.resolve("s3cret-value") });
  const { result } = await request();
  transport.oldest.respond(200, TOKEN, JSON_TYPE);
  await settle();
  transport.oldest.respond(409, "not for first-token, nor for s3cret-value");
  const { response } = await assertRejects(() => result, RequestError);
  assertEquals(response?.body, "not for [redacted], nor for [redacted]");
});

Deno.test("onToken gets each result of the provider, onTokenDropped each refused token", async () => {
  const events: string[] = [];
  const { transport, request } = connect({
    readSecret: () => Promise.resolve("s3cret-value"),
    listeners: {
      onToken: ({ token, error }) => events.push(token?.value ?? error?.reason ?? ""),
      onTokenDropped: () => events.push("dropped"),
    },
  });
  const { result, execution } = await request();
  transport.oldest.respond(200, TOKEN, JSON_TYPE);
  await settle();
  transport.oldest.respond(401);
  await settle();
  transport.oldest.respond(503);
  await assertRejects(() => result, RequestError);
  assertEquals(events, ["first-token", "dropped", "identity_provider"]);
  assertEquals(execution.attempts.map(({ status }) => status), [401]);
});

Deno.test("the signal of connectOkdata ends the refresh of the token in the background", async () => {
  const { transport, stop, clock, request } = connect({
    readSecret: () => Promise.resolve("s3cret-value"),
  });
  const { result } = await request();
  transport.oldest.respond(200, TOKEN, JSON_TYPE);
  await settle();
  transport.oldest.succeed();
  await result;
  assertEquals(clock.waiting, 1);
  stop.abort();
  assertEquals(clock.waiting, 0);
});

Deno.test("a task waits for a token until the provider is back, and no attempt is counted for it", async () => {
  const { transport, clock, request } = connect({
    readSecret: () => Promise.resolve("s3cret-value"),
    retries: 2,
  });
  const { result, execution } = await request();
  transport.oldest.respond(429, { error: "slow_down" }, { ...JSON_TYPE, "retry-after": "3" });
  await clock.run(2_999);
  assertEquals(transport.open.length, 0);
  await clock.run(1);
  transport.oldest.breakOff("ECONNREFUSED");
  await clock.run(500);
  transport.oldest.respond(200, TOKEN, JSON_TYPE);
  await settle();
  transport.oldest.succeed();
  await result;
  assertEquals(execution.attempts.map(({ status }) => status), [200]);
  assertEquals(execution.phases.token, 3.5);
});

Deno.test("a task whose provider never responds fails at its deadline with `identity_provider`", async () => {
  const { clock, request } = connect({
    readSecret: () => Promise.resolve("s3cret-value"),
    retries: 10,
  });
  const { result, execution } = await request();
  await clock.run(60_000);
  const { reason } = await assertRejects(() => result, RequestError);
  assertEquals([reason, execution.attempts], ["identity_provider", []]);
});

for (const status of [401, 403]) {
  Deno.test(`a ${status} of the API renews the token once, without a retry`, async () => {
    const { transport, request } = connect({ readSecret: () => Promise.resolve("s3cret-value") });
    const { result, execution } = await request();
    for (const value of ["first-token", "second-token"]) {
      transport.oldest.respond(200, { ...TOKEN, access_token: value }, JSON_TYPE);
      await settle();
      assertEquals(transport.oldest.request.headers.authorization, `Bearer ${value}`);
      transport.oldest.respond(status);
      await settle();
    }
    const { reason } = await assertRejects(() => result, RequestError);
    assertEquals(reason, "unauthorized");
    assertEquals(execution.attempts.map((attempt) => attempt.status), [status, status]);
  });
}

Deno.test("a 403 while no new token is to be had stays `unauthorized`, and takes no other task's token", async () => {
  const { transport, request } = connect({ readSecret: () => Promise.resolve("s3cret-value") });
  const { result, execution } = await request();
  transport.oldest.respond(200, TOKEN, JSON_TYPE);
  await settle();
  transport.oldest.respond(403);
  await settle();
  assertEquals(transport.oldest.request.method, "POST");
  const other = await request();
  transport.oldest.respond(503);
  const { reason, response } = await assertRejects(() => result, RequestError);
  assertEquals([reason, response?.status, execution.attempts.length], ["unauthorized", 403, 1]);
  assertEquals(transport.oldest.request.headers.authorization, "Bearer first-token");
  transport.oldest.succeed();
  await other.result;
});

Deno.test("a 403 renews the token once a minute at most, a 401 once a second", async () => {
  for (const [status, intervalMs] of [[403, 60_000], [401, 1_000]] as const) {
    const { transport, request, clock } = connect({
      readSecret: () => Promise.resolve("s3cret-value"),
    });
    /** How many tokens and datasets a task requests. */
    const requested = async () => {
      const before = transport.requests.length;
      const { result } = await request();
      while (transport.open.length > 0) {
        const isToken = transport.oldest.request.method === "POST";
        const access_token = `token-${transport.requests.length}`;
        if (isToken) transport.oldest.respond(200, { ...TOKEN, access_token }, JSON_TYPE);
        else transport.oldest.respond(status);
        await settle();
      }
      await assertRejects(() => result, RequestError);
      return transport.requests.length - before;
    };
    assertEquals(await requested(), 4, "two tokens, two attempts");
    await clock.run(intervalMs - 1);
    assertEquals(await requested(), 1, `${status} before its interval is over`);
    await clock.run(1);
    assertEquals(await requested(), 3, `${status} after its interval`);
  }
});

Deno.test("credentials of HTTP Basic are redacted as the secret is", async () => {
  const { transport, request } = connect({ readSecret: () => Promise.resolve("s3cret/value") });
  const { result } = await request();
  const error_description = `not Basic ${btoa("client:s3cret%2Fvalue")}`;
  transport.oldest.respond(401, { error: "invalid_client", error_description }, JSON_TYPE);
  const { message } = await assertRejects(() => result, RequestError);
  assert(message.endsWith("invalid_client (not Basic [redacted])"), message);
});
