import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { SETTINGS } from "../../../src/config/settings.ts";
import {
  DATASET_ID,
  eventually,
  linesOf,
  Program,
  run,
  shell,
  startLoop,
  test,
} from "../../support/program.ts";
import { respondWithDataset, startServer } from "../../support/targets.ts";

type Key = keyof typeof SETTINGS;
type Setting = { env: string; flag?: string; default?: string; secret?: boolean };

/** What must be given. */
const REQUIRED: Record<string, string> = {
  DATASET_ID,
  OKDATA_ENVIRONMENT: "dev",
  OKDATA_CLIENT_ID: "client",
  OKDATA_CLIENT_SECRET: "s3cret",
};

/** What no default is written down for, since it follows from other settings. */
const DERIVED: Record<string, string> = {
  OKDATA_API_URL: "https://api.data-dev.oslo.systems/metadata/datasets",
  OKDATA_TOKEN_URL:
    "https://login-test.oslo.kommune.no/auth/realms/api-catalog/protocol/openid-connect/token",
  LOG_LEVEL: "info",
};
const LOCAL = { DATASET_ID, LOCAL_SERVICES_ONLY: "true", LOCAL_RUN: "true" };
const PROD = { ...REQUIRED, OKDATA_ENVIRONMENT: "prod" };

const DERIVATIONS: [given: Record<string, string>, expected: Record<string, string>][] = [
  [REQUIRED, DERIVED],
  [PROD, {
    OKDATA_API_URL: "https://api.data.oslo.systems/metadata/datasets",
    OKDATA_TOKEN_URL:
      "https://login.oslo.kommune.no/auth/realms/api-catalog/protocol/openid-connect/token",
  }],
  [LOCAL, {
    OKDATA_API_URL: "http://localhost:8081/metadata",
    OKDATA_TOKEN_URL: "# OKDATA_TOKEN_URL=",
    LOG_LEVEL: "debug",
  }],
];

/** Two values of each setting, neither the default: for its variable and for its flag. */
const VALUES: Record<Key, [variable: string, flag: string]> = {
  datasetIds: ["from-variable", "from-flag,another"],
  apiUrl: ["http://variable.example/metadata", "https://flag.example:8443/a/b"],
  tokenUrl: ["https://variable.example/token", "http://flag.example/token"],
  environment: ["Dev", "prod"],
  clientId: ["variable-client", "flag-client"],
  clientSecret: ["s3cret", ""],
  clientSecretFile: ["", ""],
  scope: ["read", "read:all"],
  audience: ["https://variable.example", "https://flag.example"],
  tokenAuth: ["Basic", "post"],
  localServicesOnly: ["TRUE", "1"],
  httpsProxy: ["http://user:s3cret@proxy.example:3128", ""],
  httpProxy: ["http://user:s3cret@proxy.example:3128", ""],
  noProxy: ["internal.example,10.0.0.0/8", ""],
  authorityFile: ["", ""],
  trustStores: ["mozilla", ""],
  taskIntervalSeconds: ["0.001", "2592000"],
  taskTimeoutSeconds: ["1e1", "2.5"],
  requestTimeoutSeconds: [".5", "7"],
  retries: ["0", "9"],
  maxInFlightTasks: ["1", "2"],
  dismissTaskSeconds: ["3600", "0.5"],
  cleanTasksIntervalSeconds: ["60", "61"],
  maxTrackedTasks: ["1", "1000000"],
  host: ["127.0.0.1", "::1"],
  port: ["1", "65535"],
  bearerToken: ["s3cret", ""],
  bearerTokenFile: ["", ""],
  basicAuth: ["user:s3cret", ""],
  basicAuthFile: ["", ""],
  tlsCertFile: ["/run/tls/tls.crt", ""],
  tlsKeyFile: ["/run/tls/tls.key", ""],
  heartbeatUrl: ["https://variable.example/s3cret", "https://flag.example/s3cret"],
  heartbeatMethod: ["get", "POST"],
  sloAvailability: ["0.99", "0.99999"],
  sloLatencySeconds: ["0.3", "12"],
  appId: ["it's a probe", "north-1"],
  logLevel: ["DEBUG", "error"],
  logFormat: ["Text", "json"],
  tableIntervalSeconds: ["15", "16"],
  localRun: ["1", "True"],
  prometheusUrl: ["https://variable.example/prometheus", "https://flag.example"],
  prometheusLocation: ["oslo", "bergen"],
  prometheusToken: ["s3cret", ""],
  prometheusTokenFile: ["", ""],
  traceUrl: ["https://traces.example/trace/{trace_id}", ""],
  publicUrl: ["https://variable.example", "https://flag.example/probe"],
  dashboardUrl: ["https://variable.example/d/probe", "https://flag.example/d/probe"],
};

