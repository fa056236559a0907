import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { taskToRow } from "../../src/core/task_row.ts";
import type { TaskList } from "../../src/probe_client/task_list.ts";
import { ProbeClientError } from "../../src/probe_client/errors.ts";
import { Screen } from "../../src/terminal/screen.ts";
import { type FrameCapacity, watchAsText, watchOnScreen } from "../../src/terminal/watch.ts";
import { at } from "../support/at.ts";
import { createFakeRuntime, settle } from "../support/fake_runtime.ts";
import { pending, succeeded } from "../support/tasks.ts";

const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE = "\x1b[2J\x1b[H\x1b[?7h\x1b[?25h\x1b[?1049l";

function taskListOf(tasks: number): TaskList {
  const rows = Array.from(
    { length: tasks },
    (_, i) => taskToRow(succeeded(pending({ seqno: i + 1 }))),
  );
  return { rows, older: 0, tracked: null, severalDatasets: false, appId: "0a1b2c3d" };
}

/** A watch of what `read` returns, on a screen whose size a test may change. */
function startWatch(read: () => Promise<TaskList>) {
  const fakes = createFakeRuntime();
  const { runtime, stdout } = fakes;
  const size = { columns: 80, rows: 24 };
  const stop = new AbortController();
  const capacities: FrameCapacity[] = [];
  let resized = () => {};
  const screen = new Screen({
    stdout,
    size: () => size,
    color: false,
    ascii: false,
    onResize: (callback) => void (resized = callback),
  });
  const ended = watchOnScreen(
    {
      url: "http://localhost:8000",
      filter: "",
      maxTasks: null,
      utc: true,
      async poll(capacity) {
        capacities.push(capacity);
        const taskList = await read();
        return { taskList, recent: taskList.rows, status: null };
      },
    },
    runtime,
    screen,
    stop.signal,
  );
  return {
    ...fakes,
    capacities,
    ended,
    stop: () => stop.abort("SIGINT"),
    resize(columns: number, rows: number) {
      Object.assign(size, { columns, rows });
      resized();
    },
    /** The lines of every frame so far. */
    frames: () =>
      stdout.text.split("\x1b[?2026h").slice(1).map((text) =>
        // deno-lint-ignore no-control-regex
        at(text.split("\x1b[?2026l"), 0).split(/\x1b\[\d+;1H/).slice(1).map((line) =>
          line.replace("\x1b[K", "")
        )
      ),
  };
}

Deno.test("a watch draws once a second and gives the screen back", async () => {
  let tasks = 0;
  const watch = startWatch(() => Promise.resolve(taskListOf(++tasks)));
  await watch.clock.run(2_500);
  assertEquals(watch.frames().length, 3);
  watch.stop();
  assertEquals(await watch.ended, 0);
  assert(watch.stdout.text.startsWith(ENTER));
  assert(watch.stdout.text.endsWith(LEAVE));
  assertEquals(watch.stdout.text.split(ENTER).length, 2);
  assertEquals(at(watch.frames(), 2).filter((line) => /^\d /.test(line)).length, 3);
  assertEquals(watch.capacities[0], { rows: 24, durations: 80 });
});

Deno.test("a watch draws every line of the terminal, so that nothing old stays", async () => {
  const watch = startWatch(() => Promise.resolve(taskListOf(1)));
  await settle();
  assertEquals(at(watch.frames(), 0).length, 24);
  // deno-lint-ignore no-control-regex
  const [, first = ""] = watch.stdout.text.match(/\x1b\[1;1H(.*)\x1b\[2;1H/) ?? [];
  assertMatch(first, /^http:\/\//);
  // The first line is full: clearing the rest of it would clear its last character.
  assert(!first.includes("\x1b[K"), JSON.stringify(first));
  watch.stop();
  await watch.ended;
});

Deno.test("a watch redraws a resized terminal at once and polls for its new size", async () => {
  const watch = startWatch(() => Promise.resolve(taskListOf(30)));
  await settle();
  watch.resize(40, 10);
  assertEquals(watch.frames().length, 2);
  assertEquals(at(watch.frames(), 1).length, 10);
  for (const line of at(watch.frames(), 1)) assert(line.length <= 40, line);
  await watch.clock.run(1_000);
  assertEquals(watch.capacities, [{ rows: 24, durations: 80 }, { rows: 10, durations: 40 }]);
  watch.stop();
  await watch.ended;
  const frames = watch.frames().length;
  watch.resize(50, 20);
  assertEquals(watch.frames().length, frames, "nothing is drawn after the end");
});

Deno.test("a watch never polls twice at once", async () => {
  let polling = 0;
  let maxPolling = 0;
  const releases: (() => void)[] = [];
  const watch = startWatch(async () => {
    maxPolling = Math.max(maxPolling, ++polling);
    await new Promise<void>((resolve) => releases.push(resolve));
    polling--;
    return taskListOf(1);
  });
  for (let round = 0; round < 3; round++) {
    await watch.clock.run(10_000);
    assertEquals([maxPolling, releases.length], [1, round + 1]);
    at(releases, round)();
  }
  await watch.clock.run(0);
  watch.stop();
  at(releases, 3)();
  await watch.ended;
});

Deno.test("a watch says that the probe is lost until it responds again", async () => {
  let error: Error | null = null;
  const watch = startWatch(() => error ? Promise.reject(error) : Promise.resolve(taskListOf(2)));
  const last = () => watch.frames().at(-1) ?? [];
  await watch.clock.run(500);
  error = new ProbeClientError(5, "no probe responds at http://localhost:8000: refused", "refused");
  await watch.clock.run(1_000);
  assertEquals(last()[1], "PROBE LOST since 12:00:01, retrying: refused");
  const tasks = last().filter((line) => /^\d /.test(line));
  assertEquals(tasks.length, 2);
  error = new ProbeClientError(6, "the server sent a web page", "a web page");
  await watch.clock.run(1_000);
  assertEquals(last()[1], "PROBE LOST since 12:00:01, retrying: a web page");
  assertEquals(at(last(), 0).slice(-26), "2026-10-24 12:00:00 +00:00");
  error = null;
  await watch.clock.run(1_000);
  assertEquals(at(last(), 1).includes("LOST"), false);
  assertEquals(at(last(), 0).slice(-26), "2026-10-24 12:00:03 +00:00");
  watch.stop();
  assertEquals(await watch.ended, 0);
});

Deno.test("a watch whose first poll fails rejects without touching the screen", async () => {
  const error = new ProbeClientError(5, "no probe responds");
  const watch = startWatch(() => Promise.reject(error));
  assertEquals(await assertRejects(() => watch.ended), error);
  assertEquals(watch.stdout.text, "");
});

Deno.test("an unexpected error ends the watch and gives the screen back", async () => {
  let error: Error | null = null;
  const watch = startWatch(() => error ? Promise.reject(error) : Promise.resolve(taskListOf(1)));
  await settle();
  error = new TypeError("unexpected");
  const failed = assertRejects(() => watch.ended, TypeError);
  await watch.clock.run(1_000);
  await failed;
  assert(watch.stdout.text.endsWith(LEAVE));
});

Deno.test("a watch ends when its terminal is gone", async () => {
  const watch = startWatch(() => Promise.resolve(taskListOf(1)));
  watch.stdout.flush = () => Promise.resolve(new Error("EIO"));
  await watch.clock.run(1_000);
  assertEquals(await watch.ended, 0);
});

Deno.test("a watch sends nothing more to a blocked terminal, and still ends", async () => {
  const watch = startWatch(() => Promise.resolve(taskListOf(1)));
  watch.stdout.flush = () => new Promise(() => {});
  await watch.clock.run(10_000);
  assertEquals(watch.frames().length, 1);
  watch.stop();
  assertEquals(await watch.ended, 0);
  assert(watch.stdout.text.endsWith(LEAVE));
});

Deno.test("a watch as text prints only what has changed", async () => {
  const { runtime, clock, stdout, logged } = createFakeRuntime();
  const stop = new AbortController();
  let tasks = 1;
  let error: Error | null = null;
  const ended = watchAsText(
    {
      poll: () =>
        error ? Promise.reject(error) : Promise.resolve({
          taskList: taskListOf(tasks),
          status: { environment: null, datasets: [] },
        }),
      render: ({ taskList: { rows } }, nowMs) => [`${rows.length} at ${nowMs % 60_000}`],
    },
    runtime,
    stop.signal,
  );
  await clock.run(2_000);
  assertEquals(stdout.text, "1 at 0\n");
  tasks = 2;
  await clock.run(1_000);
  error = new ProbeClientError(5, "no probe responds", "refused");
  await clock.run(3_000);
  error = null;
  await clock.run(2_000);
  assertEquals(stdout.text, "1 at 0\n\n2 at 3000\n");
  assertEquals(logged.map(({ level, message }) => [level, message]), [
    ["warn", "lost the probe, retrying: refused"],
    ["info", "the probe responds again"],
  ]);
  stop.abort("SIGINT");
  assertEquals(await ended, 0);
});
