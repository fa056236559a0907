import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { at } from "../../support/at.ts";
import { DATASET_ID, linesOf, run, type Start, test } from "../../support/program.ts";
import { occupyPort, startServer } from "../../support/targets.ts";

/** A start that is refused with one line, which holds each of these texts in this order. */
type Refusal = Start & { name: string; says: readonly string[] };

/** A refusal of a setting's value, which leaves room for those of other settings in the same start. */
type SettingRefusal = Refusal & { setting: string };

const TARGET = "http://target.example/metadata";
const NUMBER = "expected seconds, from 0.001 to 2592000";
const ids = Array.from({ length: 201 }, (_, i) => `id-${i}`).join(",");

function variable(name: string, value: string, expected = "expected "): SettingRefusal {
  const says = [`${name}: `, expected, `got ${JSON.stringify(value).slice(0, 70)}`];
  return { setting: name, name: `${name}=${shown(value)}`, env: { [name]: value }, says };
}

function flag(name: string, value: string, expected = "expected "): SettingRefusal {
  const says = [`${name}: `, expected, `got ${JSON.stringify(value)}`];
  // A flag wins over the variable of its setting: one start holds only one of them.
  const setting = name.slice(2).replaceAll("-", "_").toUpperCase().replace(
    /INTERVAL$/,
    "$&_SECONDS",
  );
  return { setting, name: `${name} ${shown(value)}`, args: [name, value], says };
}

function shown(value: string): string {
  return value.length > 40 ? `(${value.length} characters)` : JSON.stringify(value);
}

const SETTING_REFUSALS: SettingRefusal[] = [
  ...["0", "-1", "abc", "NaN", "1e999", "0x10", "Infinity", "2592001", "0.0001", "1,5", "10s"]
    .map((value) => variable("TASK_INTERVAL_SECONDS", value, NUMBER)),
  ...["0", "-1", "abc", "1e999"].map((value) => flag("--task-interval", value, NUMBER)),
  ...["DISMISS_TASK_SECONDS", "CLEAN_TASKS_INTERVAL_SECONDS", "TASK_TIMEOUT_SECONDS"]
    .map((name) => variable(name, "0", NUMBER)),
  ...["REQUEST_TIMEOUT_SECONDS", "TABLE_INTERVAL_SECONDS"]
    .map((name) => variable(name, "-0.5", NUMBER)),
  ...["MAX_TRACKED_TASKS", "MAX_IN_FLIGHT_TASKS"]
    .flatMap((name) => ["0", "1.5"].map((value) => variable(name, value, "at least 1"))),
  ...["70000", "65536", "1.5", "-1", "http"].flatMap((value) => [
    variable("PORT", value, "from 0 to 65535"),
    flag("--port", value, "from 0 to 65535"),
  ]),
  ...["11", "-1", "1.5"].flatMap((value) => [
    variable("RETRIES", value, "from 0 to 10"),
    flag("--retries", value, "from 0 to 10"),
  ]),
  ...["LOCAL_RUN", "LOCAL_SERVICES_ONLY"]
    .flatMap((name) =>
      ["maybe", "yes", "2"].map((value) => variable(name, value, "true, false, 1 or 0"))
    ),
  variable("LOG_LEVEL", "loud", "debug, info, warning or error"),
  variable("LOG_FORMAT", "xml", "text or json"),
  variable("HOST", "no host", "an IP address or a host name"),
  ...[
    "ftp://target.example",
    "target.example",
    "http://",
    "http://a?b",
  ]
    .map((value) => variable("OKDATA_API_URL", value, "URL")),

  ...["a/b", "a b", ".", "..", "a?x", "a#x", "a%2Fb", "å", "a,,b", "a,", "x".repeat(129)]
    .map((value) => variable("DATASET_ID", value, "1 to 128 ")),
  variable("DATASET_ID", "a,a", "once"),
  variable("DATASET_ID", ids, "200"),
  flag("--dataset-id", "a/b", "1 to 128 "),
];

