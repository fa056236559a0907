import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { parseConfig } from "../../src/config/config.ts";
import type { Setting } from "../../src/config/setting.ts";
import { SETTINGS } from "../../src/config/settings.ts";

type Env = Readonly<Record<string, string>>;

const PLATFORM: Env = {
  DATASET_ID: "abc123",
  OKDATA_ENVIRONMENT: "dev",
  OKDATA_CLIENT_ID: "client",
  OKDATA_CLIENT_SECRET: "s3cret-value",
};
const EMULATOR: Env = { DATASET_ID: "abc123", LOCAL_SERVICES_ONLY: "true" };

function parse(env: Env, flags: Env = {}, options = {}) {
  return parseConfig({ flags, env: (name) => env[name] }, () => "0a1b2c3d", options);
}

function configFrom(env: Env, flags: Env = {}, options = {}) {
  const parsed = parse(env, flags, options);
  assert(parsed.ok, JSON.stringify(parsed));
  return parsed.config;
}

function problemsOf(env: Env, flags: Env = {}, options = {}): string[] {
  const parsed = parse(env, flags, options);
  return parsed.ok ? [] : parsed.problems;
}

function without(env: Env, ...names: string[]): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}

Deno.test("parseConfig fills in the documented defaults", () => {
  const { credentials: _, proxyFor, ...config } = configFrom(PLATFORM);
  assertEquals(proxyFor(new URL(config.apiUrl)), null);
  const given = Object.entries(config).filter(([, value]) => value !== undefined);
  assertEquals(Object.fromEntries(given), {
    datasetIds: ["abc123"],
    clientId: "client",
    clientSecret: "s3cret-value",
    tokenAuth: "post",
    localServicesOnly: false,
    apiUrl: "https://api.data-dev.oslo.systems/metadata/datasets",
    taskIntervalSeconds: 10,
    taskTimeoutSeconds: 60,
    requestTimeoutSeconds: 10,
    retries: 3,
    maxInFlightTasks: 1_000,
    dismissTaskSeconds: 86_400,
    cleanTasksIntervalSeconds: 300,
    maxTrackedTasks: 100_000,
    heartbeatMethod: "HEAD",
    host: "0.0.0.0",
    port: 8_000,
    bearerAuth: null,
    basicAuth: null,
    prometheusAuth: null,
    tls: null,
    sloAvailability: 0.999,
    sloLatencySeconds: 1,
    appId: "0a1b2c3d",
    environmentName: "dev",
    logLevel: "info",
    tableIntervalSeconds: 30,
    localRun: false,
  });
});

Deno.test("parseConfig prefers a flag to the environment, and that to the default", () => {
  const env = { ...EMULATOR, RETRIES: "5" };
  const retries = [configFrom(EMULATOR), configFrom(env), configFrom(env, { retries: "7" })]
    .map((config) => config.retries);
  assertEquals(retries, [3, 5, 7]);
});

Deno.test("parseConfig takes a right flag although the variable is wrong", () => {
  assertEquals(configFrom({ ...EMULATOR, RETRIES: "many" }, { retries: "1" }).retries, 1);
});

Deno.test("parseConfig reports all problems at once, with name, expectation and value", () => {
  const env = { ...PLATFORM, TASK_INTERVAL_SECONDS: "0", RETRIES: "99", PORT: "http" };
  assertEquals(problemsOf(without(env, "DATASET_ID", "OKDATA_CLIENT_ID"), { host: "a b" }), [
    "DATASET_ID: expected a dataset ID, got nothing",
    "OKDATA_CLIENT_ID: expected the ID of a client of the platform, got nothing",
    'TASK_INTERVAL_SECONDS: expected seconds, from 0.001 to 2592000, got "0"',
    'RETRIES: expected a whole number from 0 to 10, got "99"',
    '--host: expected an IP address or a host name, got "a b"',
    'PORT: expected a port from 0 to 65535, got "http"',
  ]);
});

