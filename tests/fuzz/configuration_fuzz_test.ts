/** Random variables and flags: each gives a configuration, or lines that name the problems. */
import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { parseCommandLine, SWITCHES, VALUES } from "../../src/commands/command_line.ts";
import { type Config, parseConfig } from "../../src/config/config.ts";
import { describeConfig } from "../../src/config/describe.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import { holds, HOSTILE, mostly, mutated, Outcomes } from "./runs.ts";
import { anyCharacter } from "../support/arbitraries.ts";

type Setting = { env: string; alias?: string; flag?: string; secret?: true };
const settings: readonly Setting[] = Object.values(SETTINGS);

const BASE = { DATASET_ID: "abc123", LOCAL_SERVICES_ONLY: "true" };
const SECRETS = settings.filter(({ secret }) => secret).flatMap(({ env, alias }) =>
  alias ? [env, alias] : [env]
);

const seconds = fc.oneof(
  fc.constantFrom("0.001", "2592000", "0.0009", "2592000.1", "1e-3", "+.5", "5.", "1e6", "-0"),
  fc.double().map(String),
);
const whole = fc.oneof(
  fc.constantFrom(
    "0",
    "1",
    "10",
    "11",
    "65535",
    "65536",
    "1.0",
    "1.5",
    "9.999",
    "1e1",
    "1e400",
    "9007199254740992",
  ),
  fc.integer().map(String),
);
const flag = fc.constantFrom("true", "FALSE", "1", "0", "yes");
const url = fc.constantFrom(
  ..."http://api https://api/a//b/ http://u:p@api http://api?a http://[::1]:8/ ftp://api".split(
    " ",
  ),
  ..."http://user:hidden-word@api http:// http://[ http://a:99999 http://%ff@api http://%zz:p@api HTTP://API"
    .split(" "),
);
const datasetIds = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ..."abc123 a,b a,,b . .. ~".split(" "),
      ...["a, a", "x".repeat(128), "x".repeat(129)],
    ),
  },
  fc.constantFrom(200, 201).map((count) => Array.from({ length: count }, (_, i) => i).join()),
);
const text = fc.constantFrom("client", "/run/secret", "ø", "a b", "it's");
/** Values that are valid or nearly so, by the name of the variable. */
const NEAR: [RegExp, fc.Arbitrary<string>][] = [
  [/^DATASET_ID$/, datasetIds],
  [/(ENVIRONMENT)$/, fc.constantFrom("dev", "PROD", "test")],
  [/(_URL|--url)$/, url],
  [/SECONDS$/, seconds],
  [/^(RETRIES|MAX_|PORT)/, whole],
  [/^NO_PROXY$/i, fc.constantFrom("*", "a.test,192.0.2.0/24", "192.0.2.0/33", "http://a")],
  [
    /_PROXY$/i,
    fc.constantFrom("http://user:hidden-word@proxy:1", "proxy", "socks5://user:hidden-word@a"),
  ],
  [/^(LOCAL_)/, flag],
  [/^HOST$/, fc.constantFrom("::1", "localhost", "fe80::1%eth0", "a b", "[::]")],
  [/AVAILABILITY$/, fc.constantFrom("0.999", "1", "0", "5e-324", "0.9999999999999999")],
  [/^OKDATA_TOKEN_AUTH$/, fc.constantFrom("Basic", "post", "private_key_jwt")],
  [/^LOG_LEVEL$/, fc.constantFrom("warn", "Warning", "trace")],
  [/^LOG_FORMAT$/, fc.constantFrom("JSON", "text", "xml")],
  [
    /(SECRET|TOKEN|BASIC_AUTH)$/,
    fc.constantFrom("user:s3cret-value", "s3cret~value+/==", "s3cret value"),
  ],
];
const hostile = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: anyCharacter, maxLength: 100 }),
  fc.string({ minLength: 70, maxLength: 200 }),
);
function valueOf(name: string): fc.Arbitrary<string> {
  const near = NEAR.find(([pattern]) => pattern.test(name))?.[1] ?? text;
  return fc.oneof({ weight: 4, arbitrary: near }, { weight: 2, arbitrary: mutated(near) }, hostile);
}

