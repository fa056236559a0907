import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import stringWidth from "string-width";
import { at } from "../../support/at.ts";
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
} from "../../support/program.ts";
import { startAlternatingServer } from "../../support/targets.ts";
import { screenAtExit, Terminal, type TerminalOptions } from "../../support/terminal.ts";

const ignore = !await isAvailable("tmux -V", "tasks --watch on a terminal");
const hasScript = await isAvailable(
  "script --version",
  "tasks --watch on a terminal without a size",
);

/** The modes of a terminal during a watch, and before and after it. */
const WATCH_MODES = { cursor: false, alternateScreen: true, wrap: false };
const NORMAL_MODES = { cursor: true, alternateScreen: false, wrap: true };

const WHOLE_TIME = / \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d$/;

const BEGIN_FRAME = "\u001b[?2026h";
const END_FRAME = "\u001b[?2026l";
// deno-lint-ignore no-control-regex
const LINE_START = /\u001b\[(\d+);1H/g;

/** A running probe of which every other task fails; it has some of both. */
async function startWatchedProbe(url: string, env: Record<string, string> = {}) {
  const probe = await startLoop({
    env: {
      DATASET_ID,
      OKDATA_API_URL: url,
      TASK_INTERVAL_SECONDS: "0.1",
      RETRIES: "0",
      PORT: "0",
      ...env,
    },
  });
  await eventually("some tasks", async () => {
    const { tracked } = await (await fetch(`${probe.url}/tasks?limit=1`)).json();
    return tracked.SUCCEEDED > 4 && tracked.FAILED > 4;
  });
  return probe;
}

/** Starts a watch of the probe and waits for its first frame. */
async function startWatch(
  url: string,
  { args = [], env = {}, ...options }: TerminalOptions & Start = {},
): Promise<Terminal> {
  const start = { args: ["tasks", "--watch", "--url", url, ...args], env };
  const terminal = await Terminal.start(start, { history: "before the watch", ...options });
  await eventually("a frame", async () => / % succeeded /.test(await terminal.screen()));
  return terminal;
}

/** The lines of the screen; asserts that they fit it. */
async function frameOn(terminal: Terminal, { columns = 80, rows = 24 } = {}): Promise<string[]> {
  const lines = (await terminal.screen()).split("\n");
  assert(lines.length <= rows, `${lines.length}`);
  for (const line of lines) assert(stringWidth(line) <= columns, `${columns}: ${line}`);
  return lines;
}

for (const size of [{ columns: 80, rows: 24 }, { columns: 200, rows: 50 }]) {
  test(`tasks --watch fills ${size.columns}×${size.rows}`, async () => {
    await using target = startAlternatingServer();
    await using probe = await startWatchedProbe(target.url, { TASK_INTERVAL_SECONDS: "0.02" });
    await using terminal = await startWatch(probe.url, size);
    // The frame is full when a line counts the tasks that are not in it.
    await eventually(
      "a full frame",
      async () => /\n… and \d+ older\n/.test(await terminal.screen()),
    );

    const lines = await frameOn(terminal, size);
    assertEquals(lines.length, size.rows);
    assertStringIncludes(at(lines, 0), probe.url);
    assertMatch(at(lines, 0), WHOLE_TIME);
    assertEquals(stringWidth(at(lines, 0)), size.columns);
    assertMatch(
      at(lines, 1),
      /^unsteady +abc123 {2}[▁×]+ {2}.*\d+ (failed )?of \d+ .*, (server_error|invalid_response)$/,
    );
    assertMatch(
      at(lines, 2),
      /^\d+(\.\d+)? % succeeded in \d+ (s|tasks) {3}\d+ failed {3}\d+ pending {3}\d+ tracked$/,
    );
    assertMatch(at(lines, 3), /^[▁▂▃▄▅▆▇█×]*[▁▂▃▄▅▆▇█][▁▂▃▄▅▆▇█×]* {2}up to [\d.]+ m?s$/);
    assertMatch(at(lines, 3), /×/);
    assertMatch(
      at(lines, 5),
      /^ *# +State +Created +Succeeded +Failed +Duration +Attempts +Reason(?: +Message)?$/,
    );
    assertMatch(at(lines, 6), /^… and \d+ older$/);
    const seqnos = lines.slice(7).map((line) => Number(line.match(/^ *(\d+) /)?.[1]));
    assertEquals(seqnos.length, size.rows - 7);
    assertEquals(seqnos, seqnos.map((_, i) => at(seqnos, 0) + i));
    assertEquals(await terminal.modes(), WATCH_MODES);
  }, { ignore });
}

test("tasks --watch redraws by itself and follows the terminal's size", async () => {
  await using target = startAlternatingServer();
  await using probe = await startWatchedProbe(target.url);
  await using terminal = await startWatch(probe.url);
  const clock = async () => (await terminal.screen()).match(/\d\d:\d\d:\d\d/)?.[0];
  const first = await clock();
  await eventually("a later frame", async () => await clock() !== first);

  for (const [columns, rows] of [[40, 10], [200, 50], [20, 4], [80, 24]] as const) {
    await terminal.resize(columns, rows);
    const lines = await eventually(`a frame of ${columns}×${rows}`, async () => {
      const seen = (await terminal.screen()).split("\n");
      const [address = "", _state, counts = ""] = seen;
      // Parts of the frame before may be as wide for a moment.
      const isWhole = columns < 60 || stringWidth(address) === columns && WHOLE_TIME.test(address);
      return isWhole && seen.length <= rows && / % suc/.test(counts) && seen;
    });
    for (const line of lines) assert(stringWidth(line) <= columns, `${columns}: ${line}`);
    if (rows >= 10) assertMatch(lines.join("\n"), /State .*\n(.*\n)*.*(SUCCEEDED|FAILED)/);
  }
}, { ignore });

test("tasks --watch respects --rows and --state", async () => {
  await using target = startAlternatingServer();
  await using probe = await startWatchedProbe(target.url);
  const args = ["--rows", "3", "--state", "failed", "--utc"];
  await using terminal = await startWatch(probe.url, { args });
  const lines = await frameOn(terminal);
  assertMatch(at(lines, 0), /\+00:00$/);
  assertMatch(at(lines, 2), /\(shown: failed\)$/);
  assertMatch(at(lines, 3), /[▁▂▃▄▅▆▇█].*up to/, "the durations are those of all tasks");
  assertMatch(at(lines, 6), /^… and \d+ older$/);
  assertEquals(lines.slice(7).map((line) => / FAILED /.test(line)), [true, true, true]);
}, { ignore });

test("tasks --watch says that the probe is lost and recovers", async () => {
  await using target = startAlternatingServer();
  const probe = await startWatchedProbe(target.url);
  await using terminal = await startWatch(probe.url);
  await probe[Symbol.asyncDispose]();
  const lost = await eventually("the loss", async () => {
    const lines = (await terminal.screen()).split("\n");
    const lossLine = /^PROBE LOST since \d\d:\d\d:\d\d, retrying: connection refused$/;
    return lossLine.test(lines[1] ?? "") && lines;
  });
  assertMatch(lost.join("\n"), /\n *1 +SUCCEEDED|\n *\d+ +FAILED/, "the last tasks stay");
  await frameOn(terminal);

  const { port } = new URL(probe.url);
  await using _again = await startWatchedProbe(target.url, { PORT: port });
  await eventually("the return", async () => {
    const screen = await terminal.screen();
    return !screen.includes("LOST") && / % succeeded /.test(screen);
  });
}, { ignore });

test("Ctrl-C ends tasks --watch and restores the terminal", async () => {
  await using target = startAlternatingServer();
  await using probe = await startWatchedProbe(target.url);
  await using terminal = await startWatch(probe.url);
  assertEquals(await terminal.modes(), WATCH_MODES);
  await terminal.press("C-c");

  assertEquals(await screenAtExit(terminal, "scrollback"), "before the watch\nexit 0");
  assertEquals(await terminal.modes(), NORMAL_MODES);
}, { ignore });

test("tasks --watch leaves nothing behind on a resized terminal", async () => {
  await using target = startAlternatingServer();
  await using probe = await startWatchedProbe(target.url, { TASK_INTERVAL_SECONDS: "0.02" });
  for (const [columns, rows] of [[120, 30], [60, 12]] as const) {
    await using terminal = await startWatch(probe.url);
    await terminal.resize(columns, rows);
    await eventually(`a full frame of ${columns}×${rows}`, async () => {
      const lines = (await terminal.screen()).split("\n");
      return lines.length === rows && stringWidth(at(lines, 0)) === columns;
    });
    await terminal.press("C-c");
    assertEquals(await screenAtExit(terminal, "scrollback"), "before the watch\nexit 0");
    assertEquals(await terminal.modes(), NORMAL_MODES);
  }
}, { ignore });

test("Ctrl-Z does not suspend tasks --watch", async () => {
  await using target = startAlternatingServer();
  await using probe = await startWatchedProbe(target.url);
  await using terminal = await startWatch(probe.url);
  await terminal.press("C-z");
  const newest = async () => Number((await terminal.screen()).match(/\n *(\d+) .*$/)?.[1]);
  const before = await eventually("a task", newest);
  await eventually("a later frame", async () => await newest() > before + 10);
  await terminal.press("C-c");
  assertEquals(await screenAtExit(terminal, "scrollback"), "before the watch\nexit 0");
}, { ignore });

test("tasks --watch on a terminal of unknown size draws 24 lines of 80 columns", async () => {
  await using target = startAlternatingServer();
  await using probe = await startWatchedProbe(target.url);
  const command = shellCommand({ args: ["tasks", "--watch", "--url", probe.url] });
  const inner = `stty cols 0 rows 0; timeout --signal INT 4 ${command}`;
  const { stdout } = await shell(
    `script --quiet --command "${inner.replaceAll('"', '\\"')}" /dev/null`,
  );

  const places = [...at(stdout.split(BEGIN_FRAME), 1).matchAll(LINE_START)].map(([, row]) =>
    Number(row)
  );
  assertEquals(places, Array.from({ length: 24 }, (_, i) => i + 1));
  assertStringIncludes(stdout, probe.url);
  // Every frame is one synchronized update; the end restores the terminal.
  assertEquals(stdout.split(BEGIN_FRAME).length, stdout.split(END_FRAME).length - 1);
  assertMatch(stdout, /\?7h.\[\?25h.\[\?1049l\s*$/);
}, { ignore: !hasScript });

test("tasks --watch is coloured, but not with NO_COLOR", async () => {
  await using target = startAlternatingServer();
  await using probe = await startWatchedProbe(target.url);
  await using colorful = await startWatch(probe.url);
  await using plain = await startWatch(probe.url, { env: { NO_COLOR: "1" } });
  const screen = await colorful.colors();
  for (const colored of ["31mFAILED", "31m×", "32mSUCCEEDED"]) {
    assertStringIncludes(screen, `\u001b[${colored}\u001b[`);
  }
  assert(!(await plain.colors()).includes("\u001b"), JSON.stringify(await plain.colors()));
}, { ignore });

test("tasks --watch on a dumb terminal prints what has changed, and moves no cursor", async () => {
  await using target = startAlternatingServer();
  await using probe = await startWatchedProbe(target.url);
  const start = { args: ["tasks", "--watch", "--url", probe.url], env: { TERM: "dumb" } };
  await using terminal = await Terminal.start({ ...start, args: [...start.args, "--rows", "2"] });
  await eventually("two tables", async () => {
    return ((await terminal.scrollback()).match(/^ *# +State/gm)?.length ?? 0) >= 2;
  });
  assertEquals(await terminal.modes(), NORMAL_MODES);
  assert(!(await terminal.colors()).includes("\u001b"));
}, { ignore });

test("tasks --watch draws plain characters on a terminal without others", async () => {
  await using target = startAlternatingServer();
  await using probe = await startWatchedProbe(target.url);
  const command = shellCommand({ args: ["tasks", "--watch", "--url", probe.url] });
  const inner = `TERM=linux timeout --signal INT 4 ${command}`;
  const { stdout } = await shell(
    `script --quiet --command "${inner.replaceAll('"', '\\"')}" /dev/null`,
  );
  assertMatch(stdout, /unsteady.* {2}.*\..*x/);
  // deno-lint-ignore no-control-regex
  assertEquals(stdout.match(/[^\x00-\x7f]/), null);
}, { ignore: !hasScript });

test("tasks --watch of an unreachable probe leaves the terminal alone", async () => {
  const args = ["tasks", "--watch", "--url", "http://127.0.0.1:9"];
  await using terminal = await Terminal.start({ args }, { history: "before" });
  const screen = await screenAtExit(terminal, "scrollback");
  assertMatch(screen, /^before\ndataplatform-probe: no probe responds at .*\nexit 5$/);
  assertEquals(await terminal.modes(), NORMAL_MODES);
}, { ignore });

test("tasks fits the terminal and changes no mode of it", async () => {
  await using target = startAlternatingServer();
  await using probe = await startWatchedProbe(target.url);
  const args = ["tasks", "--url", probe.url, "--rows", "10"];
  await using terminal = await Terminal.start({ args }, { columns: 60, rows: 24 });
  const lines = linesOf(await screenAtExit(terminal, "scrollback"));
  for (const line of lines) assert(stringWidth(line) <= 60, line);
  assertMatch(lines.at(-2) ?? "", /^… and \d+ older$|^ *\d+ +\w+ /);
  assertEquals(await terminal.modes(), NORMAL_MODES);
}, { ignore });