const REFUSALS: Refusal[] = [
  { name: "no dataset", env: { DATASET_ID: "" }, says: ["DATASET_ID: expected ", "got nothing"] },
  { name: "a blank dataset", env: { DATASET_ID: " " }, says: ["DATASET_ID: expected ", "nothing"] },
  {
    name: "no environment",
    env: { OKDATA_API_URL: "", OKDATA_CLIENT_ID: "client", OKDATA_CLIENT_SECRET: "secret" },
    says: ["OKDATA_ENVIRONMENT: expected dev or prod", "LOCAL_SERVICES_ONLY", "got nothing"],
  },
  {
    name: "--local-run=maybe",
    args: ["--local-run=maybe"],
    says: ["--local-run: expected true, false, 1 or 0, ", 'got "maybe"'],
  },
  {
    name: "--dataset-id without a value, though its variable has one",
    args: ["--dataset-id", ""],
    says: ["--dataset-id: expected ", "got nothing"],
  },

  {
    name: "an unknown flag",
    args: ["--task-intervall=5"],
    says: ["--task-intervall: ", "--task-interval?"],
  },
  { name: "an unknown switch", args: ["--onse"], says: ["--onse: ", "--once?"] },
  { name: "an unknown short flag", args: ["-x"], says: ["-x: "] },
  { name: "a short flag with two dashes", args: ["--h=::1"], says: ["--h: ", "--host "] },
  { name: "a word that is not a flag", args: ["start"], says: ["start: "] },
  { name: "a word behind --", args: ["--", "start"], says: ["start: "] },
  {
    name: "a switch with a value",
    args: ["--table=yes"],
    says: ["--table: expected no value", "yes"],
  },
  {
    name: "--json with --table",
    args: ["--once", "--json", "--table"],
    says: ["--json", "--table"],
  },
  { name: "--json in the main loop", args: ["--json"], says: ["--json", "--once"] },
  { name: "--once with --count", args: ["--once", "--count", "2"], says: ["--once", "--count"] },
  ...["0", "-1", "1.5", "many", "1e999"].map((value) => flag("--count", value, "at least 1")),
  { name: "--count without a value", args: ["--count"], says: ["--count: expected "] },
  flag("--rows", "0", "at least 1"),
];

/** Refused: nothing on standard output, exit code 2, no port opened; returns the lines. */
async function refused({ args, env }: Start): Promise<string[]> {
  // Were a port opened, this one would be, and the complaint about it would be a line too many.
  using taken = occupyPort();
  const given = { DATASET_ID, OKDATA_API_URL: TARGET, PORT: String(taken.port) };
  const { code, stdout, stderr } = await run({ args, env: { ...given, ...env } });
  assertEquals({ code, stdout }, { code: 2, stdout: "" }, stderr);
  return linesOf(stderr);
}

/** Asserts that a line holds these texts in this order. */
function assertSays(line: string, says: readonly string[]): void {
  let from = 0;
  for (const text of says) {
    const start = line.indexOf(text, from);
    assert(start >= 0, `${JSON.stringify(text)} is missing in: ${line}`);
    from = start + text.length;
  }
}

for (const { name, says, ...start } of REFUSALS) {
  test(`refused in one line that names it: ${name}`, async () => {
    const [line = "", ...others] = await refused(start);

    assertEquals(others, []);
    assertSays(line, says);
  });
}

/** The refusals as few starts, each with at most one value of every setting. */
const starts: SettingRefusal[][] = [];
for (const values of Map.groupBy(SETTING_REFUSALS, ({ setting }) => setting).values()) {
  for (const [i, refusal] of values.entries()) (starts[i] ??= []).push(refusal);
}

for (const refusals of starts) {
  const names = refusals.map(({ name }) => name).join(", ");
  test(`refused in one line each, which names it: ${names}`, async () => {
    const lines = await refused({
      args: refusals.flatMap(({ args = [] }) => args),
      env: Object.assign({}, ...refusals.map(({ env }) => env)),
    });

    assertEquals(lines.length, refusals.length, lines.join("\n"));
    for (const { says } of refusals) {
      const [name = ""] = says;
      const matching = lines.filter((line) => line.includes(` ${name}`));
      assertEquals(matching.length, 1, `${name}\n${lines.join("\n")}`);
      assertSays(at(matching, 0), says);
    }
  });
}

test("an unknown flag with a value behind it is refused, with the nearest one suggested", async () => {
  const [line = ""] = await refused({ args: ["--task-intervall", "5"] });

  assertMatch(line, /--task-intervall: .*--task-interval\?/);
});