/** Settings that exclude each other, or are only valid together. */
const pair = fc.constantFrom(
  [["HTTP_BEARER_TOKEN", "s3cret~value"], ["HTTP_BEARER_TOKEN_FILE", "/run/secret"]],
  [["HTTP_BASIC_AUTH", "user:s3cret-value"], ["HTTP_BASIC_AUTH_FILE", "/run/secret"]],
  [["PROMETHEUS_BEARER_TOKEN", "s3cret~value"], ["PROMETHEUS_BEARER_TOKEN_FILE", "/run/secret"]],
  [["TLS_CERT_FILE", "/run/cert"], ["TLS_KEY_FILE", "/run/key"]],
);
const variable = fc.constantFrom(
  ...settings.flatMap(({ env, alias }) => alias ? [env, alias] : [env]),
).chain((name) => fc.tuple(fc.constant(name), valueOf(name)));
/** A valid configuration in which a few settings get other values. */
const environment = fc.tuple(
  fc.array(mostly(variable.map((each) => [each]), pair, 20), { maxLength: 4 }),
  mostly(fc.constant(Object.keys(BASE)), fc.subarray(Object.keys(BASE)), 9),
  mostly(fc.constant(BASE.DATASET_ID), datasetIds, 5),
).map(([given, kept, ids]) => {
  const base = { ...BASE, DATASET_ID: ids };
  const left = Object.entries(base).filter(([name]) => kept.includes(name));
  return Object.fromEntries([...left, ...given.flat()]);
});

const flagName = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...settings.flatMap(({ flag }) => flag ?? [])) },
  fc.constantFrom(...Object.keys(VALUES), ...Object.keys(SWITCHES), "no-such-flag"),
);
const flagged = flagName.chain((name) =>
  fc.tuple(
    mostly(fc.constant(name), mutated(fc.constant(name)), 5),
    valueOf(settings.find((each) => each.flag === name)?.env ?? `--${name}`),
    fc.boolean(),
  ).map(([written, value, joined]) => joined ? [`--${written}=${value}`] : [`--${written}`, value])
);
const argument = fc.oneof(
  { weight: 8, arbitrary: flagged },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ..."tasks rules dashboard --once --json --table --utc -h -V --help --local-run -- - -5".split(
        " ",
      ),
    ).map((word) => [word]),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ["tasks", "--url", "http://user:hidden-word@probe/"],
      ["tasks", "--url=http://user:hidden-word@/?"],
      ["http://user:hidden-word@probe/"],
      ["--count", "3"],
      ["--rows=0"],
    ),
  },
  { weight: 1, arbitrary: hostile.map((word) => [word]) },
);
const commandLine = fc.array(argument, { maxLength: 4 }).map((words) => words.flat());

Deno.test("settings are accepted within their bounds, or refused in lines without secrets", async () => {
  const outcomes = new Outcomes([
    ...["arguments refused", "settings refused", "settings accepted", "serve"],
    ...["tasks", "run", "rules", "help", "version", "200 datasets"],
    ...["DATASET_ID", "HTTP_BASIC_AUTH", "HTTP_BEARER_TOKEN"],
    ...settings.flatMap(({ env }) => REFUSABLE.test(env) ? [env] : []),
  ]);
  await holds(
    fc.asyncProperty(environment, commandLine, fc.boolean(), (env, args, probes) => {
      const { flags, problems, command } = parseCommandLine(args);
      checkProblems(problems, env, args);
      if (problems.length === 0) checkFlags(args);
      outcomes.add(problems.length > 0 ? "arguments refused" : command.name);
      // The program ends after a problem with its arguments.
      const input = { flags: problems.length > 0 ? {} : flags, env: (name: string) => env[name] };
      const configured = parseConfig(input, () => "00000000", { probes });
      if (!configured.ok) {
        assert(configured.problems.length > 0);
        checkProblems(configured.problems, env, args);
        outcomes.add("settings refused");
        for (const problem of configured.problems) {
          assert(/^(--[a-z-]+|[A-Za-z_]+): expected /.test(problem), problem);
          outcomes.add(problem.slice(0, problem.indexOf(":")));
        }
        return Promise.resolve();
      }
      checkPairs(env);
      checkBounds(configured.config, probes);
      if (configured.config.datasetIds.length === 200) outcomes.add("200 datasets");
      const described = describeConfig(input, configured.config);
      checkSecrets(described, env);
      outcomes.add("settings accepted");
      return Promise.resolve();
    }),
    { outcomes },
  );
});

/** The settings that have invalid values. */
const REFUSABLE =
  /(SECONDS|_URL|_PROXY|ENVIRONMENT|AVAILABILITY|^(RETRIES|MAX_.*|PORT|LOCAL_.*|LOG_.*|HOST))$/;

