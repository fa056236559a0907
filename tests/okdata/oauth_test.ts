import { assert, assertEquals, assertRejects } from "@std/assert";
import { RequestError } from "../../src/http_client/errors.ts";
import { createTokenFetcher } from "../../src/okdata/oauth.ts";
import { createRedactor } from "../../src/http_client/redact.ts";
import { FakeClock, settle } from "../support/clock.ts";
import { FakeTransport } from "../support/exchange.ts";

const TOKEN_URL = "http://login/auth/realms/api-catalog/protocol/openid-connect/token";
const JSON_TYPE = { "content-type": "application/json" };

/** A fetcher on fakes that has just requested a token. */
async function start(hiding = createRedactor()) {
  const clock = new FakeClock();
  const transport = new FakeTransport();
  const { hide, redact } = hiding;
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

Deno.test("the token request is the client credentials grant, with the secret in the body", async () => {
  const { call, token } = await start();
  const { url, method, headers, body } = call.request;
  assertEquals([method, url.href], ["POST", TOKEN_URL]);
  assertEquals(headers["content-type"], "application/x-www-form-urlencoded;charset=UTF-8");
  assertEquals(headers.authorization, undefined);
  assertEquals(Object.fromEntries(new URLSearchParams(body)), {
    grant_type: "client_credentials",
    client_id: "client",
    client_secret: "s3cret-value",
  });
  call.respond(200, { access_token: "abc", token_type: "Bearer", expires_in: 60 }, JSON_TYPE);
  assertEquals(await token, { value: "abc", lifetimeMs: 60_000 });
});

for (const token_type of ["bearer", "Bearer", "BEARER"]) {
  Deno.test(`the token response may name its type ${token_type}`, async () => {
    const { call, token } = await start();
    call.respond(200, { access_token: "abc", token_type, expires_in: 60 }, JSON_TYPE);
    assertEquals((await token).value, "abc");
  });
}

Deno.test("a token without `expires_in` is valid for five minutes", async () => {
  const { call, token } = await start();
  call.respond(200, { access_token: "abc", token_type: "Bearer" }, JSON_TYPE);
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
      "a token that is not a header value",
      200,
      { access_token: "a\nb", token_type: "Bearer" },
      "application/json",
    ],
    ["HTML", 200, "<html>log in</html>", "text/html"],
    ["broken JSON", 200, "{", "application/json"],
    ["an empty body", 200, "", "application/json"],
    ["a redirect", 302, "", "text/html"],
    ["no content", 204, "", ""],
    ["a refusal", 401, { error: "unauthorized_client" }, "application/json"],
    ["an outage", 503, "down", "text/plain"],
    ["a status that HTTP does not have", 999, "", "text/plain"],
  ] as const
) {
  Deno.test(`a response with ${what} is not a token, and the message names the provider`, async () => {
    const { call, token } = await start();
    call.respond(status, body, { "content-type": type });
    const error = await assertRejects(() => token, RequestError);
    assertEquals(error.reason, "auth");
    assert(error.message.startsWith(`no token from ${TOKEN_URL}: `), error.message);
  });
}

Deno.test("a refusal has the provider's words, without the secret", async () => {
  const { call, token } = await start();
  call.respond(401, {
    error: "invalid_client",
    error_description: "client with secret s3cret-value is unknown",
  }, JSON_TYPE);
  const { message } = await assertRejects(() => token, RequestError);
  assert(message.includes("status 401, invalid_client"), message);
  assert(message.includes("[redacted]") && !message.includes("s3cret-value"), message);
});

for (const code of ["ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "CERT_HAS_EXPIRED"]) {
  Deno.test(`a token request that ends with ${code} fails with \`auth\``, async () => {
    const { call, token } = await start();
    call.breakOff(code);
    const error = await assertRejects(() => token, RequestError, code);
    assertEquals(error.reason, "auth");
  });
}

Deno.test("a token request to a slow provider ends at the timeout", async () => {
  const { clock, token, transport } = await start();
  await clock.run(10_000);
  const error = await assertRejects(() => token, RequestError, "no complete response within 10 s");
  assertEquals([error.reason, transport.open.length, clock.waiting], ["auth", 0, 0]);
});

Deno.test("a token valid for years is used for 30 days", async () => {
  const { call, token } = await start();
  call.respond(200, { access_token: "abc", token_type: "Bearer", expires_in: 1e15 }, JSON_TYPE);
  assertEquals((await token).lifetimeMs, 30 * 86_400_000);
});

Deno.test("text of the provider cannot forge a line of the log or write to a terminal", async () => {
  const { call, token } = await start();
  const error_description = "bad\n12:00:00.000 info FORGED\x1b[2J\x1b]0;pwn\x07";
  call.respond(401, { error: "invalid_client", error_description }, JSON_TYPE);
  const { message } = await assertRejects(() => token, RequestError);
  // deno-lint-ignore no-control-regex -- these are searched for
  assert(!/[\x00-\x1f\x7f-\x9f]/.test(message), message);
});

Deno.test("a refusal is searched for secrets in its first 32 KiB only, however long it is", async () => {
  const { hide, hideToken } = createRedactor();
  const searched: number[] = [];
  const redact = (text: string) => {
    searched.push(text.length);
    return text;
  };
  const { call, token } = await start({ hide, hideToken, redact });
  call.respond(401, { error: "bad", error_description: "-eyJ".repeat(200_000) }, JSON_TYPE);
  await assertRejects(() => token, RequestError, "-eyJ-eyJ");
  assertEquals(searched, ["bad".length, 32 * 1024]);
});
