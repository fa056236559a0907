import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { VERSION } from "../../../src/core/version.ts";
import { settle } from "../../support/clock.ts";
import { readJunit } from "../../support/junit.ts";
import { startOneOff } from "../../support/one_off.ts";

/** What a platform may send in order to be taken for something else. */
const HOSTILE = "no ]]> <b>&amp;\n::error::fake\n##[error]fake \0\x1b[2J\ud800\ufffe | `x` \"'";

Deno.test("--json has counts, version, URLs and the exit code beside the tasks", async () => {
  const env = { DATASET_ID: "a,b", OKDATA_ENVIRONMENT: "dev", LOCAL_SERVICES_ONLY: "true" };
  const { transport, stdout, exitCode } = await startOneOff(env, { output: "json" });
  transport.open[1]?.respond(404);
  transport.oldest.succeed();
  assertEquals(await exitCode, 1);
  const { tasks, ...document } = JSON.parse(stdout.text);
  const none = { created: 1, pending: 0, succeeded: 0, failed: 0, too_slow: 0, reasons: {} };
  assertEquals(document, {
    version: 1,
    program_version: VERSION,
    environment: "local",
    url: "http://api",
    exit_code: 1,
    wait_seconds: null,
    max_duration_seconds: null,
    counts: { ...none, created: 2, succeeded: 1, failed: 1, reasons: { not_found: 1 } },
    datasets: [
      {
        dataset_id: "a",
        url: "http://api/a",
        state: "working",
        failed: false,
        counts: { ...none, succeeded: 1 },
      },
      {
        dataset_id: "b",
        url: "http://api/b",
        state: "failing",
        failed: true,
        counts: { ...none, failed: 1, reasons: { not_found: 1 } },
      },
    ],
  });
  assertEquals(tasks.map((task: object) => "too_slow" in task), [false, false]);
});

Deno.test("--json says of each task whether it was too slow, when there is a limit", async () => {
  const options = { output: "json", maxDurationSeconds: 1, count: 2 } as const;
  const env = { TASK_INTERVAL_SECONDS: "5" };
  const { transport, clock, stdout, exitCode } = await startOneOff(env, options);
  await clock.run(2_000);
  transport.oldest.succeed();
  await clock.run(3_000);
  transport.oldest.succeed();
  assertEquals(await exitCode, 4);
  const { tasks, counts, max_duration_seconds } = JSON.parse(stdout.text);
  const tooSlow = tasks.map((task: { too_slow: boolean }) => task.too_slow);
  assertEquals([tooSlow, counts.too_slow, max_duration_seconds], [[true, false], 1, 1]);
});

Deno.test("--junit has a test case for each task, with what failed and what to do", async () => {
  const env = { DATASET_ID: "a,b", TRACE_URL: "https://traces.example/{trace_id}" };
  const { transport, clock, stdout, exitCode } = await startOneOff(env, { output: "junit" });
  await clock.run(1_234);
  transport.open[1]?.respond(404, "gone");
  await settle();
  assertEquals(stdout.text, "");
  transport.oldest.succeed();
  assertEquals(await exitCode, 1);

  const { attributes, properties, cases } = readJunit(stdout.text);
  assertEquals(attributes, {
    name: "dataplatform-probe local",
    tests: "2",
    failures: "1",
    errors: "0",
    skipped: "0",
    time: "1.234",
  });
  assertEquals(properties, {
    version: VERSION,
    environment: "local",
    url: "http://api",
    app_id: "00000000",
    exit_code: "1",
  });
  const [good, bad] = cases;
  assertEquals(good, {
    attributes: { classname: "a", name: "metadata of a", time: "1.234" },
    children: {},
  });
  assertEquals(bad?.attributes, { classname: "b", name: "metadata of b", time: "1.234" });
  const failure = bad?.children.failure;
  assertEquals(failure?.attributes, { type: "not_found", message: "not_found: status 404: gone" });
  assertMatch(
    failure?.text ?? "",
    new RegExp([
      "^not_found: status 404: gone",
      "Check DATASET_ID and OKDATA_API_URL: the dataset must exist in this platform.",
      "URL: http://api/b",
      "trace: https://traces.example/[0-9a-f]{32}",
      "attempt 1: not_found, status 404 in 1.234 s$",
    ].join("\n")),
  );
});

