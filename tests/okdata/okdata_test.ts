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
  assertEquals(attempts, [
    { status: null, reason: "timeout", durationSeconds: 10 },
    { status: null, reason: "timeout", durationSeconds: 10 },
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
  transport.oldest.respond(403, "not for first-token, nor for s3cret-value");
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
  assertEquals(events, ["first-token", "dropped", "auth"]);
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
