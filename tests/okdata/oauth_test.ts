import { assert, assertEquals, assertRejects } from "@std/assert";
import { reasonOfStatus, RequestError } from "../../src/http_client/errors.ts";
import { createTokenFetcher, type OauthOptions } from "../../src/okdata/oauth.ts";
import { createRedactor } from "../../src/http_client/redact.ts";
import { FakeClock, settle } from "../support/clock.ts";
import { FakeTransport } from "../support/exchange.ts";

const TOKEN_URL = "http://login/auth/realms/api-catalog/protocol/openid-connect/token";
const JSON_TYPE = { "content-type": "application/json" };

/** A fetcher on fakes that has just been asked for a token. */
async function startWithoutCall(fields: Partial<OauthOptions>, hiding = createRedactor()) {
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
    ...fields,
  });
  const token = fetchToken(new AbortController().signal);
  token.catch(() => {});
  await settle();
  return { clock, token, transport };
}

/** The same, and its request to the provider. */
async function start(hiding = createRedactor(), fields: Partial<OauthOptions> = {}) {
  const started = await startWithoutCall(fields, hiding);
  return { ...started, call: started.transport.oldest };
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

for (
  const [code, reason] of [
    ["ENOTFOUND", "dns"],
    ["ECONNREFUSED", "connect"],
    ["ECONNRESET", "reset"],
    ["CERT_HAS_EXPIRED", "tls"],
  ] as const
) {
  Deno.test(`a token request that ends with ${code} fails with \`identity_provider\``, async () => {
    const { call, token } = await start();
    call.breakOff(code);
    const error = await assertRejects(() => token, RequestError, code);
    assertEquals(error.message, `no token from ${TOKEN_URL}: ${code}`);
    assertEquals([error.reason, (error.cause as RequestError).reason], [
      "identity_provider",
      reason,
    ]);
  });
}

for (const status of [408, 425, 429, 500, 501, 502, 503, 504, 599]) {
  Deno.test(`a token response with ${status} fails with \`identity_provider\`, whatever it holds`, async () => {
    for (
      const [body, headers] of [["down", {}], [{ error: "invalid_client" }, JSON_TYPE]] as const
    ) {
      const { call, token } = await start();
      call.respond(status, body, { ...headers, "retry-after": "7" });
      const error = await assertRejects(() => token, RequestError);
      const cause = error.cause as RequestError;
      assertEquals(error.reason, "identity_provider");
      assert(error.message.includes(`the provider responded with status ${status}`), error.message);
      assertEquals([cause.response?.status, cause.response?.retryAfterMs], [status, 7_000]);
      assertEquals(cause.reason, reasonOfStatus(status));
    }
  });
}

Deno.test("a token request to a slow provider ends at the timeout", async () => {
  const { clock, token, transport } = await start();
  await clock.run(10_000);
  const error = await assertRejects(() => token, RequestError, "no complete response within 10 s");
  assertEquals([error.reason, transport.open.length, clock.waiting], ["identity_provider", 0, 0]);
});

Deno.test("a fault of the program is `internal`, not the provider's", async () => {
  const exchange = () => Promise.reject(new TypeError("a bug"));
  const { token } = await startWithoutCall({ exchange });
  const error = await assertRejects(() => token, RequestError, "a bug");
  assertEquals([error.reason, (error.cause as Error).name], ["internal", "TypeError"]);
});

Deno.test("a secret that cannot be read is `auth`, and the advice names its file", async () => {
  const readSecret = () => Promise.reject(new Error("/run/secret is empty"));
  const { token, transport } = await startWithoutCall({ readSecret });
  const error = await assertRejects(() => token, RequestError, "/run/secret is empty");
  assertEquals([error.reason, transport.requests.length], ["auth", 0]);
  assert(error.advice?.includes("OKDATA_CLIENT_SECRET_FILE"), error.advice);
});

Deno.test("scope and audience are sent when they are set", async () => {
  const { call } = await start(undefined, { scope: "read write", audience: "https://api/" });
  const form = new URLSearchParams(call.request.body);
  assertEquals([form.get("scope"), form.get("audience")], ["read write", "https://api/"]);
});

Deno.test("HTTP Basic has ID and secret form-encoded, and the body holds neither", async () => {
  const { call } = await start(undefined, {
    tokenAuth: "basic",
    clientId: "a:b",
    readSecret: () => Promise.resolve("s3cret: å+/%-_.~"),
  });
  const { authorization = "" } = call.request.headers;
  const [, encoded = ""] = authorization.match(/^Basic (.+)$/) ?? [];
  assertEquals(atob(encoded), "a%3Ab:s3cret%3A%20%C3%A5%2B%2F%25-_.~");
  assertEquals(Object.fromEntries(new URLSearchParams(call.request.body)), {
    grant_type: "client_credentials",
  });
});

const HTML = { "content-type": "text/html" };
const BASIC = { ...JSON_TYPE, "www-authenticate": 'Basic realm="clients"' };
const TOKEN_URL_ADVICE =
  "Check that OKDATA_TOKEN_URL is the token endpoint of the identity provider.";
const PERMISSION = "configured this client: it must allow the grant client_credentials.";

for (
  const [what, status, body, headers, advice] of [
    ["HTML with 200", 200, "<html>log in</html>", HTML, TOKEN_URL_ADVICE],
    ["HTML with 401", 401, "<!DOCTYPE html>log in", {}, TOKEN_URL_ADVICE],
    ["HTML with 403", 403, "<html>", HTML, TOKEN_URL_ADVICE],
    ["404", 404, "", {}, TOKEN_URL_ADVICE],
    ["404 in JSON", 404, { error: "Not Found" }, JSON_TYPE, TOKEN_URL_ADVICE],
    ["405", 405, { error: "Method Not Allowed" }, JSON_TYPE, TOKEN_URL_ADVICE],
    ["a redirect", 302, "", { location: "/log-in" }, TOKEN_URL_ADVICE],
    ["200 without a token", 200, { hello: 1 }, JSON_TYPE, TOKEN_URL_ADVICE],
    ["unauthorized_client", 400, { error: "unauthorized_client" }, JSON_TYPE, PERMISSION],
    ["unsupported_grant_type", 400, { error: "unsupported_grant_type" }, JSON_TYPE, PERMISSION],
    ["invalid_scope", 400, { error: "invalid_scope" }, JSON_TYPE, "Check OKDATA_SCOPE"],
    [
      "a scope that is missing",
      400,
      { error: "invalid_request", error_description: "The required field 'scope' is missing" },
      JSON_TYPE,
      "Check OKDATA_SCOPE",
    ],
    [
      "an audience that is missing",
      403,
      { error: "access_denied", error_description: "No audience parameter was provided" },
      JSON_TYPE,
      "Check OKDATA_AUDIENCE",
    ],
    ["invalid_target", 400, { error: "invalid_target" }, JSON_TYPE, "Check OKDATA_AUDIENCE"],
    [
      "invalid_client and a challenge for Basic",
      401,
      { error: "invalid_client" },
      BASIC,
      "configured this client: it seems to want OKDATA_TOKEN_AUTH=basic.",
    ],
    [
      "invalid_client and words about Basic",
      401,
      { error: "invalid_client", error_description: "use client_secret_basic" },
      JSON_TYPE,
      "OKDATA_TOKEN_AUTH=basic",
    ],
    // The reason's own advice: check the credentials.
    ["invalid_client", 401, { error: "invalid_client" }, JSON_TYPE, undefined],
    ["401 alone", 401, "", {}, undefined],
    [
      "Keycloak's refusal of a secret",
      401,
      { error: "unauthorized_client", error_description: "Invalid client credentials" },
      JSON_TYPE,
      undefined,
    ],
  ] as const
) {
  Deno.test(`the advice about ${what} names ${advice ? "what is wrong" : "the credentials"}`, async () => {
    const { call, token } = await start();
    call.respond(status, body, headers);
    const error = await assertRejects(() => token, RequestError);
    assertEquals(error.reason, "auth");
    if (advice === undefined) assertEquals(error.advice, undefined);
    else assert(error.advice?.includes(advice), `${error.advice}`);
  });
}

Deno.test("a client of HTTP Basic is not told to use what it uses", async () => {
  const { call, token } = await start(undefined, { tokenAuth: "basic" });
  call.respond(401, { error: "invalid_client" }, BASIC);
  assertEquals((await assertRejects(() => token, RequestError)).advice, undefined);
});

Deno.test("the message shows what came in place of a token, without the secret", async () => {
  for (
    const [status, body, headers, words] of [
      [200, "<html>", HTML, "status 200 and no token: HTML"],
      [200, "<html><title>Log in</title>", {}, 'status 200 and no token: HTML, "Log in"'],
      [503, "try s3cret-value later", {}, "status 503 and no token: try [redacted] later"],
      [
        302,
        "",
        { location: "/log-in?code=a" },
        "status 302 and no token, but a redirect to /log-in?…",
      ],
    ] as const
  ) {
    const { call, token } = await start();
    call.respond(status, body, headers);
    const { message } = await assertRejects(() => token, RequestError);
    assert(message.endsWith(`the provider responded with ${words}`), message);
  }
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
