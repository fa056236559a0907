import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  DATASET_ID,
  eventually,
  linesOf,
  Program,
  run,
  shell,
  shellCommand,
  test,
} from "../../support/program.ts";
import {
  startEmulator,
  startFickleServer,
  startServer,
  startWaitingServer,
} from "../../support/targets.ts";

// deno-lint-ignore no-control-regex -- these are what must not be there
const CONTROL = /[\x00-\x09\x0b-\x1f\x7f-\x9f]/;

test("standard output carries results only, also in a local run with debug logs", async () => {
  await using target = startFickleServer();
  const env = {
    DATASET_ID,
    OKDATA_API_URL: target.url,
    TASK_INTERVAL_SECONDS: "0.01",
    LOCAL_RUN: "true",
    LOG_LEVEL: "debug",
  };
  const lines = await run({ args: ["--count", "2"], env });
  const document = await run({ args: ["--count", "2", "--json"], env });

  const tasks = linesOf(lines.stdout);
  assertMatch(
    tasks.pop() ?? "",
    /^abc123: (working|unsteady|failing|slow), \d of 2 tasks succeeded/,
  );
  for (const line of tasks) {
    assertMatch(
      line,
      /^#\d abc123 (SUCCEEDED|FAILED) in \d+\.\d{3} s(: not_found: status 404.*)?$/,
    );
  }
  assertEquals(JSON.parse(document.stdout).tasks.length, 2);
});

test("what goes into a pipe has no control characters, whatever the terminal's name", async () => {
  await using target = startFickleServer();
  const env = { DATASET_ID, OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "0.01" };
  for (const args of [["--count", "2"], ["--count", "2", "--table"], ["--count", "2", "--json"]]) {
    const { stdout, stderr } = await run({
      args,
      env: { ...env, TERM: "xterm-256color", LOG_FORMAT: "text", LOG_LEVEL: "debug" },
    });

    assert(!CONTROL.test(stdout), JSON.stringify(stdout));
    assert(!CONTROL.test(stderr), JSON.stringify(stderr));
  }
});

test("a response's control characters do not reach the output", async () => {
  const evil = '{"Id":"\u001b[31m"}\u001b[2J\u0007';
  await using target = startServer(() => new Response(evil));
  const env = { DATASET_ID, OKDATA_API_URL: target.url };
  for (const args of [["--once"], ["--once", "--json"], ["--once", "--table"]]) {
    const { code, stdout, stderr } = await run({ args, env });

    assertEquals(code, 6);
    assert(!CONTROL.test(stdout + stderr), JSON.stringify([stdout, stderr]));
  }
});

test("a reader that leaves early does not hold up a one-off run", async () => {
  await using emulator = startEmulator();
  const env = { DATASET_ID, OKDATA_API_URL: emulator.apiUrl, TASK_INTERVAL_SECONDS: "0.05" };
  const command = shellCommand({ args: ["--count", "5"], env });
  const { code, stdout, stderr } = await shell(`{ ${command}; echo "exit $?" >&2; } | head -n 1`);

  assertEquals(code, 0);
  assertMatch(stdout, /^#1 abc123 SUCCEEDED [^\n]*\n$/);
  assertEquals(stderr, "exit 0\n");
  assertEquals(emulator.counts().requests, 5);
});

for (const [signal, expected] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  test(`a one-off run interrupted by ${signal} exits ${expected} with what it has`, async () => {
    for (const args of [["--count", "3"], ["--count", "3", "--json"]]) {
      await using platform = startWaitingServer();
      await using probe = new Program({
        args,
        env: { DATASET_ID, OKDATA_API_URL: platform.url, TASK_INTERVAL_SECONDS: "0.2" },
      });
      await eventually("the first request", () => platform.waiting() > 0);
      platform.release();
      await eventually("another request", () => platform.waiting() > 0);
      const startMs = performance.now();
      probe.kill(signal);
      const { code, stdout } = await probe.ended();

      assertEquals(code, expected);
      assert(performance.now() - startMs < 2_000, "it waited for the response");
      if (args.includes("--json")) {
        const states = JSON.parse(stdout).tasks.map(({ state }: { state: string }) => state);
        // A busy machine may have come to the third task by then.
        assertEquals([...new Set(states)], ["SUCCEEDED", "PENDING"]);
      } else {
        assertMatch(
          stdout,
          /^#1 abc123 SUCCEEDED [^\n]*\nabc123: \w+, 1 of 1 task succeeded, \d abandoned; [^\n]*\n$/,
        );
      }
    }
  });
}
