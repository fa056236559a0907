import { assert, assertEquals, assertMatch } from "@std/assert";
import stringWidth from "string-width";
import fc from "npm:fast-check@4.10.2";
import { frameOf, type FrameOptions, type Watched } from "../../src/terminal/frame.ts";
import { type Row, rowOf } from "../../src/terminal/table.ts";
import { anyRow } from "../support/rows.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

const SEEN_MS = Date.UTC(2026, 10, 23, 22, 1, 30);

/** Tasks with these durations; a failure for each null. */
function rowsOf(durations: (number | null)[]): Row[] {
  return durations.map((seconds, i) => {
    const task = pending({ seqno: i + 1 });
    return rowOf(seconds === null ? failed(task) : succeeded(task, seconds));
  });
}

function watchedWith(
  rows: Row[],
  { tracked = null, older = 0, ...fields }: Partial<Watched & Watched["taskList"]> = {},
): Watched {
  return {
    url: "http://localhost:8000",
    filter: "",
    taskList: { rows, older, tracked, severalDatasets: false, appId: "0a1b2c3d" },
    recent: rows,
    seenMs: SEEN_MS,
    lost: null,
    ...fields,
  };
}

function frame(watched: Watched, options: Partial<FrameOptions> = {}): string[] {
  return frameOf(watched, {
    ...{ columns: 80, rows: 24, mostRows: null, utc: true, color: false },
    ...options,
  });
}

Deno.test("a frame says where, when, how well, how fast, and what happened", () => {
  const watched = watchedWith(rowsOf([0.125, 1, null]), {
    tracked: { PENDING: 1, SUCCEEDED: 1_999, FAILED: 1 },
    older: 1_998,
  });
  assertEquals(frame(watched), [
    "http://localhost:8000  0a1b2c3d                       2026-11-23 22:01:30 +00:00",
    "99.9 % succeeded   1 failed   1 pending   2001 tracked",
    "▂█×  up to 1.00 s",
    "",
    "#  State      Created   Succeeded  Failed    Duration  Attempts  Reason",
    "1  SUCCEEDED  22:01:05  22:01:05               125 ms         1",
    "2  SUCCEEDED  22:01:05  22:01:06               1.00 s         1",
    "3  FAILED     22:01:05             22:01:05    125 ms         1  server_error",
    "… and 1998 older",
  ]);
});

Deno.test("a frame of a probe that does not tell its totals counts what it has seen", () => {
  const lines = frame(watchedWith(rowsOf([1, null, 1]), { older: null }));
  assertEquals(lines[1], "66.6 % succeeded   1 failed   0 pending   3 looked at");
  assertEquals(lines.at(-1), "… and older ones");
  assertEquals(frame(watchedWith([]))[1].split("   ")[0], "no task has settled yet");
});

Deno.test("a frame without a task says that none fits, where only some are asked for", () => {
  const filter = " (shown: failed)";
  assertMatch(frame(watchedWith([], { filter }))[4], /^no tracked task fits$/);
  const lines = [
    ...frame(watchedWith([])),
    ...frame(watchedWith(rowsOf([1]), { filter })),
    ...frame(watchedWith([], { filter, older: null })),
  ];
  assertEquals(lines.filter((line) => line.includes("fits")), []);
});

Deno.test("a frame holds the newest tasks that fit, and counts all others", () => {
  const rows = rowsOf(Array(100).fill(1));
  const lines = frame(watchedWith(rows, { older: 7 }));
  assertEquals(lines.length, 24);
  assertMatch(lines.at(-2) ?? "", /^100 /);
  assertMatch(lines[5], /^ 83 /);
  assertEquals(lines.at(-1), "… and 89 older");
  // The last place is no line for the rest when there is no rest.
  assertEquals(frame(watchedWith(rows.slice(0, 19))).at(-1)?.slice(0, 3), "19 ");
  assertEquals(frame(watchedWith(rows, { older: 7 }), { mostRows: 2 }).slice(5).length, 3);
});

Deno.test("a lost probe is the second line of the frame, and the tasks stay", () => {
  const rows = rowsOf([1, 1]);
  const lost = { sinceMs: SEEN_MS + 60_000, why: `it ${"failed ".repeat(20)}with ECONNREFUSED` };
  const lines = frame(watchedWith(rows, { lost }));
  assertMatch(lines[1], /^LOST since 22:02:30, trying again: it fa.*…/);
  assertEquals([lines[0], ...lines.slice(2)], frame(watchedWith(rows)));
  const days = frame(watchedWith(rows, { lost: { sinceMs: SEEN_MS + 864e5, why: "" } }));
  assertMatch(days[1], /^LOST since 11-24 22:01:30,/);
});

Deno.test("colour adds nothing but colour, and reddens what fails", () => {
  const watched = watchedWith(rowsOf([1, null]), { lost: { sinceMs: SEEN_MS, why: "gone" } });
  const colored = frame(watched, { color: true });
  // deno-lint-ignore no-control-regex
  assertEquals(colored.map((line) => line.replace(/\x1b\[[\d;]*m/g, "")), frame(watched));
  assert(colored[1].startsWith("\x1b[1;7;31mLOST"));
  assert(colored[2].includes("\x1b[31m1 failed\x1b[0m"));
  assert(colored[3].startsWith("█\x1b[31m×\x1b[0m"));
});

Deno.test("bars show the newest durations, from nothing to the longest success", () => {
  const durations = [9, ...Array.from({ length: 8 }, (_, i) => i / 8 + 0.1), null];
  assertEquals(
    frame(watchedWith(rowsOf(durations)), { columns: 23 })[2],
    "▁▂▃▄▅▆▇█×  up to 975 ms",
  );
});

const size = fc.record({
  columns: fc.integer({ min: 1, max: 220 }),
  rows: fc.integer({ min: 1, max: 60 }),
});

Deno.test("no frame is larger than the terminal, whatever it shows", () => {
  const count = fc.maxSafeNat();
  fc.assert(
    fc.property(
      fc.array(anyRow, { maxLength: 70 }),
      size,
      fc.record({
        tracked: fc.option(fc.record({ PENDING: count, SUCCEEDED: count, FAILED: count })),
        older: fc.option(count),
        severalDatasets: fc.boolean(),
        appId: fc.constantFrom("", "0a1b2c3d", "データ".repeat(40)),
      }),
      fc.record({
        url: fc.webUrl(),
        filter: fc.constantFrom("", " (shown: failed)"),
        lost: fc.option(fc.record({ sinceMs: fc.constant(SEEN_MS), why: fc.lorem() })),
      }),
      fc.record({
        mostRows: fc.option(fc.integer({ min: 1, max: 80 })),
        color: fc.boolean(),
      }),
      (rows, { columns, rows: height }, taskList, fields, options) => {
        const watched = {
          ...watchedWith(rows, fields),
          taskList: { ...taskList, rows },
        };
        const lines = frame(watched, { columns, rows: height, ...options });
        assert(lines.length <= height, `${lines.length} of ${height}`);
        for (const line of lines) assert(stringWidth(line) <= columns, `${columns}: ${line}`);
      },
    ),
    { numRuns: 500 },
  );
});
