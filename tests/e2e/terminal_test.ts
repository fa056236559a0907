import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import stringWidth from "string-width";
import {
  DATASET_ID,
  eventually,
  isAvailable,
  linesOf,
  shell,
  shellCommand,
  type Start,
  startLoop,
  test,
} from "../support/program.ts";
import { answerDataset, startEmulator, startGate, startServer } from "../support/targets.ts";
import { Terminal, type TerminalOptions } from "../support/terminal.ts";

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
  await using shedLoad = startGate();
  await using terminal = await Terminal.start({
    args: ["--count", "3"],
    env: settings(shedLoad.url),
  });
  for (let done = 1; done <= 2; done++) {
    await eventually("a request", () => shedLoad.waiting() > 0);
    shedLoad.release();
    const screen = await eventually(`${done} of 3`, async () => {
      const seen = await terminal.screen();
      return seen.includes(`${done} of 3 tasks`) && seen;
    });
    assertEquals(linesOf(screen).length, done + 1);
  }
  await eventually("the last request", () => shedLoad.waiting() > 0);
  shedLoad.release();

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
  await using shedLoad = startGate();
  const file = await Deno.makeTempFile();
  try {
    const start: Start = { args: ["--count", "2"], env: settings(shedLoad.url) };
    await using terminal = await Terminal.start(start, { redirect: `>${file}` });
    await eventually("a request", () => shedLoad.waiting() > 0);
    shedLoad.release();
    await eventually("progress", async () => /^1 of 2 tasks$/m.test(await terminal.screen()));
    await eventually("the last request", () => shedLoad.waiting() > 0);
    shedLoad.release();

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

/** What a watch does to a terminal, and what a terminal is without it. */
const WATCHED = { cursor: false, secondScreen: true, wrap: false };
const GIVEN_BACK = { cursor: true, secondScreen: false, wrap: true };

const BEGIN_FRAME = "\u001b[?2026h";
const END_FRAME = "\u001b[?2026l";
// deno-lint-ignore no-control-regex
const PLACE = /\u001b\[(\d+);1H/g;

/** A probe with so many tasks, of which every other one has failed, that runs until it is left. */
async function startWatchedProbe(url: string, env: Record<string, string> = {}) {
  const probe = await startLoop({
    env: { ...settings(url, { TASK_INTERVAL_SECONDS: "0.1", RETRIES: "0", PORT: "0" }), ...env },
  });
  await eventually("some tasks", async () => {
    const { tracked } = await (await fetch(`${probe.url}/tasks?limit=1`)).json();
    return tracked.SUCCEEDED > 4 && tracked.FAILED > 4;
  });
  return probe;
}

/** Starts a watch of the probe; it has drawn when this returns. */
async function startWatch(
  url: string,
  { args = [], env = {}, ...options }: TerminalOptions & Start = {},
): Promise<Terminal> {
  const start = { args: ["tasks", "--watch", "--url", url, ...args], env };
  const terminal = await Terminal.start(start, { history: "before the watch", ...options });
  await eventually("a frame", async () => / % succeeded /.test(await terminal.screen()));
  return terminal;
}

/** The lines of a screen on which a whole frame can be seen. */
async function frameOn(terminal: Terminal, { columns = 80, rows = 24 } = {}): Promise<string[]> {
  const lines = (await terminal.screen()).split("\n");
  assert(lines.length <= rows, `${lines.length}`);
  for (const line of lines) assert(stringWidth(line) <= columns, `${columns}: ${line}`);
  return lines;
}

for (const size of [{ columns: 80, rows: 24 }, { columns: 200, rows: 50 }]) {
  test(`tasks --watch fits ${size.columns}×${size.rows}, and grows to it`, async () => {
    await using target = startFickleServer();
    await using probe = await startWatchedProbe(target.url, { TASK_INTERVAL_SECONDS: "0.02" });
    await using terminal = await startWatch(probe.url, size);
    // The frame is full when a line counts the tasks that are not in it.
    await eventually(
      "a full frame",
      async () => /\n… and \d+ older$/.test(await terminal.screen()),
    );

    const lines = await frameOn(terminal, size);
    assertEquals(lines.length, size.rows);
    assertStringIncludes(lines[0], probe.url);
    assertMatch(lines[0], / \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d$/);
    assertEquals(stringWidth(lines[0]), size.columns);
    assertMatch(lines[1], /^\d+\.\d % succeeded {3}\d+ failed {3}\d+ pending {3}\d+ tracked$/);
    assertMatch(lines[2], /^[▁▂▃▄▅▆▇█×]*[▁▂▃▄▅▆▇█][▁▂▃▄▅▆▇█×]* {2}up to [\d.]+ m?s$/);
    assertMatch(lines[2], /×/);
    assertMatch(lines[4], /^ *# +State +Created +Succeeded +Failed +Duration +Attempts +Reason$/);
    const seqnos = lines.slice(5, -1).map((line) => Number(line.match(/^ *(\d+) /)?.[1]));
    assertEquals(seqnos.length, size.rows - 6);
    assertEquals(seqnos, seqnos.map((_, i) => seqnos[0] + i));
    assertEquals(await terminal.modes(), WATCHED);
  }, { ignore });
}

test("tasks --watch goes on by itself and follows the terminal's size", async () => {
  await using target = startFickleServer();
  await using probe = await startWatchedProbe(target.url);
  await using terminal = await startWatch(probe.url);
  const clock = async () => (await terminal.screen()).match(/\d\d:\d\d:\d\d/)?.[0];
  const first = await clock();
  await eventually("a later frame", async () => await clock() !== first);

  for (const [columns, rows] of [[40, 10], [200, 50], [20, 4], [80, 24]]) {
    await terminal.resize(columns, rows);
    // At the newest task or the line under it, the frame ends at the terminal's end.
    const lines = await eventually(`a frame of ${columns}×${rows}`, async () => {
      const seen = (await terminal.screen()).split("\n");
      const isWhole = columns < 60 || stringWidth(seen[0]) === columns;
      return isWhole && seen.length <= rows && / % suc/.test(seen[1]) && seen;
    });
    for (const line of lines) assert(stringWidth(line) <= columns, `${columns}: ${line}`);
    if (rows >= 10) assertMatch(lines.join("\n"), /State .*\n(.*\n)*.*(SUCCEEDED|FAILED)/);
  }
}, { ignore });

test(
  "tasks --watch shows no more rows than it is told, and only the state that is asked for",
  async () => {
    await using target = startFickleServer();
    await using probe = await startWatchedProbe(target.url);
    const args = ["--rows", "3", "--state", "failed", "--utc"];
    await using terminal = await startWatch(probe.url, { args });
    const lines = await frameOn(terminal);
    assertMatch(lines[0], /\+00:00$/);
    assertMatch(lines[1], /\(shown: failed\)$/);
    assertMatch(lines[2], /[▁▂▃▄▅▆▇█].*up to/, "the durations are those of all tasks");
    assertEquals(lines.slice(5, -1).map((line) => / FAILED /.test(line)), [true, true, true]);
    assertMatch(lines[8], /^… and \d+ older$/);
  },
  { ignore },
);

test("tasks --watch says when the probe is lost and finds it again", async () => {
  await using target = startFickleServer();
  const probe = await startWatchedProbe(target.url);
  await using terminal = await startWatch(probe.url);
  await probe[Symbol.asyncDispose]();
  const lost = await eventually("the loss", async () => {
    const lines = (await terminal.screen()).split("\n");
    return /^LOST since \d\d:\d\d:\d\d, trying again: /.test(lines[1]) && lines;
  });
  assertMatch(lost.join("\n"), /\n *1 +SUCCEEDED|\n *\d+ +FAILED/, "the last table stays");
  await frameOn(terminal);

  const { port } = new URL(probe.url);
  await using _again = await startWatchedProbe(target.url, { PORT: port });
  await eventually("the return", async () => {
    const screen = await terminal.screen();
    return !screen.includes("LOST") && / % succeeded /.test(screen);
  });
}, { ignore });

test("Ctrl-C ends a watch and gives the terminal back as it was", async () => {
  await using target = startFickleServer();
  await using probe = await startWatchedProbe(target.url);
  await using terminal = await startWatch(probe.url);
  assertEquals(await terminal.modes(), WATCHED);
  await terminal.press("C-c");

  assertEquals(await afterTheEnd(terminal, "scrollback"), "before the watch\nexit 0");
  assertEquals(await terminal.modes(), GIVEN_BACK);
}, { ignore });

test("a watch on a terminal that has changed leaves nothing of itself", async () => {
  await using target = startFickleServer();
  await using probe = await startWatchedProbe(target.url, { TASK_INTERVAL_SECONDS: "0.02" });
  for (const [columns, rows] of [[120, 30], [60, 12]]) {
    await using terminal = await startWatch(probe.url);
    await terminal.resize(columns, rows);
    await eventually(`a full frame of ${columns}×${rows}`, async () => {
      const lines = (await terminal.screen()).split("\n");
      return lines.length === rows && stringWidth(lines[0]) === columns;
    });
    await terminal.press("C-c");
    assertEquals(await afterTheEnd(terminal, "scrollback"), "before the watch\nexit 0");
    assertEquals(await terminal.modes(), GIVEN_BACK);
  }
}, { ignore });

test("Ctrl-Z does not leave the shell on the watch's screen", async () => {
  await using target = startFickleServer();
  await using probe = await startWatchedProbe(target.url);
  await using terminal = await startWatch(probe.url);
  await terminal.press("C-z");
  const newest = async () => Number((await terminal.screen()).match(/\n *(\d+) .*\n…/)?.[1]);
  const before = await eventually("a task", newest);
  await eventually("a later frame", async () => await newest() > before + 10);
  await terminal.press("C-c");
  assertEquals(await afterTheEnd(terminal, "scrollback"), "before the watch\nexit 0");
}, { ignore });

test("a watch on a terminal that says 0 by 0 draws 24 lines of 80 columns", async () => {
  await using target = startFickleServer();
  await using probe = await startWatchedProbe(target.url);
  const command = shellCommand({ args: ["tasks", "--watch", "--url", probe.url] });
  const inner = `stty cols 0 rows 0; timeout --signal INT 4 ${command}`;
  const { stdout } = await shell(
    `script --quiet --command "${inner.replaceAll('"', '\\"')}" /dev/null`,
  );

  const places = [...stdout.split(BEGIN_FRAME)[1].matchAll(PLACE)].map(([, row]) => Number(row));
  assertEquals(places, Array.from({ length: 24 }, (_, i) => i + 1));
  assertStringIncludes(stdout, probe.url);
  // Every frame is one update, and in the end the terminal is what it was.
  assertEquals(stdout.split(BEGIN_FRAME).length, stdout.split(END_FRAME).length - 1);
  assertMatch(stdout, /\?7h.\[\?25h.\[\?1049l\s*$/);
}, { ignore: !hasScript });

test("a watch is coloured on a terminal, and with NO_COLOR it is not", async () => {
  await using target = startFickleServer();
  await using probe = await startWatchedProbe(target.url);
  await using colorful = await startWatch(probe.url);
  await using plain = await startWatch(probe.url, { env: { NO_COLOR: "1" } });
  const screen = await colorful.colors();
  for (const colored of ["31mFAILED", "31m×", "32mSUCCEEDED"]) {
    assertStringIncludes(screen, `\u001b[${colored}\u001b[`);
  }
  assert(!(await plain.colors()).includes("\u001b"), JSON.stringify(await plain.colors()));
}, { ignore });

test("tasks on a terminal fits it and leaves nothing behind", async () => {
  await using target = startFickleServer();
  await using probe = await startWatchedProbe(target.url);
  const args = ["tasks", "--url", probe.url, "--rows", "10"];
  await using terminal = await Terminal.start({ args }, { columns: 60, rows: 24 });
  const lines = linesOf(await afterTheEnd(terminal, "scrollback"));
  for (const line of lines) assert(stringWidth(line) <= 60, line);
  assertMatch(lines.at(-2) ?? "", /^… and \d+ older$|^ *\d+ +\w+ /);
  assertEquals(await terminal.modes(), GIVEN_BACK);
}, { ignore });

test("a watch that cannot begin leaves the terminal alone", async () => {
  const args = ["tasks", "--watch", "--url", "http://127.0.0.1:9"];
  await using terminal = await Terminal.start({ args }, { history: "before" });
  const screen = await afterTheEnd(terminal, "scrollback");
  assertMatch(screen, /^before\ndataplatform-probe: no probe answers at .*\nexit 5$/);
  assertEquals(await terminal.modes(), GIVEN_BACK);
}, { ignore });