function checkProblems(problems: string[], env: Record<string, string>, args: string[]): void {
  for (const problem of problems) {
    assert(
      // deno-lint-ignore no-control-regex -- the pattern looks for them
      !/[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/.test(problem),
      `not one harmless line: ${JSON.stringify(problem)}`,
    );
    assert(problem.includes(": "), problem);
    assert(problem.length < 600, problem);
    checkSecrets(problem, env);
    // The password of a URL; where a value has lost its @, nobody knows that it is one.
    const isPassword = [...args, ...Object.values(env)]
      .every((value) => !value.includes("hidden-word") || value.includes("@"));
    assert(!isPassword || !problem.includes("hidden-word"), problem);
  }
}

/** No text shows the value of a secret setting, or the password of an address. */
function checkSecrets(shown: string, env: Record<string, string>): void {
  for (const name of SECRETS) {
    const value = env[name] ?? "";
    // Shorter values, and words of the configuration, occur in texts by chance.
    if (!/s3cret|[0-9a-f]{40}/.test(value) || isElsewhere(value, name, env)) continue;
    assert(!shown.includes(value), `${name} is shown in ${shown}`);
  }
}

function isElsewhere(value: string, name: string, env: Record<string, string>): boolean {
  return Object.entries(env).some(([other, text]) => other !== name && text.includes(value));
}

/** No flag was ignored: each one is known. */
function checkFlags(args: string[]): void {
  const known = [...settings.flatMap(({ flag }) => flag ?? [])]
    .concat(Object.keys(VALUES), Object.keys(SWITCHES));
  const end = args.indexOf("--");
  for (const arg of args.slice(0, end === -1 ? undefined : end)) {
    const [, name] = arg.match(/^--([^=]+)/) ?? [];
    assert(name === undefined || known.includes(name), `${arg} is ignored`);
  }
}

/** Exclusive settings are not both given, and dependent ones are. */
function checkPairs(env: Record<string, string>): void {
  const isGiven = (name: string) => (env[name] ?? "").trim() !== "";
  for (const name of ["HTTP_BEARER_TOKEN", "HTTP_BASIC_AUTH", "PROMETHEUS_BEARER_TOKEN"]) {
    assert(!(isGiven(name) && isGiven(`${name}_FILE`)), `${name} is given twice`);
  }
  assertEquals(isGiven("TLS_CERT_FILE"), isGiven("TLS_KEY_FILE"), "half of what HTTPS needs");
}

/** The documented bounds, written independently of the program. */
function checkBounds(config: Config, probes: boolean): void {
  for (const [key, value] of Object.entries(config)) {
    if (!key.endsWith("Seconds")) continue;
    assert(typeof value === "number" && value >= 0.001 && value <= 2_592_000, `${key}: ${value}`);
  }
  const { retries, port, maxInFlightTasks, maxTrackedTasks, sloAvailability } = config;
  assertEquals([retries, port].every(Number.isInteger), true);
  assertEquals([retries >= 0, retries <= 10, port >= 0, port <= 65_535], Array(4).fill(true));
  for (const count of [maxInFlightTasks, maxTrackedTasks]) {
    assert(Number.isSafeInteger(count) && count >= 1, `${count}`);
  }
  assert(sloAvailability > 0 && sloAvailability < 1, `${sloAvailability}`);
  const { datasetIds, credentials, heartbeatUrl, tls, logLevel, appId } = config;
  assert(datasetIds.length <= 200 && new Set(datasetIds).size === datasetIds.length);
  assert(!probes || datasetIds.length > 0);
  for (const id of datasetIds) {
    assert(/^[\w.~-]{1,128}$/.test(id) && !/^\.{1,2}$/.test(id), id);
    // The ID stays one segment of the path.
    const { pathname } = new URL(`http://api/metadata/${encodeURIComponent(id)}`);
    assertEquals(pathname.split("/").length, 3);
  }
  const urls = [config.apiUrl, credentials?.tokenUrl];
  for (const address of urls.filter((each) => each)) {
    const { protocol, username, password, search, hash } = new URL(address ?? "");
    assert(/^https?:$/.test(protocol), address);
    assertEquals([username, password, search, hash], ["", "", "", ""]);
  }
  assert(heartbeatUrl === undefined || /^https?:$/.test(new URL(heartbeatUrl).protocol));
  assert(tls === null || (tls.certPath !== "" && tls.keyPath !== ""));
  assert(["debug", "info", "warning", "error"].includes(logLevel), logLevel);
  assert(/^[ -~]{1,128}$/.test(appId), appId);
}
