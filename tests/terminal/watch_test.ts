import { assert, assertEquals, assertRejects } from "@std/assert";
import type { TaskList } from "../../src/probe_client/task_list.ts";
import { ProbeClientError } from "../../src/probe_client/errors.ts";
import { Screen } from "../../src/terminal/screen.ts";
import { rowOf } from "../../src/terminal/table.ts";
import { watchOnScreen, watchPlainly } from "../../src/terminal/watch.ts";
import { fakeGround, settle } from "../support/fake_runtime.ts";
import { pending, succeeded } from "../support/tasks.ts";

const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE = "\x1b[2J\x1b[H\x1b[?7h\x1b[?25h\x1b[?1049l";

function listingWith(tasks: number): TaskList {
  const rows = Array.from({ length: tasks }, (_, i) => rowOf(succeeded(pending({ seqno: i + 1 }))));
  return { rows, older: 0, tracked: null, severalDatasets: false, appId: "0a1b2c3d" };
}

/** A watch that asks `look`, on a screen whose size a test may change. */
function startWatch(look: () => Promise<TaskList>) {
  const fakes = fakeGround();
  const { runtime, stdout } = fakes;
  const size = { columns: 80, rows: 24 };
  const stop = new AbortController();
  const wanted: { rows: number; durations: number }[] = [];
  let resized = () => {};
  const screen = new Screen({
    ...{ stdout, size: () => size, color: false },
    onResize: (callback) => void (resized = callback),
  });
  const ended = watchOnScreen(
    {
      ...{ url: "http://localhost:8000", filter: "", mostRows: null, utc: true },
      async look(each) {
        wanted.push(each);
        const taskList = await look();
        return { taskList, recent: taskList.rows };
      },
    },
    runtime,
    screen,
    stop.signal,
  );
  return {
    ...{ ...fakes, wanted, ended },
    stop: () => stop.abort("SIGINT"),
    resize(columns: number, rows: number) {
      Object.assign(size, { columns, rows });
      resized();
    },
    /** The lines of every frame so far, as a terminal of enough columns would show them. */
    frames: () =>
      stdout.text.split("\x1b[?2026h").slice(1).map((text) =>
        // deno-lint-ignore no-control-regex
        text.split("\x1b[?2026l")[0].split(/\x1b\[\d+;1H/).slice(1).map((line) =>
          line.replace("\x1b[K", "")
        )
      ),
  };
}

Deno.test("a watch draws each second, takes the screen once and gives it back", async () => {
  let tasks = 0;
  const watch = startWatch(() => Promise.resolve(listingWith(++tasks)));
  await watch.clock.run(2_500);
  assertEquals(watch.frames().length, 3);
  watch.stop();
  assertEquals(await watch.ended, 0);
  assert(watch.stdout.text.startsWith(ENTER));
  assert(watch.stdout.text.endsWith(LEAVE));
  assertEquals(watch.stdout.text.split(ENTER).length, 2);
  assertEquals(watch.frames()[2].filter((line) => /^\d /.test(line)).length, 3);
  assertEquals(watch.wanted[0], { rows: 24, durations: 80 });
});

Deno.test("a frame has a line for each of the terminal's, so that nothing old stays", async () => {
  const watch = startWatch(() => Promise.resolve(listingWith(1)));
  await settle();
  assertEquals(watch.frames()[0].length, 24);
  const [, first] = watch.stdout.text.split("\x1b[1;1H");
  // The first line is full: clearing behind it would take its last character.
  assert(first.startsWith("http://") && !first.split("\x1b[2;1H")[0].includes("\x1b[K"));
  watch.stop();
  await watch.ended;
});

Deno.test("a terminal that changes is drawn on at once, and asked about at the next look", async () => {
  const watch = startWatch(() => Promise.resolve(listingWith(30)));
  await settle();
  watch.resize(40, 10);
  assertEquals(watch.frames().length, 2);
  assertEquals(watch.frames()[1].length, 10);
  for (const line of watch.frames()[1]) assert(line.length <= 40, line);
  await watch.clock.run(1_000);
  assertEquals(watch.wanted, [{ rows: 24, durations: 80 }, { rows: 10, durations: 40 }]);
  watch.stop();
  await watch.ended;
  const frames = watch.frames().length;
  watch.resize(50, 20);
  assertEquals(watch.frames().length, frames, "the screen is the shell's again");
});

Deno.test("a second look waits for the first, however long that takes", async () => {
  let looking = 0;
  let most = 0;
  const releases: (() => void)[] = [];
  const watch = startWatch(async () => {
    most = Math.max(most, ++looking);
    await new Promise<void>((resolve) => releases.push(resolve));
    looking--;
    return listingWith(1);
  });
  for (let round = 0; round < 3; round++) {
    await watch.clock.run(10_000);
    assertEquals([most, releases.length], [1, round + 1]);
    releases[round]();
  }
  await watch.clock.run(0);
  watch.stop();
  releases[3]();
  await watch.ended;
});

Deno.test("a probe that is lost is said to be lost until it is found", async () => {
  let error: Error | null = null;
  const watch = startWatch(() => error ? Promise.reject(error) : Promise.resolve(listingWith(2)));
  const last = () => watch.frames().at(-1) ?? [];
  await watch.clock.run(500);
  error = new ProbeClientError(5, "no probe answers at http://localhost:8000: refused", "refused");
  await watch.clock.run(1_000);
  assertEquals(last()[1], "LOST since 12:00:01, trying again: refused");
  const tasks = last().filter((line) => /^\d /.test(line));
  assertEquals(tasks.length, 2);
  error = new ProbeClientError(6, "what answers is a web page", "a web page");
  await watch.clock.run(1_000);
  assertEquals(last()[1], "LOST since 12:00:01, trying again: a web page");
  assertEquals(last()[0].slice(-26), "2026-10-24 12:00:00 +00:00");
  error = null;
  await watch.clock.run(1_000);
  assertEquals(last()[1].includes("LOST"), false);
  assertEquals(last()[0].slice(-26), "2026-10-24 12:00:03 +00:00");
  watch.stop();
  assertEquals(await watch.ended, 0);
});

Deno.test("a watch whose first look fails leaves the screen alone and says why", async () => {
  const error = new ProbeClientError(5, "nobody there");
  const watch = startWatch(() => Promise.reject(error));
  assertEquals(await assertRejects(() => watch.ended), error);
  assertEquals(watch.stdout.text, "");
});

Deno.test("an error that nobody foresaw ends the watch, with the screen given back", async () => {
  let error: Error | null = null;
  const watch = startWatch(() => error ? Promise.reject(error) : Promise.resolve(listingWith(1)));
  await settle();
  error = new TypeError("a mistake");
  const failed = assertRejects(() => watch.ended, TypeError);
  await watch.clock.run(1_000);
  await failed;
  assert(watch.stdout.text.endsWith(LEAVE));
});

Deno.test("a watch ends when nobody can see it any more", async () => {
  const watch = startWatch(() => Promise.resolve(listingWith(1)));
  watch.stdout.flush = () => Promise.resolve(new Error("EIO"));
  await watch.clock.run(1_000);
  assertEquals(await watch.ended, 0);
});

Deno.test("a terminal that takes no text gets no more of it, and holds up no end", async () => {
  const watch = startWatch(() => Promise.resolve(listingWith(1)));
  watch.stdout.flush = () => new Promise(() => {});
  await watch.clock.run(10_000);
  assertEquals(watch.frames().length, 1);
  watch.stop();
  assertEquals(await watch.ended, 0);
  assert(watch.stdout.text.endsWith(LEAVE));
});

Deno.test("a watch that is no picture prints only what has changed", async () => {
  const { runtime, clock, stdout, logged } = fakeGround();
  const stop = new AbortController();
  let tasks = 1;
  let error: Error | null = null;
  const ended = watchPlainly(
    {
      look: () => error ? Promise.reject(error) : Promise.resolve(listingWith(tasks)),
      table: ({ rows }, nowMs) => [`${rows.length} at ${nowMs % 60_000}`],
    },
    runtime,
    stop.signal,
  );
  await clock.run(2_000);
  assertEquals(stdout.text, "1 at 0\n");
  tasks = 2;
  await clock.run(1_000);
  error = new ProbeClientError(5, "nobody answers", "refused");
  await clock.run(3_000);
  error = null;
  await clock.run(2_000);
  assertEquals(stdout.text, "1 at 0\n\n2 at 3000\n");
  assertEquals(logged.map(({ level, message }) => [level, message]), [
    ["warn", "lost the probe, trying again: refused"],
    ["info", "the probe answers again"],
  ]);
  stop.abort("SIGINT");
  assertEquals(await ended, 0);
});