test("all that is wrong with one start is said at once, in one line each", async () => {
  const lines = await refused({
    args: ["--retries", "11", "--rows", "0", "--port", "70000", "--json"],
    env: {
      OKDATA_API_URL: "nowhere",
      TASK_INTERVAL_SECONDS: "abc",
      DISMISS_TASK_SECONDS: "-1",
      RETRIES: "12",
      LOCAL_RUN: "maybe",
      LOG_LEVEL: "loud",
    },
  });

  const expected = [
    ["--rows: ", 'got "0"'],
    ["--json: ", ""],
    ["OKDATA_API_URL: ", 'got "nowhere"'],
    ["TASK_INTERVAL_SECONDS: ", 'got "abc"'],
    ["DISMISS_TASK_SECONDS: ", 'got "-1"'],
    // The flag wins over the variable, so that only the flag's value matters.
    ["--retries: ", 'got "11"'],
    ["--port: ", 'got "70000"'],
    ["LOCAL_RUN: ", 'got "maybe"'],
    ["LOG_LEVEL: ", 'got "loud"'],
  ] as const;
  for (const [name, given] of expected) {
    const matching = lines.filter((line) => line.includes(` ${name}`) && line.endsWith(given));
    assertEquals(matching.length, 1, `${name}\n${lines.join("\n")}`);
  }
  assertEquals(lines.length, expected.length, lines.join("\n"));
});

test("what is refused cannot write to the terminal by its value", async () => {
  const evil = "a\u001b[31m\nb\u202ec\u0085d";
  const starts: Start[] = [
    { env: { TASK_INTERVAL_SECONDS: evil } },
    { env: { DATASET_ID: evil } },
    { args: ["--count", evil] },
    { args: [evil] },
    { args: [`--${evil}`] },
    { args: [`--table=${evil}`] },
  ];
  for (const start of starts) {
    const [line = "", ...others] = await refused(start);

    assertEquals(others, [], JSON.stringify([start, line]));
    for (const control of ["\u001b", "\u202e", "\u0085"]) {
      assert(!line.includes(control), JSON.stringify([start, line]));
    }
  }
});

test("a one-off run and --print-config are refused in the same way", async () => {
  for (const args of [["--once"], ["--count", "2", "--json"], ["--print-config"]]) {
    const [line = ""] = await refused({ args, env: { TASK_INTERVAL_SECONDS: "0" } });

    assertStringIncludes(line, "TASK_INTERVAL_SECONDS: ");
  }
});

test("a port in use: one line that names it, exit code 2, no task", async () => {
  await using target = startServer(() => Response.json({ Id: DATASET_ID }));
  using taken = occupyPort();
  for (const args of [[], ["--table"]]) {
    const { code, stdout, stderr } = await run({
      args,
      env: { DATASET_ID, OKDATA_API_URL: target.url, PORT: String(taken.port) },
    });

    assertEquals({ code, stdout }, { code: 2, stdout: "" });
    assertMatch(stderr, new RegExp(`^[^\\n]*\\b${taken.port}\\b[^\\n]*in use[^\\n]*\\n$`));
    assertStringIncludes(stderr, ": PORT: cannot listen on ");
  }
  assertEquals(target.requests, []);
});

test("an address that is not this machine's: one line that names it, exit code 2", async () => {
  // An address of RFC 5737, which no machine has.
  const { code, stdout, stderr } = await run({
    env: { DATASET_ID, OKDATA_API_URL: TARGET, HOST: "203.0.113.1", PORT: "0" },
  });

  assertEquals({ code, stdout }, { code: 2, stdout: "" });
  assertMatch(stderr, /^[^\n]*: HOST: expected an address [^\n]*, got "203\.0\.113\.1"\n$/);
});

test("a host that cannot be resolved to listen on: one line that names it, exit code 2", async () => {
  const { code, stdout, stderr } = await run({
    env: { DATASET_ID, OKDATA_API_URL: TARGET, HOST: "nothing.invalid", PORT: "0" },
  });

  assertEquals({ code, stdout }, { code: 2, stdout: "" });
  assertMatch(stderr, /^[^\n]*: HOST: expected an address [^\n]*, got "nothing\.invalid"\n$/);
});

test("an API address that would swallow the dataset's ID, or shows a password, is refused", async () => {
  for (
    const url of ["http://host/x?", "http://host/x#", "http://host/?a=b", "http://u:hunter2@host/"]
  ) {
    const lines = await refused({ env: { OKDATA_API_URL: url } });
    assertMatch(lines.join("\n"), /OKDATA_API_URL: expected an http:\/\/ or https:\/\/ URL/);
    assert(!lines.join("\n").includes("hunter2"));
  }
});
