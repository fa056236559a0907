import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { IssuedTokens, TOKEN_PATH } from "../../../local/http_server/token.ts";
import { startEmulator } from "../../support/targets.ts";
import { requestToken, responseWith, statusOf, tokenOf } from "./requests.ts";

Deno.test("the token response has the fields of Keycloak", async () => {
  await using emulator = startEmulator();
  const response = await requestToken(emulator.url);

  assertEquals(response.status, 200);
  assertEquals(response.headers.get("cache-control"), "no-store");
  const { access_token, ...rest } = await response.json();
  assertMatch(access_token, /^\S{20,}$/);
  assertEquals(rest, {
    expires_in: 300,
    refresh_expires_in: 0,
    token_type: "Bearer",
    "not-before-policy": 0,
    scope: "email profile",
  });
  assertNotEquals(await tokenOf(emulator.url), access_token);
});

Deno.test("a client may authenticate by Basic, form-encoded or not", async () => {
  await using emulator = startEmulator();
  for (const pair of ["local-client:local-secret", "local%2Dclient:local%2Dsecret"]) {
    const status = await statusOf(emulator.url + TOKEN_PATH, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "client_credentials" }),
      headers: { authorization: `Basic ${btoa(pair)}` },
    });
    assertEquals(status, 200, pair);
  }
});

Deno.test("wrong and malformed Basic credentials are refused", async () => {
  await using emulator = startEmulator();
  for (const pair of ["local-client:wrong", "no colon", "local-client:%", ":"]) {
    const headers = { authorization: `Basic ${btoa(pair)}` };
    const response = await requestToken(emulator.url, {}, headers);
    assertEquals(response.status, 401, pair);
    await response.body?.cancel();
  }
});

Deno.test("wrong credentials in the form are refused as Keycloak does", async () => {
  await using emulator = startEmulator();
  const wrong = [["client_secret", "wrong"], ["client_id", "wrong"], [
    "client_secret",
    "",
  ]] as const;
  for (const [field, value] of wrong) {
    const response = await requestToken(emulator.url, { [field]: value });
    assertEquals(response.status, 401);
    assertEquals(await response.json(), {
      error: "unauthorized_client",
      error_description: "Invalid client or Invalid client credentials",
    });
  }
});

Deno.test("another grant type and another content type are refused", async () => {
  await using emulator = startEmulator();
  const password = await requestToken(emulator.url, { grant_type: "password" });
  assertEquals(password.status, 400);
  assertEquals((await password.json()).error, "unsupported_grant_type");

  const json = await requestToken(emulator.url, {}, { "content-type": "application/json" });
  assertEquals(json.status, 415);
  await json.body?.cancel();
});

Deno.test("client, secret and lifetime are options", async () => {
  await using emulator = startEmulator({
    clientId: "me",
    clientSecret: "s3cr:t",
    tokenLifetimeSeconds: 60,
  });
  const response = await requestToken(emulator.url, { client_id: "me", client_secret: "s3cr:t" });
  assertEquals((await response.json()).expires_in, 60);

  const byDefault = await requestToken(emulator.url);
  assertEquals(byDefault.status, 401);
  await byDefault.body?.cancel();
});

Deno.test("a dataset request with a token succeeds, with another authorization it does not", async () => {
  await using emulator = startEmulator();
  const url = `${emulator.url}/metadata/a`;
  const token = await tokenOf(emulator.url);
  const statusWith = (authorization: string) => statusOf(url, { headers: { authorization } });

  assertEquals(await statusWith(`Bearer ${token}`), 200);
  assertEquals(await statusWith(`bearer ${token}`), 200);
  assertEquals(await statusWith(`Bearer ${token}x`), 401);
  assertEquals(await statusWith("Bearer "), 401);
  assertEquals(await statusWith(token), 401);
  assertEquals(await statusWith(`Basic ${token}`), 401);
  assertEquals(await statusOf(url), 200);
});

Deno.test("with requireToken a dataset request needs a token", async () => {
  await using emulator = startEmulator({ requireToken: true });
  const url = `${emulator.url}/metadata/a`;
  const response = await fetch(url);
  assertEquals(response.status, 401);
  assertEquals(await response.json(), { message: "Unauthorized" });

  const headers = { authorization: `Bearer ${await tokenOf(emulator.url)}` };
  assertEquals(await statusOf(url, { headers }), 200);
});

Deno.test("an expired token is refused", async () => {
  await using emulator = startEmulator({ tokenLifetimeSeconds: 0.001 });
  const headers = { authorization: `Bearer ${await tokenOf(emulator.url)}` };

  const response = await responseWith(401, `${emulator.url}/metadata/a`, { headers });
  assertEquals(await response.json(), { message: "Unauthorized" });
});

Deno.test("IssuedTokens accepts a token for its lifetime and then forgets it", () => {
  let nowMs = 0;
  const tokens = new IssuedTokens(10, () => nowMs);
  const first = tokens.issue();
  nowMs = 9_999;
  const second = tokens.issue();
  assertEquals([tokens.accepts(first), tokens.accepts(second)], [true, true]);

  nowMs = 10_000;
  assertEquals([tokens.accepts(first), tokens.accepts(second)], [false, true]);
  tokens.issue();
  assertEquals(tokens.size, 2);
  nowMs = 100_000;
  tokens.issue();
  assertEquals(tokens.size, 1);
});
