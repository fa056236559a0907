import { assertEquals, assertRejects } from "@std/assert";
import { parseConfig } from "../../src/config/config.ts";
import { okdataOptions } from "../../src/config/okdata_options.ts";

function configFrom(env: Record<string, string>) {
  const given: Record<string, string> = { DATASET_ID: "abc123", ...env };
  const parsed = parseConfig({ flags: {}, env: (name) => given[name] }, () => "0a1b2c3d");
  if (!parsed.ok) throw new Error(parsed.problems.join("\n"));
  return parsed.config;
}

const PLATFORM = {
  OKDATA_API_URL: "http://api",
  OKDATA_TOKEN_URL: "http://login/token",
  OKDATA_CLIENT_ID: "client",
};

const noFile = (path: string) => Promise.reject(new Error(`no file ${path}`));

Deno.test("okdataOptions passes on address, timeouts and retries", () => {
  const config = configFrom({
    LOCAL_SERVICES_ONLY: "true",
    TASK_TIMEOUT_SECONDS: "7",
    REQUEST_TIMEOUT_SECONDS: "2",
    RETRIES: "0",
  });
  assertEquals(okdataOptions(config, noFile), {
    apiUrl: "http://localhost:8081/metadata",
    taskTimeoutSeconds: 7,
    requestTimeoutSeconds: 2,
    retries: 0,
    secrets: [],
    credentials: null,
  });
});

Deno.test("okdataOptions reads the secret of the variable without a file", async () => {
  const config = configFrom({ ...PLATFORM, OKDATA_CLIENT_SECRET: "s3cret" });
  const { credentials } = okdataOptions(config, noFile);
  assertEquals([credentials?.tokenUrl, credentials?.clientId], ["http://login/token", "client"]);
  assertEquals(await credentials?.readSecret(), "s3cret");
});

Deno.test("okdataOptions reads the secret's file anew each time", async () => {
  const contents = ["first\n", "second\n", "", "\ufeffthird"];
  const paths: string[] = [];
  const config = configFrom({ ...PLATFORM, OKDATA_CLIENT_SECRET_FILE: "/run/secret" });
  const { credentials } = okdataOptions(config, (path) => {
    paths.push(path);
    return Promise.resolve(contents.shift() ?? "");
  });
  assertEquals(paths, []);
  assertEquals(await credentials?.readSecret(), "first");
  assertEquals(await credentials?.readSecret(), "second");
  await assertRejects(async () => await credentials?.readSecret(), Error, "/run/secret is empty");
  const expected =
    "expected a secret without a byte order mark, got one with U+FEFF in /run/secret";
  await assertRejects(async () => await credentials?.readSecret(), Error, expected);
  assertEquals(paths, Array(4).fill("/run/secret"));
});

Deno.test("okdataOptions passes on the secrets of both proxies", () => {
  const { secrets } = okdataOptions(
    configFrom({
      LOCAL_SERVICES_ONLY: "true",
      HTTPS_PROXY: "http://me:first@proxy.test",
      HTTP_PROXY: "http://second@proxy.test",
    }),
    noFile,
  );
  assertEquals(secrets, ["me", "first", btoa("me:first"), "second", btoa("second:")]);
});