Deno.test("parseConfig requires a dataset, an environment and credentials", () => {
  assertEquals(problemsOf({}), [
    "DATASET_ID: expected a dataset ID, got nothing",
    "OKDATA_ENVIRONMENT: expected dev or prod (or LOCAL_SERVICES_ONLY=true for the emulator), " +
    "got nothing",
    "OKDATA_CLIENT_ID: expected the ID of a client of the platform, got nothing",
    "OKDATA_CLIENT_SECRET: expected the client's secret, or its file in " +
    "OKDATA_CLIENT_SECRET_FILE, got nothing",
  ]);
});

Deno.test("parseConfig treats a blank variable as missing", () => {
  assertEquals(problemsOf({ ...PLATFORM, DATASET_ID: "  ", RETRIES: "" }), [
    "DATASET_ID: expected a dataset ID, got nothing",
  ]);
});

for (
  const [environment, apiUrl, tokenHost] of [
    ["dev", "https://api.data-dev.oslo.systems/metadata/datasets", "login-test.oslo.kommune.no"],
    ["prod", "https://api.data.oslo.systems/metadata/datasets", "login.oslo.kommune.no"],
  ] as const
) {
  Deno.test(`parseConfig takes the addresses of ${environment} from the table`, () => {
    const config = configFrom({ ...PLATFORM, OKDATA_ENVIRONMENT: environment });
    assertEquals(config.apiUrl, apiUrl);
    assertEquals(config.credentials, {
      tokenUrl: `https://${tokenHost}/auth/realms/api-catalog/protocol/openid-connect/token`,
      clientId: "client",
      secret: { text: "s3cret-value" },
      tokenAuth: "post",
    });
  });
}

Deno.test("parseConfig prefers a given URL to that of the environment", () => {
  const config = configFrom({
    ...PLATFORM,
    OKDATA_API_URL: "http://api/",
    OKDATA_TOKEN_URL: "http://t",
  });
  assertEquals([config.apiUrl, config.credentials?.tokenUrl], ["http://api", "http://t"]);
});

Deno.test("parseConfig needs no environment when both URLs are given, but with one of them", () => {
  const urls = { OKDATA_API_URL: "http://api", OKDATA_TOKEN_URL: "http://login/token" };
  const env = { ...without(PLATFORM, "OKDATA_ENVIRONMENT"), ...urls };
  const { apiUrl, credentials, environmentName } = configFrom(env);
  assertEquals([apiUrl, credentials?.tokenUrl, environmentName], [
    "http://api",
    "http://login/token",
    null,
  ]);
  for (const name of Object.keys(urls)) {
    const [problem = "", ...others] = problemsOf(without(env, name));
    assertEquals([problem.split(":")[0], others], ["OKDATA_ENVIRONMENT", []]);
  }
});

Deno.test("parseConfig ignores environment and credentials with local services only", () => {
  const { apiUrl, credentials } = configFrom({ ...PLATFORM, ...EMULATOR });
  assertEquals([apiUrl, credentials], ["http://localhost:8081/metadata", null]);
  assertEquals(configFrom(EMULATOR).credentials, null);
});

Deno.test("parseConfig lets OKDATA_API_URL win over the emulator", () => {
  const { apiUrl, credentials } = configFrom({ ...EMULATOR, OKDATA_API_URL: "http://other" });
  assertEquals([apiUrl, credentials], ["http://other", null]);
});

Deno.test("parseConfig asks for no credentials while LOCAL_SERVICES_ONLY is wrong", () => {
  assertEquals(problemsOf({ DATASET_ID: "a", LOCAL_SERVICES_ONLY: "yes" }), [
    'LOCAL_SERVICES_ONLY: expected true, false, 1 or 0, got "yes"',
  ]);
});

Deno.test("parseConfig reads a secret from a file, or from its variable, but not from both", () => {
  const file = { OKDATA_CLIENT_SECRET_FILE: "/run/secret" };
  const config = configFrom({ ...without(PLATFORM, "OKDATA_CLIENT_SECRET"), ...file });
  assertEquals(config.credentials?.secret, { path: "/run/secret" });
  assertEquals(problemsOf({ ...PLATFORM, ...file }), [
    "OKDATA_CLIENT_SECRET: expected it or OKDATA_CLIENT_SECRET_FILE, got both",
  ]);
});

