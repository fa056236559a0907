import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { at } from "../../support/at.ts";
import {
  DATASET_ID,
  eventually,
  isAvailable,
  linesOf,
  shell,
  shellCommand,
  type Start,
  test,
} from "../../support/program.ts";
import {
  startAlternatingServer,
  startEmulator,
  startServer,
  startWaitingServer,
} from "../../support/targets.ts";
import { screenAtExit, Terminal } from "../../support/terminal.ts";

const COLUMNS = 80;

const ignore = !await isAvailable("tmux -V", "the program on a terminal");
const hasScript = await isAvailable("script --version", "a terminal without a size");

/** Responds with what takes the most room in a table, `invalid_response`. */
function startBrokenServer() {
  return startServer(() => new Response("not JSON"));
}

function settings(apiUrl: string, more: Record<string, string> = {}): Record<string, string> {
  return { DATASET_ID, OKDATA_API_URL: apiUrl, TASK_INTERVAL_SECONDS: "0.05", ...more };
}

test("--count shows its progress on a terminal and leaves only the results", async () => {
  await using platform = startWaitingServer();
  await using terminal = await Terminal.start({
    args: ["--count", "3"],
    env: settings(platform.url),
  });
  for (let done = 1; done <= 2; done++) {
    await eventually("a request", () => platform.waiting() > 0);
    platform.release();
    const screen = await eventually(`${done} of 3`, async () => {
      const seen = await terminal.screen();
      return seen.includes(`${done} of 3 tasks`) && seen;
    });
    assertEquals(linesOf(screen).length, done + 1);
  }
  await eventually("the last request", () => platform.waiting() > 0);
  platform.release();

  const lines = (await screenAtExit(terminal, "screen")).split("\n");
  const result = (seqno: number) => new RegExp(`^#${seqno} ${DATASET_ID} SUCCEEDED in [\\d.]+ s$`);
  for (let i = 0; i < 3; i++) assertMatch(at(lines, i), result(i + 1));
  const summary = `${DATASET_ID}: working, 3 of 3 tasks succeeded; ${platform.url}/${DATASET_ID}`;
  assertEquals(lines.slice(3), [summary, "exit 0"]);
}, { ignore });

test("--json on a terminal leaves only the document", async () => {
  await using emulator = startEmulator();
  await using terminal = await Terminal.start({
    args: ["--once", "--json"],
    env: settings(emulator.apiUrl),
  });

  const text = await screenAtExit(terminal, "scrollback");
  const { tasks } = JSON.parse(text.replace(/exit 0$/, ""));
  assertEquals(tasks.length, 1);
}, { ignore });

