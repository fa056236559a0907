import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  DATASET_ID,
  eventually,
  isAvailable,
  linesOf,
  shell,
  shellCommand,
  type Start,
  test,
} from "./program.ts";
import { answerDataset, startEmulator, startGate, startServer } from "./targets.ts";
import { Terminal } from "./terminal.ts";

const COLUMNS = 80;

const ignore = !await isAvailable("tmux -V", "the program on a terminal");
const hasScript = await isAvailable("script --version", "a terminal without a size");

/** Waits for the end of the program in a terminal; the text is what `show` then shows. */
async function afterTheEnd(terminal: Terminal, show: "screen" | "scrollback" | "colors") {
  await eventually("the end", async () => /^exit \d+$/m.test(await terminal.screen()));
  return await terminal[show]();
}

/** Answers with the reason that takes the most room in a table. */
function startBrokenServer() {
  return startServer(() => new Response("not JSON"));
}

/** Answers every other request as that one does, so that every column of a table is filled. */
function startFickleServer() {
  return startServer((request, count) =>
    count % 2 === 0 ? answerDataset(request) : new Response("not JSON")
  );
}

function settings(apiUrl: string, more: Record<string, string> = {}): Record<string, string> {
  return { DATASET_ID, OKDATA_API_URL: apiUrl, TASK_INTERVAL_SECONDS: "0.05", ...more };
}

test("--count shows on a terminal how far it is, and leaves only the results", async () => {
  await using gate = startGate();
  await using terminal = await Terminal.start({ args: ["--count", "3"], env: settings(gate.url) });
  for (let done = 1; done <= 2; done++) {
    await eventually("a request", () => gate.waiting() > 0);
    gate.release();
    const screen = await eventually(`${done} of 3`, async () => {
      const seen = await terminal.screen();
      return seen.includes(`${done} of 3 tasks`) && seen;
    });
    assertEquals(linesOf(screen).length, done + 1);
  }
  await eventually("the last request", () => gate.waiting() > 0);
  gate.release();

  const lines = (await afterTheEnd(terminal, "screen")).split("\n");
  const result = (seqno: number) => new RegExp(`^#${seqno} ${DATASET_ID} SUCCEEDED in [\\d.]+ s$`);
  for (let i = 0; i < 3; i++) assertMatch(lines[i], result(i + 1));
  assertEquals(lines.slice(3), ["exit 0"]);
}, { ignore });

test("--json on a terminal leaves only the document", async () => {
  await using emulator = startEmulator();
  await using terminal = await Terminal.start({
    args: ["--once", "--json"],
    env: settings(emulator.apiUrl),
  });

  const text = await afterTheEnd(terminal, "scrollback");
  const { tasks } = JSON.parse(text.replace(/exit 0$/, ""));
  assertEquals(tasks.length, 1);
}, { ignore });

test("progress goes to the terminal while the results go to a file, unmixed", async () => {
  await using gate = startGate();
  const file = await Deno.makeTempFile();
  try {
    const start: Start = { args: ["--count", "2"], env: settings(gate.url) };
    await using terminal = await Terminal.start(start, `>${file}`);
    await eventually("a request", () => gate.waiting() > 0);
    gate.release();
    await eventually("progress", async () => /^1 of 2 tasks$/m.test(await terminal.screen()));
    await eventually("the last request", () => gate.waiting() > 0);
    gate.release();

    assertEquals(await afterTheEnd(terminal, "screen"), "exit 0");
    assertMatch(await Deno.readTextFile(file), /^#1 [\w .]+\n#2 [\w .]+\n$/);
  } finally {
    await Deno.remove(file);
  }
}, { ignore });

const OUTCOMES = [
  ["successes", startEmulator],
  ["failures", startBrokenServer],
  ["successes and failures", startFickleServer],
] as const;

for (
  const [what, datasetIds] of [
    ["one dataset", DATASET_ID],
    ["two datasets", "abc,def"],
    ["two datasets with long IDs", `${"a".repeat(60)}-1,${"a".repeat(60)}-2`],
  ]
) {
  for (const [outcomes, start] of OUTCOMES) {
    test(`--table of ${what} fits 80 columns with ${outcomes}`, async () => {
      await using target = start();
      await using terminal = await Terminal.start({
        args: ["--count", "5", "--table"],
        env: settings("apiUrl" in target ? target.apiUrl : target.url, { DATASET_ID: datasetIds }),
      });

      const lines = linesOf(await afterTheEnd(terminal, "scrollback"));
      const table = lines.slice(lines.findIndex((line) => /^ *# .*State/.test(line)), -1);
      assertEquals(table.length, 1 + 5 * datasetIds.split(",").length);
      for (const line of table) assert(line.length <= COLUMNS, `${line.length}: ${line}`);
    }, { ignore });
  }
}

test("on a terminal there is colour, and with NO_COLOR there is none", async () => {
  await using target = startBrokenServer();
  const args = ["--once", "--table"];
  await using colorful = await Terminal.start({ args, env: settings(target.url) });
  await using plain = await Terminal.start({ args, env: settings(target.url, { NO_COLOR: "1" }) });

  assertStringIncludes(await afterTheEnd(colorful, "colors"), "\u001b[31mFAILED\u001b[");
  const text = await afterTheEnd(plain, "colors");
  assertMatch(text, /FAILED/);
  assert(!text.includes("\u001b"), JSON.stringify(text));
}, { ignore });

test("the log on a terminal is coloured, and with NO_COLOR it is not", async () => {
  await using target = startBrokenServer();
  const env = settings(target.url, { PORT: "0", TASK_INTERVAL_SECONDS: "3600" });
  await using colorful = await Terminal.start({ env });
  await using plain = await Terminal.start({ env: { ...env, NO_COLOR: "1" } });
  for (const terminal of [colorful, plain]) {
    await eventually("a failure", async () => / failed /.test(await terminal.screen()));
    await terminal.press("C-c");
  }

  const warning = linesOf(await afterTheEnd(colorful, "colors"))
    .find((line) => line.includes(" warning FAILING: task 1 "));
  assertEquals(warning?.slice(0, 5), "\u001b[33m");
  const text = await afterTheEnd(plain, "colors");
  assertMatch(text, / warning FAILING: task 1 /);
  assert(!text.includes("\u001b"), JSON.stringify(text));
}, { ignore });

test("the main loop on a terminal logs text, and Ctrl-C stops it", async () => {
  await using emulator = startEmulator();
  await using terminal = await Terminal.start({
    args: ["--table"],
    env: settings(emulator.apiUrl, { PORT: "0", TASK_INTERVAL_SECONDS: "3600" }),
  });
  await eventually("the table", async () => /^1 +SUCC/m.test(await terminal.screen()));
  await terminal.press("C-c");

  const lines = linesOf(await afterTheEnd(terminal, "screen"));
  assertMatch(lines[0], /^\d\d:\d\d:\d\d\.\d{3} info +dataplatform-probe \S+ probes http/);
  assertEquals(lines.at(-1), "exit 0");
  assertMatch(lines.at(-2) ?? "", /^\d\d:\d\d:\d\d\.\d{3} info +stopped$/);
}, { ignore });

test("a terminal that says 0 by 0 counts as 80 columns wide", async () => {
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
