import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { parseConfig } from "../../src/config/config.ts";
import { describeConfig } from "../../src/config/describe.ts";
import { SETTINGS } from "../../src/config/settings.ts";

type Env = Readonly<Record<string, string>>;

const EMULATOR: Env = { DATASET_ID: "abc123", LOCAL_SERVICES_ONLY: "true" };

function describe(env: Env, flags: Env = {}): string {
  const input = { flags, env: (name: string) => env[name] };
  const parsed = parseConfig(input, () => "0a1b2c3d");
  assert(parsed.ok, JSON.stringify(parsed));
  return describeConfig(input, parsed.config);
}

/** The line of one variable, with blanks in a row made one. */
function lineOf(text: string, name: string): string | undefined {
  return text.split("\n").find((line) => line.replace(/^# /, "").startsWith(`${name}=`))
    ?.replace(/ +/g, " ");
}

Deno.test("describeConfig has a line for each setting, in the order of the table", () => {
  const names = describe(EMULATOR).trimEnd().split("\n")
    .map((line) => line.match(/^(?:# )?([A-Z_]+)=/)?.[1]);
  assertEquals(names, Object.values(SETTINGS).map(({ env }) => env));
});

Deno.test("describeConfig names the source of each value", () => {
  const text = describe({ ...EMULATOR, RETRIES: "5" }, { port: "8001" });
  assertEquals(lineOf(text, "RETRIES"), "RETRIES=5 # environment");
  assertEquals(lineOf(text, "PORT"), "PORT=8001 # flag");
  assertEquals(lineOf(text, "TASK_INTERVAL_SECONDS"), "TASK_INTERVAL_SECONDS=10 # default");
  assertEquals(lineOf(text, "HTTP_BASIC_AUTH_FILE"), "# HTTP_BASIC_AUTH_FILE= # not set");
});

Deno.test("describeConfig shows values that follow from others", () => {
  const text = describe({ ...EMULATOR, LOCAL_RUN: "1" });
  assertMatch(
    lineOf(text, "OKDATA_API_URL") ?? "",
    /^OKDATA_API_URL=http:\/\/localhost:8081\/metadata #/,
  );
  assertMatch(lineOf(text, "LOG_LEVEL") ?? "", /^LOG_LEVEL=debug #/);
  assertMatch(lineOf(text, "OKDATA_TOKEN_URL") ?? "", /^# OKDATA_TOKEN_URL= #/);
});

Deno.test("describeConfig shows no secret, but that there is one", () => {
  const secrets = {
    OKDATA_CLIENT_SECRET: "s3cret-1",
    HTTP_BEARER_TOKEN: "s3cret-2",
    HTTP_BASIC_AUTH: "user:s3cret-3",
    HEARTBEAT_URL: "https://heartbeat.example/s3cret-4",
    PROMETHEUS_BEARER_TOKEN: "s3cret-7",
    HTTPS_PROXY: "http://s3cret-5:s3cret-6@proxy.test",
  };
  const text = describe({ ...EMULATOR, ...secrets });
  assert(!text.includes("s3cret"), text);
  for (const name of Object.keys(secrets)) {
    assertEquals(lineOf(text, name), `# ${name}= # environment, not shown`);
  }
});

Deno.test("describeConfig quotes a value for the shell", () => {
  const text = describe({ ...EMULATOR, APP_ID: "it's $HOME #1" });
  assertMatch(lineOf(text, "APP_ID") ?? "", /^APP_ID='it'\\''s \$HOME #1' # environment$/);
});

Deno.test("describeConfig aligns its notes", () => {
  const columns = describe(EMULATOR).trimEnd().split("\n").map((line) => line.lastIndexOf("  # "));
  assertEquals(new Set(columns).size, 1);
});

/** What a shell makes of a word of literals, single quotes and escaped characters. */
function unquote(word: string): string {
  return word.replace(/'([^']*)'|\\(.)/g, (_, quoted, escaped) => quoted ?? escaped);
}

Deno.test("describeConfig prints assignments that give the same configuration again", () => {
  const ascii = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
  });
  const anyAppId = ascii.map((text) => text.trim()).filter((text) =>
    text !== "" && text.length <= 128
  );
  fc.assert(fc.property(anyAppId, fc.integer({ min: 1, max: 86_400 }), (appId, seconds) => {
    const env = { ...EMULATOR, APP_ID: appId, TASK_INTERVAL_SECONDS: String(seconds) };
    const text = describe(env);
    const again = Object.fromEntries(
      text.trimEnd().split("\n").filter((line) => !line.startsWith("#")).map((line) => {
        const assignment = line.slice(0, line.lastIndexOf("  # ")).trimEnd();
        const equals = assignment.indexOf("=");
        return [assignment.slice(0, equals), unquote(assignment.slice(equals + 1))];
      }),
    );
    assertEquals([again.APP_ID, again.TASK_INTERVAL_SECONDS], [appId, String(seconds)]);
  }));
});
