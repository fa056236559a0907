import { assert, assertEquals } from "@std/assert";
import { check } from "../../../src/commands/one_off/check.ts";
import { VERSION } from "../../../src/core/version.ts";
import type { Runtime } from "../../../src/runtime/runtime.ts";
import { settle } from "../../support/clock.ts";
import { configOf, createFakeRuntime } from "../../support/fake_runtime.ts";

const JSON_TYPE = { "content-type": "application/json" };

const PLATFORM = {
  LOCAL_SERVICES_ONLY: "false",
  OKDATA_API_URL: "http://api.example/datasets",
  OKDATA_TOKEN_URL: "http://login.example/token",
  OKDATA_ENVIRONMENT: "dev",
  OKDATA_CLIENT_ID: "client",
  OKDATA_CLIENT_SECRET: "s3cret-value",
};

/** Starts a check on fakes. */
async function start(
  env: Record<string, string> = {},
  fields: Partial<Runtime> = {},
  { json = false } = {},
) {
  const fakes = createFakeRuntime();
  const stop = new AbortController();
  const runtime = { ...fakes.runtime, ...fields };
  const exitCode = check(configOf(env), { utc: true, json }, runtime, stop.signal);
  await settle();
  const lines = () => fakes.stdout.text.trimEnd().split("\n");
  return { ...fakes, exitCode, stop, lines };
}

/** A JSON Web Token with these claims. */
function webToken(claims: object): string {
  const part = (value: object) =>
    btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return `${part({ alg: "none" })}.${part(claims)}.c2lnbmF0dXJl`;
}

Deno.test("a check of the emulator resolves its name and requests each dataset once", async () => {
  const { transport, lines, exitCode } = await start({ DATASET_ID: "a,b" });
  transport.oldest.succeed();
  await settle();
  assertEquals(transport.open.length, 1, "one after the other");
  transport.oldest.succeed();
  assertEquals(await exitCode, 0);
  assertEquals(lines(), [
    "ok      configuration: 2 datasets at http://api (local), without credentials, every 10 s",
    "ok      name api: 192.0.2.1",
    "ok      dataset a: status 200 in 0.000 s",
    "ok      dataset b: status 200 in 0.000 s",
  ]);
});

Deno.test("a check that fails says where to look further", async () => {
  const { transport, lines, exitCode } = await start({ PUBLIC_URL: "https://probe.example" });
  transport.oldest.respond(404);
  assertEquals(await exitCode, 1);
  assertEquals(
    lines().at(-1),
    "see     running probe: https://probe.example/?dataset_id=abc123&state=failed",
  );
});

Deno.test("a check of local services does not speak of the platform that the settings name", async () => {
  const env = { LOCAL_SERVICES_ONLY: "true", OKDATA_ENVIRONMENT: "prod" };
  const { transport, stdout, exitCode } = await start(env);
  transport.oldest.respond(404);
  assertEquals(await exitCode, 1);
  assert(stdout.text.includes("the dataset must exist in this platform"), stdout.text);
  assert(!stdout.text.includes("prod"), stdout.text);
});

Deno.test("a check with credentials fetches a token and shows its issuer and its end", async () => {
  const { transport, stdout, lines, exitCode } = await start(PLATFORM);
  const token = { access_token: webToken({ iss: "https://login.example/realms/x" }) };
  transport.oldest.respond(200, { ...token, token_type: "Bearer", expires_in: 300 }, JSON_TYPE);
  await settle();
  transport.oldest.succeed();
  assertEquals(await exitCode, 0);
  assertEquals(lines(), [
    "ok      configuration: 1 dataset at http://api.example/datasets (dev), as client client, " +
    "every 10 s",
    "ok      name api.example: 192.0.2.1",
    "ok      name login.example: 192.0.2.1",
    "ok      token: issued by https://login.example/realms/x, valid for 300.0 s, " +
    "until 2026-10-24 12:05:00 +00:00",
    "ok      dataset abc123: status 200 in 0.000 s",
  ]);
  assert(!stdout.text.includes("s3cret") && !stdout.text.includes("eyJ"));
});