Deno.test("--junit names the tasks of a dataset by number, so that no two are one case", async () => {
  const env = { DATASET_ID: "a,b", TASK_INTERVAL_SECONDS: "1" };
  const { transport, clock, stdout, exitCode } = await startOneOff(env, {
    output: "junit",
    count: 2,
  });
  for (let i = 0; i < 4; i++) {
    transport.oldest.succeed();
    await clock.run(500);
  }
  await exitCode;
  assertEquals(readJunit(stdout.text).cases.map(({ attributes }) => attributes.name), [
    "metadata of a, task 1 of 2",
    "metadata of b, task 1 of 2",
    "metadata of a, task 2 of 2",
    "metadata of b, task 2 of 2",
  ]);
});

Deno.test("--junit is valid whatever the platform sends", async () => {
  const { transport, stdout, exitCode } = await startOneOff({}, { output: "junit" });
  transport.oldest.respond(404, HOSTILE);
  await exitCode;
  const message = readJunit(stdout.text).cases[0]?.children.failure?.attributes.message;
  assertStringIncludes(message ?? "", "no ]]> <b>&amp;");
  for (const character of ["\0", "\x1b", "\ud800", "\ufffe"]) {
    assert(!stdout.text.includes(character), JSON.stringify(character));
  }
});

Deno.test("--junit calls a fault of the probe an error, and an abandoned task skipped", async () => {
  const env = { DATASET_ID: "a,b" };
  const { transport, stdout, stop, exitCode } = await startOneOff(env, { output: "junit" });
  transport.oldest.breakOff("EWHATEVER");
  await settle();
  stop.abort("SIGTERM");
  assertEquals(await exitCode, 143);
  const { attributes, cases } = readJunit(stdout.text);
  assertEquals([attributes.errors, attributes.skipped, attributes.failures], ["1", "1", "0"]);
  assertEquals(cases.map(({ children }) => Object.keys(children)), [["error"], ["skipped"]]);
});

Deno.test("--junit has one skipped case for the tasks of a dataset that were not created", async () => {
  const env = { DATASET_ID: "a,b", TASK_INTERVAL_SECONDS: "10" };
  const options = { output: "junit", count: 4 } as const;
  const { transport, clock, stdout, stop, exitCode } = await startOneOff(env, options);
  transport.oldest.succeed();
  await clock.run(5_000);
  transport.oldest.succeed();
  await clock.run(5_000);
  transport.oldest.succeed();
  await settle();
  stop.abort("SIGTERM");
  assertEquals(await exitCode, 143);
  const { attributes, cases } = readJunit(stdout.text);
  assertEquals([attributes.tests, attributes.skipped], ["5", "2"]);
  assertEquals(
    cases.map(({ attributes, children }) => [
      attributes.name,
      children.skipped?.attributes.message,
    ]),
    [
      ["metadata of a, task 1 of 4", undefined],
      ["metadata of b, task 1 of 4", undefined],
      ["metadata of a, task 2 of 4", undefined],
      ["metadata of a, task 3 of 4", "2 of 4 tasks were not created: the run was interrupted"],
      ["metadata of b, task 2 of 4", "3 of 4 tasks were not created: the run was interrupted"],
    ],
  );
});

Deno.test("--junit calls a success that is too slow a failure", async () => {
  const options = { output: "junit", maxDurationSeconds: 1 } as const;
  const { transport, clock, stdout, exitCode } = await startOneOff({}, options);
  await clock.run(2_000);
  transport.oldest.succeed();
  assertEquals(await exitCode, 4);
  const { properties, cases } = readJunit(stdout.text);
  assertEquals(properties.max_duration_seconds, "1");
  assertEquals(cases[0]?.children.failure?.attributes, {
    type: "too_slow",
    message: "too slow: 2.000 s, slower than 1 s",
  });
  assertStringIncludes(
    cases[0]?.children.failure?.text ?? "",
    "too slow: 2.000 s, slower than 1 s\n" +
      "The longest phase was resolve (2.000 s): look at this machine's name server.\n",
  );
});