Deno.test("parseConfig has the credentials of the endpoints as text or file, not both", () => {
  const config = configFrom({
    ...EMULATOR,
    HTTP_BEARER_TOKEN: "abc",
    HTTP_BASIC_AUTH_FILE: "/run/pair",
  });
  assertEquals([config.bearerAuth, config.basicAuth], [{ text: "abc" }, { path: "/run/pair" }]);
  const both = {
    HTTP_BEARER_TOKEN: "abc",
    HTTP_BEARER_TOKEN_FILE: "/run/token",
    HTTP_BASIC_AUTH: "user:password",
    HTTP_BASIC_AUTH_FILE: "/run/pair",
  };
  assertEquals(problemsOf({ ...EMULATOR, ...both }), [
    "HTTP_BEARER_TOKEN: expected it or HTTP_BEARER_TOKEN_FILE, got both",
    "HTTP_BASIC_AUTH: expected it or HTTP_BASIC_AUTH_FILE, got both",
  ]);
});

Deno.test("parseConfig takes the address of Prometheus, its token as text or file, a location", () => {
  const none = configFrom(EMULATOR);
  assertEquals(
    [none.prometheusUrl, none.prometheusAuth, none.prometheusLocation],
    [undefined, null, undefined],
  );
  const given = {
    PROMETHEUS_URL: "https://prometheus.example/prefix/",
    PROMETHEUS_BEARER_TOKEN: "t0ken",
    PROMETHEUS_LOCATION: "eu-west-1a",
  };
  const config = configFrom({ ...EMULATOR, ...given });
  assertEquals(
    [config.prometheusUrl, config.prometheusAuth, config.prometheusLocation],
    ["https://prometheus.example/prefix", { text: "t0ken" }, "eu-west-1a"],
  );
  assertEquals(
    configFrom({ ...EMULATOR, PROMETHEUS_BEARER_TOKEN_FILE: "/run/token" }).prometheusAuth,
    { path: "/run/token" },
  );
  assertEquals(problemsOf({ ...EMULATOR, ...given, PROMETHEUS_BEARER_TOKEN_FILE: "/run/token" }), [
    "PROMETHEUS_BEARER_TOKEN: expected it or PROMETHEUS_BEARER_TOKEN_FILE, got both",
  ]);
  const wrong = {
    PROMETHEUS_URL: "https://me:s3cret@prometheus.example",
    PROMETHEUS_BEARER_TOKEN: "s3cret with words",
    PROMETHEUS_LOCATION: "a\nb",
  };
  assertEquals(problemsOf({ ...EMULATOR, ...wrong }), [
    "PROMETHEUS_URL: expected an http:// or https:// URL without user, query or #, got a value " +
    "that is not shown",
    'PROMETHEUS_LOCATION: expected 1 to 128 printable ASCII characters, got "a\\nb"',
    "PROMETHEUS_BEARER_TOKEN: expected a token of letters, digits and -._~+/, got a value that is " +
    "not shown",
  ]);
});

Deno.test("parseConfig wants certificate and key together", () => {
  const tls = { TLS_CERT_FILE: "/cert.pem", TLS_KEY_FILE: "/key.pem" };
  assertEquals(configFrom({ ...EMULATOR, ...tls }).tls, {
    certPath: "/cert.pem",
    keyPath: "/key.pem",
  });
  assertEquals(problemsOf({ ...EMULATOR, TLS_CERT_FILE: "/cert.pem" }), [
    "TLS_KEY_FILE: expected a file beside TLS_CERT_FILE, got nothing",
  ]);
  assertEquals(problemsOf({ ...EMULATOR, TLS_KEY_FILE: "/key.pem" }), [
    "TLS_CERT_FILE: expected a file beside TLS_KEY_FILE, got nothing",
  ]);
});

Deno.test("parseConfig never refuses a relation between values", () => {
  const env = {
    ...EMULATOR,
    TASK_INTERVAL_SECONDS: "0.001",
    TASK_TIMEOUT_SECONDS: "1",
    REQUEST_TIMEOUT_SECONDS: "3600",
    DISMISS_TASK_SECONDS: "0.001",
    MAX_TRACKED_TASKS: "1",
    MAX_IN_FLIGHT_TASKS: "1000000",
  };
  assertEquals(problemsOf(env), []);
});