test("--count writes results to a file and its progress to the terminal", async () => {
  await using platform = startWaitingServer();
  const file = await Deno.makeTempFile();
  try {
    const start: Start = { args: ["--count", "2"], env: settings(platform.url) };
    await using terminal = await Terminal.start(start, { redirect: `>${file}` });
    await eventually("a request", () => platform.waiting() > 0);
    platform.release();
    await eventually("progress", async () => /^1 of 2 tasks$/m.test(await terminal.screen()));
    await eventually("the last request", () => platform.waiting() > 0);
    platform.release();

    assertEquals(await screenAtExit(terminal, "screen"), "exit 0");
    assertMatch(await Deno.readTextFile(file), /^#1 [\w .]+\n#2 [\w .]+\nabc123: working, .*\n$/);
  } finally {
    await Deno.remove(file);
  }
}, { ignore });

const OUTCOMES = [
  ["successes", startEmulator],
  ["failures", startBrokenServer],
  ["successes and failures", startAlternatingServer],
] as const;

for (
  const [what, datasetIds] of [
    ["one dataset", DATASET_ID],
    ["two datasets", "abc,def"],
    ["two datasets with long IDs", `${"a".repeat(60)}-1,${"a".repeat(60)}-2`],
  ] as const
) {
  for (const [outcomes, start] of OUTCOMES) {
    test(`--table of ${what} fits 80 columns with ${outcomes}`, async () => {
      await using target = start();
      await using terminal = await Terminal.start({
        args: ["--count", "5", "--table"],
        env: settings("apiUrl" in target ? target.apiUrl : target.url, { DATASET_ID: datasetIds }),
      });

      const lines = linesOf(await screenAtExit(terminal, "scrollback"));
      const table = lines.slice(lines.findIndex((line) => /^ *# .*State/.test(line)), -1);
      assertEquals(table.length, 1 + 5 * datasetIds.split(",").length);
      for (const line of table) assert(line.length <= COLUMNS, `${line.length}: ${line}`);
    }, { ignore });
  }
}

test("--table is coloured on a terminal, but not with NO_COLOR", async () => {
  await using target = startBrokenServer();
  const args = ["--once", "--table"];
  await using colorful = await Terminal.start({ args, env: settings(target.url) });
  await using plain = await Terminal.start({ args, env: settings(target.url, { NO_COLOR: "1" }) });

  assertStringIncludes(await screenAtExit(colorful, "colors"), "\u001b[31mFAILED\u001b[");
  const text = await screenAtExit(plain, "colors");
  assertMatch(text, /FAILED/);
  assert(!text.includes("\u001b"), JSON.stringify(text));
}, { ignore });

test("the log is coloured on a terminal, but not with NO_COLOR", async () => {
  await using target = startBrokenServer();
  const env = settings(target.url, { PORT: "0", TASK_INTERVAL_SECONDS: "3600" });
  await using colorful = await Terminal.start({ env });
  await using plain = await Terminal.start({ env: { ...env, NO_COLOR: "1" } });
  for (const terminal of [colorful, plain]) {
    await eventually("a failure", async () => / failed /.test(await terminal.screen()));
    await terminal.press("C-c");
  }

  const warning = linesOf(await screenAtExit(colorful, "colors"))
    .find((line) => line.includes(" warning FAILING: "));
  assertEquals(warning?.slice(0, 5), "\u001b[33m");
  const text = await screenAtExit(plain, "colors");
  assertMatch(text, / warning FAILING: [^;]*; task 1 /);
  assert(!text.includes("\u001b"), JSON.stringify(text));
}, { ignore });

test("the main loop logs text on a terminal and stops on Ctrl-C", async () => {
  await using emulator = startEmulator();
  await using terminal = await Terminal.start({
    args: ["--table"],
    env: settings(emulator.apiUrl, { PORT: "0", TASK_INTERVAL_SECONDS: "3600" }),
  });
  await eventually("the table", async () => /^1 +SUCC/m.test(await terminal.screen()));
  await terminal.press("C-c");

  const lines = linesOf(await screenAtExit(terminal, "screen"));
  assertMatch(at(lines, 0), /^\d\d:\d\d:\d\d\.\d{3} info +dataplatform-probe \S+ probes http/);
  assertEquals(lines.at(-1), "exit 0");
  assertMatch(lines.at(-2) ?? "", /^\d\d:\d\d:\d\d\.\d{3} info +stopped$/);
}, { ignore });

test("a dumb terminal gets no colour and no movement of a cursor", async () => {
  await using target = startBrokenServer();
  const command = shellCommand({
    args: ["--count", "2", "--table"],
    env: settings(target.url, {
      TERM: "dumb",
      RETRIES: "0",
      LOG_FORMAT: "text",
      LOG_LEVEL: "debug",
    }),
  });
  const quoted = `'${command.replaceAll("'", "'\\''")}'`;
  const { code, stdout } = await shell(
    `script --quiet --return --command "stty cols 80; "${quoted} /dev/null`,
  );

  assertEquals(code, 6);
  assertMatch(stdout, / debug +an attempt of task 1 ended /);
  assertMatch(stdout, /^2 +FAILED .* invalid_response\r$/m);
  assert(!stdout.includes("\u001b") && !/\r(?!\n)/.test(stdout), JSON.stringify(stdout));
}, { ignore: !hasScript });

test("--table on a terminal of unknown size is 80 columns wide", async () => {
  await using emulator = startEmulator();
  const ids = ["1", "2"].map((end) => "a".repeat(60) + end);
  const command = shellCommand({
    args: ["--once", "--table"],
    env: settings(emulator.apiUrl, { DATASET_ID: ids.join(), NO_COLOR: "1" }),
  });
  const quoted = `'${command.replaceAll("'", "'\\''")}'`;
  const { code, stdout } = await shell(
    `script --quiet --return --command "stty cols 0 rows 0; stty size; "${quoted} /dev/null`,
  );

  const lines = stdout.replaceAll("\r", "").split("\n");
  assertEquals([code, lines[0]], [0, "0 0"]);
  const heading = lines.findIndex((line) => /^# +Dataset /.test(line));
  const rows = lines.slice(heading + 1, heading + 3);
  for (const row of rows) {
    assertMatch(row, /…/);
    assert(row.length > COLUMNS / 2 && row.length <= COLUMNS, row);
  }
}, { ignore: !hasScript });
