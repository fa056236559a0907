import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  COMMANDS,
  parseCommandLine,
  SWITCHES,
  type TasksCommand,
  VALUES,
} from "../../src/commands/command_line.ts";
import type { Setting } from "../../src/config/setting.ts";
import { SETTINGS } from "../../src/config/settings.ts";

/** A command line that must be right. */
function parse(...args: string[]) {
  const { problems, ...parsed } = parseCommandLine(args);
  assertEquals(problems, [], args.join(" "));
  return parsed;
}

function problemsOf(...args: string[]): string[] {
  return parseCommandLine(args).problems;
}

const TASKS: TasksCommand = {
  name: "tasks",
  url: null,
  state: undefined,
  datasetId: undefined,
  watch: false,
  json: false,
  rows: null,
};

const RUN = {
  name: "run",
  count: 1,
  output: "lines",
  waitSeconds: null,
  maxDurationSeconds: null,
} as const;

Deno.test("parseCommandLine without arguments asks for the main loop", () => {
  assertEquals(parse(), {
    command: { name: "serve" },
    view: { table: false, rows: 20, utc: false },
    flags: {},
  });
});

for (
  const [args, command] of [
    [["--once"], RUN],
    [["--once", "--json"], { ...RUN, output: "json" }],
    [["--once", "--junit"], { ...RUN, output: "junit" }],
    [["--once", "--github"], { ...RUN, output: "github" }],
    [["--once", "--wait", "90"], { ...RUN, waitSeconds: 90 }],
    [["--once", "--max-duration=0.5"], { ...RUN, maxDurationSeconds: 0.5 }],
    [["--count", "5"], { ...RUN, count: 5 }],
    [["--count=5", "--table", "--rows=2"], { ...RUN, count: 5 }],
    [["--rows", "2"], { name: "serve" }],
    [["--count=5", "--json"], { ...RUN, count: 5, output: "json" }],
    [["--check"], { name: "check", json: false }],
    [["--check", "--json"], { name: "check", json: true }],
    [["check"], { name: "check", json: false }],
    [["check", "--json"], { name: "check", json: true }],
    [["--healthcheck"], { name: "healthcheck" }],
    [["healthcheck"], { name: "healthcheck" }],
    [["--print-config"], { name: "print-config" }],
    [["--help"], { name: "help" }],
    [["-h"], { name: "help" }],
    [["help"], { name: "help" }],
    [["help", "tasks"], { name: "help" }],
    [["--version"], { name: "version" }],
    [["-V"], { name: "version" }],
    [["version"], { name: "version" }],
    [["rules"], { name: "rules", options: { severities: {}, labels: {} } }],
    [["dashboard"], { name: "dashboard" }],
    [["tasks"], TASKS],
    [["tasks", "--watch"], { ...TASKS, watch: true }],
    [["tasks", "--json", "--rows", "5"], { ...TASKS, json: true, rows: 5 }],
    [["tasks", "--state", "Failed"], { ...TASKS, state: "FAILED" }],
    [["tasks", "--dataset-id", " abc123 "], { ...TASKS, datasetId: "abc123" }],
    [["--watch", "tasks"], { ...TASKS, watch: true }],
  ] as const
) {
  Deno.test(`parseCommandLine understands ${args.join(" ")}`, () => {
    assertEquals<unknown>(parse(...args).command, command);
  });
}

Deno.test("parseCommandLine gives help and version precedence over everything else", () => {
  assertEquals(parseCommandLine(["tasks", "--no-such", "--help"]).command, { name: "help" });
  assertEquals(parseCommandLine(["--once", "--version"]).command, { name: "version" });
});

Deno.test("parseCommandLine reads how tasks are shown", () => {
  assertEquals(parse("--table", "--rows", "7", "--utc").view, { table: true, rows: 7, utc: true });
});

