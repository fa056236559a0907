import { assert, assertEquals, assertRejects } from "@std/assert";
import { RequestError } from "../../src/http_client/errors.ts";
import { createTokenFetcher } from "../../src/okdata/oauth.ts";
import { createRedactor } from "../../src/http_client/redact.ts";
import { FakeClock, settle } from "../support/clock.ts";
import { FakeTransport } from "../support/exchange.ts";

const TOKEN_URL = "http://login/auth/realms/api-catalog/protocol/openid-connect/token";
const JSON_TYPE = { "content-type": "application/json" };

/** A fetcher on fakes that has just asked for a token. */
async function ask() {
  const clock = new FakeClock();
  const transport = new FakeTransport();
  const { hide, redact } = createRedactor();
  hide("s3cret-value");
  const fetchToken = createTokenFetcher({
    exchange: transport.exchange,
    clock,
    tokenUrl: TOKEN_URL,
    clientId: "client",
    readSecret: () => Promise.resolve("s3cret-value"),
    timeoutMs: 10_000,
    redact,
  });
  const token = fetchToken(new AbortController().signal);
  token.catch(() => {});
  await settle();
  return { clock, token, transport, call: transport.oldest };
}

Deno.test("the client credentials grant, with the secret in the body", async () => {
  const { call, token } = await ask();
  const { url, method, headers, body } = call.request;
  assertEquals([method, url.href], ["POST", TOKEN_URL]);
  assertEquals(headers["content-type"], "application/x-www-form-urlencoded;charset=UTF-8");
  assertEquals(headers.authorization, undefined);
  assertEquals(Object.fromEntries(new URLSearchParams(body)), {
    grant_type: "client_credentials",
    client_id: "client",
    client_secret: "s3cret-value",
  });
  call.answer(200, { access_token: "abc", token_type: "Bearer", expires_in: 60 }, JSON_TYPE);
  assertEquals(await token, { value: "abc", lifetimeMs: 60_000 });
});

for (const token_type of ["bearer", "Bearer", "BEARER"]) {
  Deno.test(`the token type may be written ${token_type}`, async () => {
    const { call, token } = await ask();
    call.answer(200, { access_token: "abc", token_type, expires_in: 60 }, JSON_TYPE);
    assertEquals((await token).value, "abc");
  });
}

Deno.test("a token without `expires_in` is good for five minutes", async () => {
  const { call, token } = await ask();
  call.answer(200, { access_token: "abc", token_type: "Bearer" }, JSON_TYPE);
  assertEquals((await token).lifetimeMs, 300_000);
});

for (
  const [what, status, body, type] of [
    [
      "a negative `expires_in`",
      200,
      { access_token: "a", token_type: "Bearer", expires_in: -1 },
      "application/json",
    ],
    ["an unknown token type", 200, { access_token: "a", token_type: "mac" }, "application/json"],
    ["no token", 200, { token_type: "Bearer" }, "application/json"],
    [
      "a token that is no header",
      200,
      { access_token: "a\nb", token_type: "Bearer" },
      "application/json",
    ],
    ["HTML", 200, "<html>log in</html>", "text/html"],
    ["broken JSON", 200, "{", "application/json"],
    ["nothing", 200, "", "application/json"],
    ["a redirect", 302, "", "text/html"],
    ["no content", 204, "", ""],
    ["a refusal", 401, { error: "unauthorized_client" }, "application/json"],
    ["an outage", 503, "down", "text/plain"],
    ["a status out of this world", 999, "", "text/plain"],
  ] as const
) {
  Deno.test(`an answer with ${what} is no token, and the message names the provider`, async () => {
    const { call, token } = await ask();
    call.answer(status, body, { "content-type": type });
    const error = await assertRejects(() => token, RequestError);
    assertEquals(error.reason, "auth");
    assert(error.message.startsWith(`no token from ${TOKEN_URL}: `), error.message);
  });
}

Deno.test("a refusal says what the provider said, without the secret", async () => {
  const { call, token } = await ask();
  call.answer(401, {
    error: "invalid_client",
    error_description: "client with secret s3cret-value is unknown",
  }, JSON_TYPE);
  const { message } = await assertRejects(() => token, RequestError);
  assert(message.includes("status 401, invalid_client"), message);
  assert(message.includes("[redacted]") && !message.includes("s3cret-value"), message);
});

for (const code of ["ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "CERT_HAS_EXPIRED"]) {
  Deno.test(`a provider that ends with ${code} gives \`auth\``, async () => {
    const { call, token } = await ask();
    call.breakOff(code);
    const error = await assertRejects(() => token, RequestError, code);
    assertEquals(error.reason, "auth");
  });
}

Deno.test("a slow provider is given up at the timeout", async () => {
  const { clock, token, transport } = await ask();
  await clock.run(10_000);
  const error = await assertRejects(() => token, RequestError, "no complete response within 10 s");
  assertEquals([error.reason, transport.open.length, clock.waiting], ["auth", 0, 0]);
});

Deno.test("a life beyond all bounds is cut to 30 days", async () => {
  const { call, token } = await ask();
  call.answer(200, { access_token: "abc", token_type: "Bearer", expires_in: 1e15 }, JSON_TYPE);
  assertEquals((await token).lifetimeMs, 30 * 86_400_000);
});

Deno.test("what the provider says cannot forge a line or write to a terminal", async () => {
  const { call, token } = await ask();
  const error_description = "bad\n12:00:00.000 info FORGED\x1b[2J\x1b]0;pwn\x07";
  call.answer(401, { error: "invalid_client", error_description }, JSON_TYPE);
  const { message } = await assertRejects(() => token, RequestError);
  // deno-lint-ignore no-control-regex -- they are what is looked for
  assert(!/[\x00-\x1f\x7f-\x9f]/.test(message), message);
});