Deno.test("--junit has the last task of each dataset after a wait, and counts the others", async () => {
  const env = { TASK_INTERVAL_SECONDS: "1" };
  const options = { output: "junit", waitSeconds: 60 } as const;
  const { transport, clock, stdout, exitCode } = await startOneOff(env, options);
  transport.oldest.breakOff("ECONNREFUSED");
  await clock.run(1_000);
  transport.oldest.respond(503);
  await clock.run(1_000);
  transport.oldest.succeed();
  assertEquals(await exitCode, 0);
  const { attributes, cases } = readJunit(stdout.text);
  assertEquals([attributes.tests, attributes.failures], ["1", "0"]);
  assertEquals(cases[0]?.children, {
    "system-out": {
      attributes: {},
      text: "2 of 3 tries failed: 1 connect, 1 server_error",
    },
  });
});

Deno.test("--junit and --github lead to the status page of the running probe", async () => {
  const env = { PUBLIC_URL: "https://probe.example" };
  const link = "https://probe.example/?dataset_id=abc123&state=failed";
  for (const output of ["junit", "github"] as const) {
    const { transport, stdout, exitCode } = await startOneOff(env, { output });
    transport.oldest.respond(404);
    await exitCode;
    if (output === "junit") {
      const failure = readJunit(stdout.text).cases[0]?.children.failure;
      assertStringIncludes(failure?.text ?? "", `\nrunning probe: ${link}\n`);
    } else {
      const { commands, summary } = readGithub(stdout.text);
      assertStringIncludes(commands[0] ?? "", `%0Arunning probe: ${link}`);
      assertStringIncludes(summary[4] ?? "", `| [abc123](<${link}>) | **failed** |`);
    }
  }
});

/** The parts of what `--github` writes, as the runner and the action read them. */
function readGithub(output: string) {
  const lines = output.trimEnd().split("\n");
  const stopped: string[] = [];
  const commands: string[] = [];
  const summary: string[] = [];
  let token: string | null = null;
  let group = "";
  for (const line of lines) {
    if (token !== null) {
      if (line === `::${token}::`) token = null;
      else (group ? summary : stopped).push(line);
      continue;
    }
    const stop: string | undefined = line.match(/^::stop-commands::([0-9a-f]{32})$/)?.[1];
    if (stop) token = stop;
    else if (line.startsWith("::group::")) group = line.slice("::group::".length);
    else if (line === "::endgroup::") group = "";
    else commands.push(line);
  }
  assertEquals(token, null, "commands are read again");
  return { stopped, commands, summary };
}

Deno.test("--github has the lines, an annotation for each dataset that failed, and a summary", async () => {
  const env = { DATASET_ID: "a,b" };
  const { transport, stdout, exitCode } = await startOneOff(env, { output: "github" });
  transport.open[1]?.respond(404, "100 %, gone");
  transport.oldest.succeed();
  assertEquals(await exitCode, 1);
  const { stopped, commands, summary } = readGithub(stdout.text);
  assertEquals(stopped.length, 5);
  assertEquals(commands, [
    "::error title=b%3A 1 of 1 task failed::" +
    "not_found: status 404: 100 %25, gone%0A" +
    "Check DATASET_ID and OKDATA_API_URL: the dataset must exist in this platform.%0A" +
    "http://api/b",
  ]);
  assertEquals(summary, [
    "### Dataplatform: 1 of 2 datasets failed",
    "",
    "| Dataset | Result | State | Tasks | Last duration | Cause |",
    "| --- | --- | --- | --- | --- | --- |",
    "| a | passed | working | 1 of 1 task succeeded | 0.000 s |  |",
    "| b | **failed** | failing | 0 of 1 task succeeded, 1 failed \\(not\\_found\\) | 0.000 s | " +
    "not\\_found\\: status 404\\: 100 %, gone<br>" +
    "Check DATASET\\_ID and OKDATA\\_API\\_URL\\: the dataset must exist in this platform. |",
    "",
    `dataplatform-probe ${VERSION}, local, http\\://api, exit code 1`,
  ]);
});