Deno.test("parseCommandLine passes on every setting as it was written", () => {
  const settings: Setting[] = Object.values(SETTINGS);
  for (const { flag } of settings) {
    if (flag === undefined) continue;
    assertEquals(parse(`--${flag}`, " Some Value").flags, { [flag]: " Some Value" });
    assertEquals(parse(`--${flag}=a=b`).flags, { [flag]: "a=b" });
  }
});

Deno.test("parseCommandLine accepts negative numbers as values, which the settings refuse", () => {
  assertEquals(parse("--retries", "-1", "--task-interval", "-.5").flags, {
    "retries": "-1",
    "task-interval": "-.5",
  });
});

Deno.test("parseCommandLine accepts a boolean setting without a value", () => {
  assertEquals(parse("--local-run", "--local-services-only").flags, {
    "local-run": "true",
    "local-services-only": "true",
  });
  assertEquals(parse("--local-run=0").flags, { "local-run": "0" });
});

Deno.test("parseCommandLine reads a probe's URL with user and password", () => {
  const { command } = parse("tasks", "--url", "https://user:p%40ss@probe.example:8443/base/");
  assert(command.name === "tasks");
  assertEquals(command.url?.href, "https://user:p%40ss@probe.example:8443/base/");
});

const EXPECTED_WORD =
  "expected tasks, rules, dashboard, check, healthcheck, print-config, help, version or a flag";

for (
  const [args, problem] of [
    [["--no-such"], "--no-such: unknown flag; --help lists them all"],
    [["--task-intervall=5"], "--task-intervall: unknown flag; did you mean --task-interval?"],
    [["-x"], "-x: unknown flag"],
    [["--env", "dev"], "--env: unknown flag; did you mean --environment?"],
    [["--client-secret", "s3cret"], "--client-secret: unknown flag; set OKDATA_CLIENT_SECRET in"],
    [["-env", "dev"], "-env: unknown flag; did you mean --environment?"],
    [["-dataset=x"], "-dataset: unknown flag; did you mean --dataset-id?"],
    [["task"], `task: ${EXPECTED_WORD}; did you mean tasks?`],
    [["helthcheck"], `helthcheck: ${EXPECTED_WORD}; did you mean healthcheck?`],
    [["once"], `once: ${EXPECTED_WORD}; did you mean --once?`],
    [["run"], `run: ${EXPECTED_WORD}; without a word it probes`],
    [["--verbose"], "--verbose: unknown flag; did you mean --log-level?"],
    [["--once", "--rows", "2"], "--rows: only together with --table or tasks"],
    [["--check", "--rows", "2"], "--rows: only together with --table or tasks"],
    [["--check", "--table"], "--check: not together with --table"],
    [["rules", "--table", "--rows", "2"], "rules: not together with --table"],
    [["--once", "5"], `5: ${EXPECTED_WORD}; a value follows its flag`],
    [["--port"], "--port: expected a value, got nothing"],
    [["--port="], "--port: expected a value, got nothing"],
    [["--port", "1", "--port", "2"], "--port: expected once, got it twice"],
    [["--once", "--once"], "--once: expected once, got it twice"],
    [["--once=yes"], '--once: expected no value, got "yes"'],
    [["--count", "0"], '--count: expected a whole number, at least 1, got "0"'],
    [["--rows", "few"], '--rows: expected a whole number, at least 1, got "few"'],
    [["--once", "--count", "2"], "--once: not together with --count"],
    [["--check", "--once"], "--check: not together with --once"],
    [["check", "--once"], "--check: not together with --once"],
    [["tasks", "rules"], "tasks: not together with rules"],
    [["rules", "--once"], "rules: not together with --once"],
    [["--once", "--json", "--table"], "--json: not together with --table"],
    [["--json"], "--json: only together with --once, --count, --check or tasks"],
    [["rules", "--json"], "--json: only together with --once, --count, --check or tasks"],
    [["--once", "--junit", "--json"], "--json: not together with --junit"],
    [["--once", "--github", "--json"], "--json: not together with --github"],
    [["--once", "--junit", "--github"], "--junit: not together with --github"],
    [["--count", "2", "--junit", "--table"], "--junit: not together with --table"],
    [["--once", "--github", "--table"], "--github: not together with --table"],
    [["--junit"], "--junit: only together with --once or --count"],
    [["--check", "--junit"], "--junit: only together with --once or --count"],
    [["tasks", "--github"], "--github: only together with --once or --count"],
    [["--wait", "5"], "--wait: only together with --once"],
    [["--count", "2", "--wait", "5"], "--wait: only together with --once"],
    [["--check", "--wait", "5"], "--wait: only together with --once"],
    [["--once", "--wait", "soon"], '--wait: expected seconds, from 0.001 to 2592000, got "soon"'],
    [["--once", "--wait"], '--wait: expected seconds, from 0.001 to 2592000, got ""'],
    [["--max-duration", "1"], "--max-duration: only together with --once or --count"],
    [["--once", "--max-duration", "0"], "--max-duration: expected seconds, from 0.001"],
    [["--watch"], "--watch: only together with tasks"],
    [["--url", "http://x"], "--url: only together with tasks"],
    [["--once", "--state", "failed"], "--state: only together with tasks"],
    [["tasks", "--watch", "--json"], "--watch: not together with --json"],
    [["tasks", "--state", "broken"], "--state: expected one of pending, succeeded, failed, got"],
    [["tasks", "--dataset-id", "a,b"], "--dataset-id: expected one ID together with tasks"],
    [["tasks", "--retries", "1"], "--retries: not together with tasks"],
    [["tasks", "--url", "http://x", "--port", "1"], "--port: not together with --url"],
    [["tasks", "--url", "probe:8000"], "--url: expected an http:// or https:// URL"],
    [["tasks", "--url", "http://x/?a"], "--url: expected an http:// or https:// URL"],
    [["tasks", "--url", "http://%ff@x"], "got a value that is not shown"],
  ] as const
) {
  Deno.test(`parseCommandLine refuses ${args.join(" ")}`, () => {
    const problems = problemsOf(...args);
    assertEquals(problems.length, 1, problems.join("\n"));
    assert(problems[0]?.includes(problem), problems[0]);
  });
}