Deno.test("parseConfig without probing needs neither dataset nor credentials", () => {
  const { datasetIds, apiUrl } = configFrom({}, {}, { probes: false });
  assertEquals([datasetIds, apiUrl], [[], ""]);
  assertEquals(problemsOf({ PORT: "http" }, {}, { probes: false }).length, 1);
});

Deno.test("parseConfig names a probe without APP_ID by newAppId, and another one as given", () => {
  assertEquals(configFrom(EMULATOR).appId, "0a1b2c3d");
  assertEquals(configFrom({ ...EMULATOR, APP_ID: "probe 1" }).appId, "probe 1");
});

Deno.test("parseConfig logs at level debug in a local run, unless a level is given", () => {
  const local = { ...EMULATOR, LOCAL_RUN: "true" };
  assertEquals(configFrom(local).logLevel, "debug");
  assertEquals(configFrom({ ...local, LOG_LEVEL: "warning" }).logLevel, "warning");
});

Deno.test("parseConfig reads the older name of HEARTBEAT_URL", () => {
  const url = "https://heartbeat.example/key";
  assertEquals(configFrom({ ...EMULATOR, BETTERUPTIME_HEARTBEAT_URL: url }).heartbeatUrl, url);
  assertEquals(problemsOf({ ...EMULATOR, BETTERUPTIME_HEARTBEAT_URL: "key" }), [
    "BETTERUPTIME_HEARTBEAT_URL: expected an http:// or https:// URL, got a value that is not shown",
  ]);
});

Deno.test("parseConfig shows no secret in a problem, nor a value that may hold a password", () => {
  const wrong = {
    HTTP_BEARER_TOKEN: "s3cret with spaces",
    HTTP_BASIC_AUTH: "s3cret-without-colon",
    HEARTBEAT_URL: "s3cret",
    OKDATA_API_URL: "http://user:s3cret@api.example",
    APP_ID: "s3cret@\x07",
  };
  const problems = problemsOf({ ...EMULATOR, ...wrong });
  assertEquals(problems.length, Object.keys(wrong).length);
  for (const problem of problems) {
    assert(
      !problem.includes("s3cret") && problem.endsWith(", got a value that is not shown"),
      problem,
    );
  }
});

Deno.test("parseConfig refuses bytes that are not UTF-8, which would look alike", () => {
  assertEquals(problemsOf({ ...PLATFORM, OKDATA_CLIENT_SECRET: "s3cret\ufffd" }), [
    "OKDATA_CLIENT_SECRET: expected text in UTF-8, got other bytes",
  ]);
});

Deno.test("parseConfig drops the line end of a secret, as that of its file", () => {
  for (const end of ["", "\n", "\r\n", "\r"]) {
    const { credentials } = configFrom({ ...PLATFORM, OKDATA_CLIENT_SECRET: `s3cret${end}` });
    const { bearerAuth, basicAuth } = configFrom({
      ...EMULATOR,
      HTTP_BEARER_TOKEN: `t0ken${end}`,
      HTTP_BASIC_AUTH: `user:word${end}`,
    });
    assertEquals([credentials?.secret, bearerAuth, basicAuth], [
      { text: "s3cret" },
      { text: "t0ken" },
      { text: "user:word" },
    ], JSON.stringify(end));
  }
});

for (
  const name of [
    "OKDATA_CLIENT_SECRET",
    "HTTP_BEARER_TOKEN",
    "HTTP_BASIC_AUTH",
    "PROMETHEUS_BEARER_TOKEN",
  ]
) {
  Deno.test(`parseConfig says which accident happened to ${name}, without showing it`, () => {
    for (
      const [secret, problem] of [
        ["user:s3cret\n\n", "expected a secret without control characters, got one with U+000A"],
        ["user:s3\tcret", "expected a secret without control characters, got one with U+0009"],
        ["\ufeffuser:s3cret", "expected a secret without a byte order mark, got one with U+FEFF"],
        ["user:s3\u200bcret", "expected a secret of visible characters, got one with U+200B"],
        ['"user:s3cret"', "expected a secret without quotes around it, got one in quotes"],
        [" user:s3cret ", "expected a secret without blanks around it, got one with blanks"],
      ] as const
    ) {
      assertEquals(problemsOf({ ...PLATFORM, [name]: secret }), [
        `${name}: ${problem}, which is not shown`,
      ]);
    }
  });
}

