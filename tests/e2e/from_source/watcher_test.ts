/** Whether a probe that no longer does its work can be told from one that does. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  eventually,
  IS_EXECUTABLE,
  type Program,
  run,
  startLoop,
  test,
} from "../../support/program.ts";
import { scrape } from "../../support/scrape.ts";
import { startEmulator } from "../../support/targets.ts";

// An executable loads nothing before its own code.
const ignore = IS_EXECUTABLE;

const INTERVAL_MS = 200;

/** A probe that is well, with something in it that breaks at SIGUSR2. */
async function startBreakable(breaks: string, apiUrl: string) {
  const program = await startLoop({
    denoFlags: ["--preload=tests/faults/inside.ts"],
    env: {
      ...{ OKDATA_API_URL: apiUrl, BREAKS: breaks },
      TASK_INTERVAL_SECONDS: String(INTERVAL_MS / 1e3),
    },
  });
  await eventually("a task has succeeded", async () => {
    return (await scrape(program.url)).value("probe_tasks_succeeded_total") > 0;
  });
  return program;
}

function healthcheck({ url }: { url: string }) {
  return run({ args: ["--healthcheck"], env: { PORT: new URL(url).port } });
}

test(
  "a loop that has stalled while HTTP responds is not well, after 5 s and not before",
  async () => {
    await using emulator = startEmulator();
    await using program = await startBreakable("timers", emulator.apiUrl);
    assertEquals((await healthcheck(program)).code, 0);
    program.kill("SIGUSR2");
    const brokenMs = performance.now();
    const stalled = await eventually("its health is bad", async () => {
      const response = await fetch(`${program.url}/healthz`);
      const document = await response.json();
      return response.status === 503 && document;
    });
    const afterMs = performance.now() - brokenMs;
    assert(afterMs > 5_000 && afterMs < 7_000, `after ${afterMs} ms`);
    assertEquals([stalled.status, stalled.loops], ["stalled", ["probe"]]);

    const { code, stdout } = await healthcheck(program);
    assertEquals({ code, stdout }, { code: 1, stdout: "stalled: probe\n" });
  },
  { ignore },
);

test("a probe that does not even respond is not well", async () => {
  await using emulator = startEmulator();
  await using program = await startLoop({ env: { OKDATA_API_URL: emulator.apiUrl } });
  program.kill("SIGSTOP");
  const { code, stderr } = await healthcheck(program);
  assertEquals(code, 5);
  assertStringIncludes(stderr, "no response within 3 s");
});

/** Breaks it; returns how it ended and the error in its log. */
async function broken(program: Program) {
  program.kill("SIGUSR2");
  const { code, stderr } = await program.ended();
  const lines = stderr.trim().split("\n").map((line) => JSON.parse(line));
  const errors = lines.filter(({ level }) => level === "error").map(({ message }) => message);
  return { code, errors };
}

test("a probe whose ledger does not add up says so and ends with 70", async () => {
  await using emulator = startEmulator();
  await using program = await startBreakable("ledger", emulator.apiUrl);
  const { code, errors } = await broken(program);
  assertEquals(code, 70);
  assertStringIncludes(
    errors[0],
    "stopping after a broken invariant: Error: the ledger has",
  );
  assertStringIncludes(errors[0], "ledger.ts");
}, { ignore });

for (const [breaks, what] of [["rejection", "a rejection"], ["exception", "an error"]] as const) {
  test(`${what} that nobody catches ends the probe with 70 and stands in the log`, async () => {
    await using emulator = startEmulator();
    await using program = await startBreakable(breaks, emulator.apiUrl);
    const { code, errors } = await broken(program);
    assertEquals({ code, errors: errors.length }, { code: 70, errors: 1 });
    assertStringIncludes(errors[0], "stopping after an uncaught error: Error: broken on p");
    assertStringIncludes(errors[0], "inside.ts");
  }, { ignore });
}

test("a stop of some seconds shows as slots that ran late and slots that were skipped", async () => {
  await using emulator = startEmulator();
  // Half an interval apart: whenever the stop ends, one of them is late by half a second or more.
  await using program = await startLoop({
    env: { OKDATA_API_URL: emulator.apiUrl, DATASET_ID: "abc,def", TASK_INTERVAL_SECONDS: "1" },
  });
  const slots = async () => {
    const { value } = await scrape(program.url);
    const lag = { loop: "probe" };
    const ran = value("probe_schedule_lag_seconds_count", lag);
    const skipped = value("probe_slots_skipped_total", { cause: "late" });
    const late = ran - value("probe_schedule_lag_seconds_bucket", { ...lag, le: "0.1" });
    assertEquals(value("probe_tasks_created_total"), ran);
    return { ran, skipped, late };
  };
  const { ran } = await eventually("both have run", async () => {
    const now = await slots();
    return now.ran >= 2 && now;
  });
  program.kill("SIGSTOP");
  const before = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 3_500));
  program.kill("SIGCONT");
  const { skipped, late } = await eventually("both know what they have missed", async () => {
    const now = await slots();
    // They take turns, so each has run at least once after the stop.
    return now.ran >= ran + 4 && now;
  });
  const stoppedSeconds = (performance.now() - before) / 1e3;
  // Of three or four slots that each had, or more where the machine is slow, one has run.
  assert(skipped >= 4 && skipped <= 2 * stoppedSeconds, `${skipped} skipped`);
  assert(late >= 1, `${late} late`);
  assertMatch(program.stderr, /skipped (a slot|\d+ slots) of \w+: the probe itself was late/);
});