Deno.test("parseCommandLine takes a word that is the value of a flag for nothing else", () => {
  assertEquals(parse("--dataset-id", "help").command, { name: "serve" });
});

Deno.test("parseCommandLine reports all problems at once", () => {
  assertEquals(problemsOf("--no-such", "--count", "0", "--watch").length, 3);
});

Deno.test("parseCommandLine shows no word or URL that may hold a password", () => {
  const problems = [
    ...problemsOf("http://user:s3cret@probe.example"),
    ...problemsOf("tasks", "--url", "ftp://user:s3cret@probe.example"),
    ...problemsOf("--user:s3cret@host=1"),
  ];
  assertEquals(problems.length, 3);
  for (const problem of problems) assert(!problem.includes("s3cret"), problem);
});

Deno.test("parseCommandLine never throws, and a problem is one line that acts on no terminal", () => {
  const names = [...Object.keys(SWITCHES), ...Object.keys(VALUES), "port", "retries"];
  // The unit "binary" of fast-check takes seconds to make.
  const character = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code));
  const anyArgument = fc.oneof(
    fc.constantFrom(...names.map((name) => `--${name}`), ...Object.keys(COMMANDS), "-h", "--", "-"),
    fc.constantFrom(...names).chain((name) => fc.string().map((value) => `--${name}=${value}`)),
    fc.string({ unit: character }),
  );
  fc.assert(fc.property(fc.array(anyArgument, { maxLength: 5 }), (args) => {
    for (const problem of problemsOf(...args)) {
      assert(!/[\p{C}\p{Zl}\p{Zp}]/u.test(problem), problem);
    }
  }));
});