Deno.test("a check names the token URL as the issuer of a token that is not a web token", async () => {
  const { transport, lines, exitCode } = await start(PLATFORM);
  const token = { access_token: "opaque", token_type: "Bearer", expires_in: 60 };
  transport.oldest.respond(200, token, JSON_TYPE);
  await settle();
  transport.oldest.succeed();
  await exitCode;
  assert(lines().some((line) => line.includes("issued by http://login.example/token, ")));
});

Deno.test("a check resolves a host of API and identity provider once", async () => {
  const env = { ...PLATFORM, OKDATA_TOKEN_URL: "http://api.example/token" };
  const { lines } = await start(env);
  assertEquals(lines().filter((line) => line.includes("name ")).length, 1);
});

Deno.test("a check resolves the name of a proxy, which resolves the others, and shows no secret", async () => {
  const resolved: string[] = [];
  const { stdout, lines } = await start({
    ...PLATFORM,
    OKDATA_API_URL: "https://api.example/datasets",
    https_proxy: "http://me:s3cret@proxy.example:3128",
  }, {
    resolve(host) {
      resolved.push(host);
      return Promise.resolve(["192.0.2.7"]);
    },
  });
  assertEquals(resolved, ["proxy.example", "login.example"]);
  assertEquals(lines().slice(0, 3), [
    "ok      configuration: 1 dataset at https://api.example/datasets (dev), as client client, " +
    "every 10 s, by proxy proxy.example:3128 for api.example",
    "ok      proxy proxy.example:3128 for api.example: 192.0.2.7",
    "ok      name login.example: 192.0.2.7",
  ]);
  assert(!stdout.text.includes("s3cret"), stdout.text);
});

Deno.test("a check resolves an IPv6 address without its brackets", async () => {
  const resolve = (host: string) => Promise.resolve([host]);
  const { lines } = await start({ OKDATA_API_URL: "http://[2001:db8::1]/datasets" }, { resolve });
  assertEquals(lines()[1], "ok      name 2001:db8::1: 2001:db8::1");
});

Deno.test("a check does not try what depends on a broken step", async () => {
  const resolve = (host: string) =>
    host === "api.example"
      ? Promise.resolve(["192.0.2.1"])
      : Promise.reject(new Error("no such host"));
  const { transport, lines, exitCode } = await start(PLATFORM, { resolve });
  // The reason of the tasks, which get no token.
  assertEquals(await exitCode, 7);
  assertEquals(transport.requests.length, 0);
  assertEquals(lines().slice(2), [
    "FAILED  name login.example: identity_provider: no such host",
    "        Check the spelling of the host name, and this machine's name server.",
    "--      token: not tried",
    "--      dataset abc123: not tried",
  ]);
});

Deno.test("a check of a host name of the API that does not exist exits with 5", async () => {
  const resolve = () => Promise.reject(new Error("no such host"));
  const { lines, exitCode } = await start({}, { resolve });
  assertEquals([await exitCode, lines()[1]], [5, "FAILED  name api: dns: no such host"]);
});

for (
  const [what, respond, exitCode, advice] of [
    [
      "refused credentials",
      [401, { error: "invalid_client" }],
      3,
      "Check OKDATA_CLIENT_ID and OKDATA_CLIENT_SECRET: they must belong to OKDATA_ENVIRONMENT=dev.",
    ],
    [
      "a wrong token URL",
      [404, "not here"],
      3,
      "Check that OKDATA_TOKEN_URL is the token endpoint of the identity provider.",
    ],
    [
      "an identity provider in trouble",
      [503, "down"],
      7,
      "Look at the identity provider's own status page or log; OKDATA_TOKEN_URL says where it is.",
    ],
    [
      "a scope that the provider does not grant",
      [400, { error: "invalid_scope" }],
      3,
      "Check OKDATA_SCOPE: this client may not ask for it, or must ask for one.",
    ],
  ] as const
) {
  Deno.test(`a check advises what to do about ${what}`, async () => {
    const { transport, lines, exitCode: exit } = await start(PLATFORM);
    transport.oldest.respond(respond[0], respond[1], JSON_TYPE);
    assertEquals(await exit, exitCode);
    assertEquals(lines().slice(4), [`        ${advice}`, "--      dataset abc123: not tried"]);
  });
}