Deno.test("--github lets nothing that the platform sends be a command or markup", async () => {
  const { transport, stdout, exitCode } = await startOneOff({}, { output: "github" });
  transport.oldest.respond(404, HOSTILE);
  await exitCode;
  const { stopped, commands, summary } = readGithub(stdout.text);
  assertEquals([stopped.length, commands.length, summary.length], [2, 1, 7]);
  assertMatch(commands[0] ?? "", /^::error title=abc123%3A [^:]*::not_found: /);
  // Cells end with a bar that is not escaped.
  assertEquals(summary[4]?.match(/(?<!\\)\|/g)?.length, 7);
  assert(!/<b>|`x`(?<!\\`)/.test(summary[4] ?? ""), summary[4]);
});

Deno.test("--github counts the tasks of a dataset in the title, and their reasons under it", async () => {
  const options = { output: "github", count: 3, maxDurationSeconds: 0.5 } as const;
  const env = { TASK_INTERVAL_SECONDS: "1" };
  const { transport, clock, stdout, exitCode } = await startOneOff(env, options);
  transport.oldest.respond(503);
  await clock.run(1_000);
  transport.oldest.breakOff("ECONNREFUSED");
  await clock.run(1_700);
  transport.oldest.succeed();
  assertEquals(await exitCode, 1);
  assertEquals(readGithub(stdout.text).commands, [
    "::error title=abc123%3A 3 of 3 tasks failed::too slow: 0.700 s, slower than 0.5 s%0A" +
    "The longest phase was resolve (0.700 s): look at this machine's name server.%0A" +
    "0 of 3 tasks succeeded, 3 failed (1 server_error, 1 connect, 1 too slow)%0Ahttp://api/abc123",
  ]);
});

Deno.test("--github sums up what is more than GitHub shows", async () => {
  const ids = Array.from({ length: 12 }, (_, i) => `d${i + 1}`);
  const { transport, stdout, exitCode } = await startOneOff({ DATASET_ID: ids.join() }, {
    output: "github",
  });
  for (const call of [...transport.open]) call.breakOff("ECONNREFUSED");
  assertEquals(await exitCode, 5);
  const { commands, summary } = readGithub(stdout.text);
  assertEquals(commands.length, 10);
  assertEquals(commands.at(-1), "::error title=3 more datasets failed::d10, d11, d12");
  assertEquals(summary.filter((line) => line.startsWith("| d")).length, 12);
});

Deno.test("--github has no annotation for a dataset that succeeded after a wait", async () => {
  const env = { TASK_INTERVAL_SECONDS: "1" };
  const options = { output: "github", waitSeconds: 9 } as const;
  const { transport, clock, stdout, exitCode } = await startOneOff(env, options);
  transport.oldest.respond(503);
  await clock.run(1_000);
  transport.oldest.succeed();
  assertEquals(await exitCode, 0);
  const { commands, summary } = readGithub(stdout.text);
  assertEquals([commands, summary[0]], [[], "### Dataplatform: abc123 works"]);
});

Deno.test("--github says that a run was interrupted", async () => {
  const { stdout, stop, exitCode } = await startOneOff({}, { output: "github" });
  stop.abort("SIGINT");
  assertEquals(await exitCode, 130);
  const { commands, summary } = readGithub(stdout.text);
  assertEquals([commands, summary[0]], [[], "### Dataplatform: interrupted"]);
});

Deno.test("--github says that a run was interrupted between two tasks", async () => {
  const cases = [
    [200, "interrupted", "interrupted"],
    [404, "abc123 failed, interrupted", "**failed**, interrupted"],
  ] as const;
  for (const [status, heading, result] of cases) {
    const options = { output: "github", count: 5 } as const;
    const { transport, stdout, stop, exitCode } = await startOneOff({}, options);
    if (status === 200) transport.oldest.succeed();
    else transport.oldest.respond(status);
    await settle();
    stop.abort("SIGTERM");
    assertEquals(await exitCode, 143);
    const { summary } = readGithub(stdout.text);
    assertEquals(summary[0], `### Dataplatform: ${heading}`);
    assertStringIncludes(summary[4] ?? "", `| abc123 | ${result} |`);
  }
});
