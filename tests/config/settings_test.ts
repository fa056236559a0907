import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Setting } from "../../src/config/setting.ts";
import { SETTINGS, VARIABLES } from "../../src/config/settings.ts";

const ALL: readonly [key: string, setting: Setting][] = Object.entries(SETTINGS);

Deno.test("SETTINGS has every name once", () => {
  const flags = ALL.flatMap(([, { flag }]) => flag ?? []);
  assertEquals(new Set(flags).size, flags.length);
  assertEquals(new Set(VARIABLES).size, VARIABLES.length);
});

Deno.test("SETTINGS names variables and flags in their own styles", () => {
  for (const [key, { env, flag = "a" }] of ALL) {
    assertMatch(env, /^[A-Z]+(_[A-Z]+)*$/, key);
    assertMatch(flag, /^[a-z]+(-[a-z]+)*$/, key);
  }
});

Deno.test("no secret of SETTINGS has a flag, which other users could read, but the heartbeat's URL", () => {
  const withFlag = ALL.filter(([, { secret, flag }]) => secret && flag).map(([key]) => key);
  assertEquals(withFlag, ["heartbeatUrl"]);
});

Deno.test("SETTINGS accepts its own defaults", () => {
  for (const [key, setting] of ALL) {
    if (setting.default === undefined) continue;
    assert(setting.schema.safeParse(setting.default).success, `${key}: ${setting.default}`);
  }
});

Deno.test("SETTINGS describes a default either by its value or by a note", () => {
  const both = ALL.filter(([, each]) => each.default !== undefined && each.defaultNote);
  assertEquals(both, []);
});

Deno.test("VARIABLES lists the variables, their other names, Deno's own switch and TERM", () => {
  const names = ALL.flatMap(([, { env, alias }]) => alias ? [env, alias] : [env]);
  assertEquals([...VARIABLES].sort(), [...names, "OTEL_DENO", "TERM"].sort());
  assert(VARIABLES.includes("HTTPS_PROXY") && VARIABLES.includes("no_proxy"));
  assert(VARIABLES.includes("BETTERUPTIME_HEARTBEAT_URL"));
});

/** Whether the setting accepts each of these values. */
function accepted(key: keyof typeof SETTINGS, values: string[]): boolean[] {
  const { schema }: Setting = SETTINGS[key];
  return values.map((value) => schema.safeParse(value).success);
}

Deno.test("the URL of the API loses the slashes at its end", () => {
  assertEquals(SETTINGS.apiUrl.schema.parse("http://api/metadata//"), "http://api/metadata");
});

Deno.test("the public URL loses the slashes at its end", () => {
  assertEquals(
    SETTINGS.publicUrl.schema.parse("https://probe.example/a//"),
    "https://probe.example/a",
  );
});

Deno.test("a log level may be written `warn`, and in any case", () => {
  assertEquals(["WARN", "warning", "Debug"].map((text) => SETTINGS.logLevel.schema.parse(text)), [
    "warning",
    "warning",
    "debug",
  ]);
  assertEquals(accepted("logLevel", ["verbose", "0"]), [false, false]);
});

for (
  const [key, right, wrong] of [
    ["scope", ["read", "read:all https://x/y"], [
      " read",
      "a  b",
      'a"b',
      "a\\b",
      "bl\u00e5",
      "a\nb",
    ]],
    ["audience", ["https://api/", "two words", "bl\u00e5"], ["", "a\nb", "x".repeat(1001)]],
    ["tokenAuth", ["post", "BASIC"], ["", "none", "client_secret_basic"]],
    ["clientId", ["probe", "a b", "bl\u00e5"], ['"probe"', "'probe'", "a\tb", "a\u200bb"]],
    ["traceUrl", [
      "https://traces.example/trace/{trace_id}",
      'http://grafana:3000/explore?left={"query":"{trace_id}"}#a',
    ], [
      "",
      "https://traces.example/",
      "https://traces.example/{traceid}",
      "traces.example/{trace_id}",
      "javascript:alert('{trace_id}')",
      "https://user:password@traces.example/{trace_id}",
    ]],
    ["publicUrl", [
      "https://probe.example",
      "http://{environment}.example:8000/{location}/",
    ], [
      "",
      "probe.example",
      "https://probe.example/?a=1",
      "https://probe.example/#a",
      "https://me:s3cret@probe.example",
      "https://{env}.example",
      "https://probe.example/{{ $labels.environment }}",
      "javascript:alert(1)",
    ]],
    ["dashboardUrl", [
      "https://grafana.example/d/probe?orgId=1&var-x={environment}",
      "http://grafana:3000",
    ], [
      "https://grafana.example/d/probe#a",
      "https://me:s3cret@grafana.example/d/probe?orgId=1",
      "https://grafana.example/d/{uid}",
      "grafana.example",
    ]],
    ["environment", ["dev", "PROD"], ["test", "production", ""]],
    ["retries", ["0", "10"], ["-1", "11", "1.5"]],
    ["port", ["0", "8000", "65535"], ["-1", "65536", "http"]],
    ["host", ["0.0.0.0", "::1", "fe80::1%eth0", "my-host.local"], ["http://x", "a b", "a/b"]],
    ["bearerToken", ["abc-._~+/=="], ["with space", "bl\u00e5", "a=b"]],
    ["basicAuth", ["user:pass:word", "u: "], ["user", ":password", "user:", "u:a\nb"]],
    ["heartbeatUrl", ["https://user:secret@heartbeat.example/?key=1"], [
      "heartbeat.example",
      "ftp://x",
    ]],
    ["sloAvailability", ["0.999", "0.5"], ["0", "1", "99.9", "-0.1"]],
    ["appId", ["a", "x".repeat(128), "probe 1"], ["", "x".repeat(129), "bl\u00e5", "a\nb"]],
    ["logFormat", ["text", "JSON"], ["yaml"]],
  ] as const
) {
  Deno.test(`${key} accepts what it should and nothing else`, () => {
    assertEquals(accepted(key, [...right]), right.map(() => true), right.join(" | "));
    assertEquals(accepted(key, [...wrong]), wrong.map(() => false), wrong.join(" | "));
  });
}

Deno.test("the stores of authorities are those that Deno knows", () => {
  const values = ["mozilla", "system", "mozilla,system", "system, mozilla"];
  assertEquals(accepted("trustStores", values), [true, true, true, true]);
  const unknown = ["System", "windows", "mozilla,windows", "mozilla,"];
  assertEquals(accepted("trustStores", unknown), [false, false, false, false]);
});