Deno.test("a check says why the identity provider could not be reached", async () => {
  const { transport, lines, exitCode } = await start(PLATFORM);
  transport.oldest.breakOff("ECONNREFUSED");
  assertEquals(await exitCode, 7);
  assertEquals(lines().slice(3), [
    "FAILED  token: identity_provider: no token from http://login.example/token: ECONNREFUSED",
    "        Check that the service is up and that a firewall or proxy lets this machine reach it.",
    "--      dataset abc123: not tried",
  ]);
});

Deno.test("a check tries every dataset, whatever became of the others", async () => {
  const { transport, lines, exitCode } = await start({ DATASET_ID: "a,b,c" });
  transport.oldest.respond(404);
  await settle();
  transport.oldest.succeed();
  await settle();
  transport.oldest.respond(503);
  assertEquals(await exitCode, 1);
  assertEquals(lines().slice(2).filter((line) => !line.startsWith("   ")), [
    "FAILED  dataset a: not_found: status 404",
    "ok      dataset b: status 200 in 0.000 s",
    "FAILED  dataset c: server_error: status 503",
  ]);
  assertEquals(transport.requests.length, 3, "no retries");
});

Deno.test("a check that a signal interrupts ends at once with its exit code", async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const { stop, lines, exitCode } = await start({ DATASET_ID: "a,b" });
    stop.abort(signal);
    assertEquals(await exitCode, code);
    assertEquals(lines().slice(2), [
      "--      dataset a: interrupted",
      "--      dataset b: not tried: interrupted",
    ]);
  }
});

Deno.test("--json has every finding of a check, with what it took and what to do", async () => {
  const env = { DATASET_ID: "a,b" };
  const { transport, clock, stdout, exitCode } = await start(env, {}, { json: true });
  await clock.run(1_500);
  transport.oldest.succeed();
  await settle();
  transport.oldest.respond(404, "gone");
  assertEquals(await exitCode, 1);
  const good = { ok: true, reason: null, advice: null };
  assertEquals(JSON.parse(stdout.text), {
    version: 1,
    program_version: VERSION,
    environment: "local",
    url: "http://api",
    exit_code: 1,
    warnings: [],
    findings: [
      {
        ...good,
        name: "configuration",
        what: "2 datasets at http://api (local), without credentials, every 10 s",
        duration_seconds: null,
      },
      { ...good, name: "name api", what: "192.0.2.1", duration_seconds: 0 },
      { ...good, name: "dataset a", what: "status 200 in 1.500 s", duration_seconds: 1.5 },
      {
        name: "dataset b",
        ok: false,
        what: "status 404: gone",
        reason: "not_found",
        advice: "Check DATASET_ID and OKDATA_API_URL: the dataset must exist in this platform.",
        duration_seconds: 0,
      },
    ],
  });
});

Deno.test("--json says what a check has not tried, and which signal ended it", async () => {
  const resolve = () => Promise.reject(new Error("no such host"));
  const { stdout, exitCode } = await start({}, { resolve }, { json: true });
  await exitCode;
  const { findings } = JSON.parse(stdout.text);
  assertEquals(findings.map(({ ok }: { ok: boolean | null }) => ok), [true, false, null]);

  const interrupted = await start({ DATASET_ID: "a,b" }, {}, { json: true });
  await interrupted.clock.run(500);
  interrupted.stop.abort("SIGINT");
  assertEquals(await interrupted.exitCode, 130);
  const document = JSON.parse(interrupted.stdout.text);
  assertEquals(document.exit_code, 130);
  const unknown = { ok: null, reason: null, advice: null };
  assertEquals(document.findings.slice(2), [
    { ...unknown, name: "dataset a", what: "interrupted", duration_seconds: 0.5 },
    { ...unknown, name: "dataset b", what: "not tried: interrupted", duration_seconds: null },
  ]);
});

Deno.test("a check warns of settings that undo each other, without failing", async () => {
  const env = { TASK_TIMEOUT_SECONDS: "5" };
  const warning = "TASK_TIMEOUT_SECONDS=5 is not more than REQUEST_TIMEOUT_SECONDS=10: " +
    "an attempt that gets no response is never tried again";
  for (const json of [false, true]) {
    const { transport, stdout, exitCode } = await start(env, {}, { json });
    transport.oldest.succeed();
    assertEquals(await exitCode, 0);
    if (json) assertEquals(JSON.parse(stdout.text).warnings, [warning]);
    else assertEquals(stdout.text.split("\n")[1], `warning configuration: ${warning}`);
  }
});