const settings: (Setting & { key: Key })[] = Object.entries(SETTINGS).map(([key, setting]) => ({
  ...setting,
  key: key as Key,
}));
const withFlag = settings.flatMap((setting) =>
  setting.flag === undefined ? [] : [{ ...setting, flag: setting.flag }]
);

const allVariables = Object.fromEntries(settings.map(({ env, key }) => [env, VALUES[key][0]]));

/** What `--print-config` says of each variable: its line without the alignment. */
async function printedConfig(
  args: readonly string[],
  env: Record<string, string>,
): Promise<Map<string, string>> {
  const { code, stdout, stderr } = await run({ args: ["--print-config", ...args], env });
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  const lines = stdout.trimEnd().split("\n").map((line) => line.replace(/ {2,}#/, " #"));
  return new Map(lines.map((line) => [line.match(/^(?:# )?(\w+)=/)?.[1] ?? line, line]));
}

/** The line of a setting that was given. */
function lineOf({ env, secret }: Setting, value: string, source: string): string {
  if (secret) return `# ${env}= # ${source}, not shown`;
  return value === "" ? `# ${env}= # not set` : `${env}=${shellQuoted(value)} # ${source}`;
}

function shellQuoted(value: string): string {
  return /['{]/.test(value) ? `'${value.replaceAll("'", "'\\''")}'` : value;
}

test("every setting is taken from its variable", async () => {
  const printed = await printedConfig([], allVariables);

  assertEquals(
    [...printed],
    settings.map((each) => [each.env, lineOf(each, VALUES[each.key][0], "environment")]),
  );
});

test("every setting is taken from its flag, which wins over its variable", async () => {
  for (
    const [form, args] of [
      ["--flag value", withFlag.flatMap(({ flag, key }) => [`--${flag}`, VALUES[key][1]])],
      ["--flag=value", withFlag.map(({ flag, key }) => `--${flag}=${VALUES[key][1]}`)],
    ] as const
  ) {
    const printed = await printedConfig(args, allVariables);

    for (const each of withFlag) {
      assertEquals(printed.get(each.env), lineOf(each, VALUES[each.key][1], "flag"), form);
    }
  }
});

test("every setting without a value has its default, and an empty variable is not a value", async () => {
  const empty = Object.fromEntries(settings.map(({ env }) => [env, ""]));

  for (const env of [REQUIRED, { ...empty, ...REQUIRED }]) {
    const printed = await printedConfig([], env);

    for (const { env, default: fallback } of settings) {
      if (env in REQUIRED || env in DERIVED) continue;
      const expected = fallback === undefined ? `# ${env}= # ` : `${env}=${fallback} # default`;
      assertStringIncludes(printed.get(env) ?? "nothing", expected);
    }
  }
});

test("what follows from other settings is shown as it is in force", async () => {
  for (const [given, expected] of DERIVATIONS) {
    const printed = await printedConfig([], given);
    for (const [name, value] of Object.entries(expected)) {
      assertStringIncludes(printed.get(name) ?? "nothing", value);
    }
  }
});

test("the defaults are those that are promised", async () => {
  const printed = await printedConfig([], REQUIRED);

  const promised = {
    TASK_INTERVAL_SECONDS: "10",
    DISMISS_TASK_SECONDS: "86400",
    CLEAN_TASKS_INTERVAL_SECONDS: "300",
    LOCAL_RUN: "false",
    LOCAL_SERVICES_ONLY: "false",
    TASK_TIMEOUT_SECONDS: "60",
    REQUEST_TIMEOUT_SECONDS: "10",
    RETRIES: "3",
    HOST: "0.0.0.0",
    PORT: "8000",
    MAX_TRACKED_TASKS: "100000",
    MAX_IN_FLIGHT_TASKS: "1000",
    TABLE_INTERVAL_SECONDS: "30",
  };
  for (const [name, value] of Object.entries(promised)) {
    assertEquals(printed.get(name), `${name}=${value} # default`);
  }
});

test("a boolean flag stands without a value too", async () => {
  const printed = await printedConfig(["--local-services-only", "--local-run"], { DATASET_ID });

  assertMatch(printed.get("LOCAL_SERVICES_ONLY") ?? "", /=true # flag/);
  assertMatch(printed.get("LOCAL_RUN") ?? "", /=true # flag/);
});

test("a boolean flag does not swallow the flag behind it", async () => {
  const printed = await printedConfig(["--local-services-only", "--retries", "7"], { DATASET_ID });

  assertEquals(printed.get("RETRIES"), "RETRIES=7 # flag");
});

test("a shell can read what --print-config prints", async () => {
  const appId = `it's $HOME & "more" # of \\ that`;
  const { stdout } = await run({
    args: ["--print-config"],
    env: { DATASET_ID, OKDATA_API_URL: "http://target.example", APP_ID: appId },
  });

  const read = await shell(`${stdout}\nprintf '%s|%s' "$APP_ID" "$DATASET_ID"`);

  assertEquals(read.stdout, `${appId}|${DATASET_ID}`);
});

test("200 datasets and IDs of 128 characters are taken, blanks around them are not", async () => {
  const ids = Array.from({ length: 200 }, (_, i) => `id-${i}`);
  await printedConfig(["--local-services-only"], { DATASET_ID: ids.join(" , ") });
  await printedConfig(["--local-services-only"], { DATASET_ID: "Aa0._~-".padEnd(128, "x") });

  await using target = startServer(respondWithDataset);
  const { stdout } = await run({
    args: ["--once"],
    env: { DATASET_ID: " abc , def ", OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "0.01" },
  });
  // The order of the first two is the one in which they ended.
  assertMatch(stdout, /^#1 abc SUCCEEDED /m);
  assertMatch(stdout, /^#2 def SUCCEEDED /m);
  assertMatch(stdout, /^abc: working, /m);
});

test("LOCAL_SERVICES_ONLY probes the emulator's address", async () => {
  await using probe = await startLoop({
    env: { LOCAL_SERVICES_ONLY: "true", LOG_FORMAT: "text" },
  });

  assertStringIncludes(probe.stderr, ` probes http://localhost:8081/metadata/${DATASET_ID} `);
});

test("OKDATA_API_URL wins over LOCAL_SERVICES_ONLY, with or without a slash at its end", async () => {
  for (const slash of ["", "/"]) {
    await using target = startServer(respondWithDataset);
    const { code } = await run({
      args: ["--once"],
      env: {
        DATASET_ID,
        LOCAL_SERVICES_ONLY: "true",
        OKDATA_API_URL: `${target.url}/metadata/datasets${slash}`,
      },
    });

    assertEquals(code, 0);
    assertEquals(target.requests.map(({ path }) => path), [`/metadata/datasets/${DATASET_ID}`]);
  }
});

test("HOST is where it listens, and only there", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({
    env: { HOST: "127.0.0.1", OKDATA_API_URL: target.url },
  });
  const { port } = new URL(probe.url);

  assertEquals((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200);
  // All of 127.0.0.0/8 is this machine: what listens everywhere can be reached there too.
  const elsewhere = await Deno.connect({ hostname: "127.0.0.2", port: Number(port) }).then(
    (connection) => connection.close(),
    () => "refused",
  );
  assertEquals(elsewhere, "refused");
});

test("PORT is where it listens", async () => {
  const free = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  const { port } = free.addr;
  free.close();
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({
    args: ["--port", String(port)],
    env: { PORT: "1", OKDATA_API_URL: target.url },
  });

  assertEquals(probe.url, `http://localhost:${port}`);
  assertEquals((await fetch(`${probe.url}/readyz`)).status, 200);
});

test("APP_ID is on every series of the probe and in every line of the log; else it is random", async () => {
  await using target = startServer(respondWithDataset);
  const env = { OKDATA_API_URL: target.url, LOG_FORMAT: "json" };
  await using named = await startLoop({ env: { ...env, APP_ID: "north-1" } });
  await using unnamed = await startLoop({ env });

  for (const [probe, pattern] of [[named, /^north-1$/], [unnamed, /^[0-9a-f]{8}$/]] as const) {
    const logged = linesOf(probe.stderr).map((line) => JSON.parse(line).app_id);
    const metrics = await (await fetch(`${probe.url}/metrics`)).text();
    const series = metrics.split("\n").filter((line) => line.startsWith("probe_"));
    const scraped = series.map((line) => line.match(/app_id="([^"]*)"/)?.[1] ?? line);
    const ids = new Set([...logged, ...scraped]);
    assertEquals(ids.size, 1, [...ids].join());
    assertMatch([...ids][0], pattern);
  }
});

test("LOG_LEVEL and LOG_FORMAT say what is logged, and how", async () => {
  await using target = startServer(() => new Response("no", { status: 404 }));
  const env = {
    OKDATA_API_URL: target.url,
    TASK_INTERVAL_SECONDS: "0.05",
    CLEAN_TASKS_INTERVAL_SECONDS: "0.05",
  };
  await using plain = await startLoop({ env });
  await using talkative = await startLoop({ env: { ...env, LOG_LEVEL: "debug" } });
  await using local = await startLoop({ env: { ...env, LOCAL_RUN: "true" } });
  await using quiet = await startLoop({ env: { ...env, LOCAL_RUN: "true", LOG_LEVEL: "info" } });

  const isPruned = /dismissed "?0"? old tasks/;
  const failedThrice = /task 3 .*failed/;
  await eventually("a debug line", () => isPruned.test(talkative.stderr));
  await eventually("a debug line in a local run", () => isPruned.test(local.stderr));
  for (const probe of [plain, quiet]) {
    await eventually("three tasks", () => failedThrice.test(probe.stderr));
    assert(!isPruned.test(probe.stderr), probe.stderr);
  }
  const levels = new Set(linesOf(plain.stderr).map((line) => JSON.parse(line).level));
  assertEquals([...levels].sort(), ["info", "warning"]);
  assertMatch(local.stderr, /^\d\d:\d\d:\d\d\.\d{3} info {4}dataplatform-probe/);
});

test("LOG_LEVEL=warning leaves only what is wrong", async () => {
  await using target = startServer(() => new Response("no", { status: 404 }));
  await using probe = new Program({
    env: {
      DATASET_ID,
      PORT: "0",
      OKDATA_API_URL: target.url,
      TASK_INTERVAL_SECONDS: "0.5",
      LOG_FORMAT: "text",
      LOG_LEVEL: "warning",
    },
  });

  const lines = await eventually("two failures are logged", () => {
    const seen = linesOf(probe.stderr);
    return seen.length >= 2 && seen;
  });
  assertMatch(lines.join("\n"), /^\S+ warning FAILING: [^;]*; task 1 .*\n\S+ warning task 2 /);
});

test("a line of the JSON log reads as the text log does", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startLoop({ env: { OKDATA_API_URL: target.url } });

  const line = await eventually(
    "a task is logged",
    () => probe.stderr.split("\n").slice(0, -1).find((each) => each.includes("task 1")),
  );
  const { message, seqno, dataset_id } = JSON.parse(line);
  assertEquals({ seqno, dataset_id }, { seqno: 1, dataset_id: DATASET_ID });
  assertMatch(message, new RegExp(`^task 1 of ${DATASET_ID} succeeded in \\d+\\.\\d+ s$`));
});

test("the older name of the heartbeat's variable is read too, where the newer is not set", async () => {
  const older = { ...REQUIRED, BETTERUPTIME_HEARTBEAT_URL: "https://older.example/s3cret" };
  const printed = await printedConfig([], older);
  assertEquals(printed.get("HEARTBEAT_URL"), "# HEARTBEAT_URL= # environment, not shown");
  const wrong = await run({
    args: ["--once"],
    env: { ...older, BETTERUPTIME_HEARTBEAT_URL: "s3cret" },
  });
  assertEquals([wrong.code, wrong.stderr.includes("s3cret")], [2, false]);
  assertStringIncludes(
    wrong.stderr,
    "BETTERUPTIME_HEARTBEAT_URL: expected an http:// or https:// URL",
  );
  const both = { ...older, HEARTBEAT_URL: "wrong too" };
  assertStringIncludes(
    (await run({ args: ["--once"], env: both })).stderr,
    " HEARTBEAT_URL: expected",
  );
});

test("what is missing for the platform is named, and what is there twice", async () => {
  const { DATASET_ID: _, ...credentials } = REQUIRED;
  const nothing = await run({ args: ["--once"] });
  assertEquals(nothing.code, 2);
  assertEquals(
    linesOf(nothing.stderr).map((line) => line.match(/probe: (\w+): expected/)?.[1]),
    ["DATASET_ID", ...Object.keys(credentials)],
  );
  const twice = { ...REQUIRED, OKDATA_CLIENT_SECRET_FILE: "/dev/null" };
  assertStringIncludes((await run({ args: ["--once"], env: twice })).stderr, "got both");
  const { OKDATA_CLIENT_SECRET: __, ...others } = REQUIRED;
  for (const file of ["/dev/null", "/no/such/file"]) {
    const env = { ...others, OKDATA_CLIENT_SECRET_FILE: file };
    const { code, stderr } = await run({ args: ["--once"], env });
    assertEquals(code, 2);
    assertStringIncludes(stderr, "OKDATA_CLIENT_SECRET_FILE: expected a file with the secret");
  }
});