Deno.test("parseConfig takes what the token request asks for, and how", () => {
  const { credentials } = configFrom(
    { ...PLATFORM, OKDATA_SCOPE: "read write", OKDATA_TOKEN_AUTH: "Basic" },
    { audience: "https://api.example/" },
  );
  const { scope, audience, tokenAuth } = credentials ?? {};
  assertEquals([scope, audience, tokenAuth], ["read write", "https://api.example/", "basic"]);
});

Deno.test("parseConfig returns a configuration that cannot be changed", () => {
  assert(Object.isFrozen(configFrom(EMULATOR)));
});

Deno.test("parseConfig never throws, and no problem shows the value of a secret", () => {
  const settings: Setting[] = Object.values(SETTINGS);
  // No problem has this word of its own.
  const anySecret = fc.string().map((text) => `s3cr3t${text}`);
  const anyVariable = fc.oneof(
    ...settings.map(({ env, secret }) =>
      fc.tuple(fc.constant<string>(env), secret ? anySecret : fc.string())
    ),
  );
  const anyEnv = fc.array(anyVariable).map((variables): Env => Object.fromEntries(variables));
  fc.assert(fc.property(anyEnv, (env) => {
    for (const problem of problemsOf(env)) assert(!problem.includes("s3cr3t"), problem);
  }));
});

Deno.test("parseConfig reads the proxies in either case, the capital one first", () => {
  const proxyOf = (env: Env) => configFrom({ ...PLATFORM, ...env }).httpsProxy?.host;
  assertEquals(proxyOf({ HTTPS_PROXY: "http://a.test", https_proxy: "http://b.test" }), "a.test");
  assertEquals(proxyOf({ HTTPS_PROXY: " ", https_proxy: "http://b.test" }), "b.test");
  assertEquals(proxyOf({ HTTP_PROXY: "http://a.test" }), undefined);
  const { httpProxy, noProxy } = configFrom({ ...PLATFORM, http_proxy: "c:1", no_proxy: "a,b" });
  assertEquals([httpProxy?.host, httpProxy?.port, noProxy?.length], ["c", 1, 2]);
});

Deno.test("parseConfig refuses what is no proxy by the variable's name, and does not show it", () => {
  const problems = problemsOf({
    ...PLATFORM,
    HTTPS_PROXY: "socks5://me:s3cret-word@proxy.test",
    http_proxy: "http://s3cret-word:port",
    NO_PROXY: "http://api.test",
  });
  assertEquals(problems, [
    "HTTPS_PROXY: expected an http:// URL of a proxy, got a value that is not shown",
    "http_proxy: expected an http:// URL of a proxy, got a value that is not shown",
    'NO_PROXY: expected hosts, addresses, CIDR blocks or *, separated by commas, got "http://api.test"',
  ]);
});

Deno.test("parseConfig ignores the machine's proxies where nothing is probed", () => {
  const config = configFrom({ HTTPS_PROXY: "socks5://proxy.test", NO_PROXY: "/" }, {}, {
    probes: false,
  });
  assertEquals([config.httpsProxy, config.noProxy], [undefined, undefined]);
});

Deno.test("the environment is named by OKDATA_ENVIRONMENT, local services, or not at all", () => {
  const nameOf = (env: Record<string, string>) => configFrom(env).environmentName;
  const urls = { OKDATA_API_URL: "https://api.test", OKDATA_TOKEN_URL: "https://login.test" };
  assertEquals(nameOf({ ...PLATFORM, OKDATA_ENVIRONMENT: "PROD" }), "prod");
  assertEquals(nameOf({ ...PLATFORM, ...urls, OKDATA_ENVIRONMENT: "dev" }), "dev");
  assertEquals(nameOf({ ...PLATFORM, LOCAL_SERVICES_ONLY: "true" }), "local");
  assertEquals(nameOf({ ...without(PLATFORM, "OKDATA_ENVIRONMENT"), ...urls }), null);
});
