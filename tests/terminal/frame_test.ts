import { assert, assertEquals, assertMatch } from "@std/assert";
import stringWidth from "string-width";
import fc from "npm:fast-check@4.10.2";
import { type TaskRow, taskToRow } from "../../src/core/task_row.ts";
import { DATASET_STATES } from "../../src/core/verdict/states.ts";
import { type FrameContent, type FrameOptions, renderFrame } from "../../src/terminal/frame.ts";
import { at } from "../support/at.ts";
import { anyRow } from "../support/rows.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

const RESPONDED_MS = Date.UTC(2026, 10, 23, 22, 1, 30);

/** Tasks with these durations; a failure for each null. */
function rowsOf(durations: (number | null)[]): TaskRow[] {
  return durations.map((seconds, i) => {
    const task = pending({ seqno: i + 1 });
    return taskToRow(seconds === null ? failed(task) : succeeded(task, seconds));
  });
}

function contentWith(
  rows: TaskRow[],
  { tracked = null, older = 0, ...fields }: Partial<FrameContent & FrameContent["taskList"]> = {},
): FrameContent {
  return {
    url: "http://localhost:8000",
    filter: "",
    taskList: { rows, older, tracked, severalDatasets: false, appId: "0a1b2c3d" },
    recent: rows,
    datasets: null,
    respondedMs: RESPONDED_MS,
    lost: null,
    ...fields,
  };
}

function frame(content: FrameContent, options: Partial<FrameOptions> = {}): string[] {
  const defaults = { columns: 80, rows: 24, maxTasks: null, utc: true, color: false };
  return renderFrame(content, { ...defaults, ...options });
}

Deno.test("a frame shows address, time, success ratio, durations and tasks", () => {
  const content = contentWith(rowsOf([0.125, 1, null]), {
    tracked: { PENDING: 1, SUCCEEDED: 1_999, FAILED: 1 },
    older: 1_998,
  });
  assertEquals(frame(content), [
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

Deno.test("a frame counts the fetched tasks when the probe reports no totals", () => {
  const lines = frame(contentWith(rowsOf([1, null, 1]), { older: null }));
  assertEquals(lines[1], "66.6 % succeeded   1 failed   0 pending   3 fetched");
  assertEquals(lines.at(-1), "… and older ones");
  assertEquals(at(frame(contentWith([])), 1).split("   ")[0], "no task has settled yet");
});

Deno.test("a frame without tasks says that none matches when a filter is set", () => {
  const filter = " (shown: failed)";
  assertMatch(at(frame(contentWith([], { filter })), 4), /^no tracked task matches$/);
  const lines = [
    ...frame(contentWith([])),
    ...frame(contentWith(rowsOf([1]), { filter })),
    ...frame(contentWith([], { filter, older: null })),
  ];
  assertEquals(lines.filter((line) => line.includes("matches")), []);
});

Deno.test("a frame shows the newest tasks that fit and counts all others", () => {
  const rows = rowsOf(Array(100).fill(1));
  const lines = frame(contentWith(rows, { older: 7 }));
  assertEquals(lines.length, 24);
  assertMatch(lines.at(-2) ?? "", /^100 /);
  assertMatch(at(lines, 5), /^ 83 /);
  assertEquals(lines.at(-1), "… and 89 older");
  // Without older tasks the last line is a task.
  assertEquals(frame(contentWith(rows.slice(0, 19))).at(-1)?.slice(0, 3), "19 ");
  assertEquals(frame(contentWith(rows, { older: 7 }), { maxTasks: 2 }).slice(5).length, 3);
});

Deno.test("a frame of a lost probe says so in its second line and keeps the tasks", () => {
  const rows = rowsOf([1, 1]);
  const lost = {
    sinceMs: RESPONDED_MS + 60_000,
    cause: `it ${"failed ".repeat(20)}with ECONNREFUSED`,
  };
  const lines = frame(contentWith(rows, { lost }));
  assertMatch(at(lines, 1), /^PROBE LOST since 22:02:30, retrying: it .*….* ECONNREFUSED$/);
  assertEquals([lines[0], ...lines.slice(2)], frame(contentWith(rows)));
  const days = frame(contentWith(rows, { lost: { sinceMs: RESPONDED_MS + 864e5, cause: "" } }));
  assertMatch(at(days, 1), /^PROBE LOST since 11-24 22:01:30,/);
});

/** The state of a dataset, since a minute before the probe responded. */
function stateOf(datasetId: string, state = "working", reason: string | null = null) {
  const recent = { windowSeconds: 60, settled: 6, failed: 2, slow: 4 };
  const word = state.replace("_", " ");
  return { datasetId, state, word, sinceMs: RESPONDED_MS - 60_000, recent, reason };
}

Deno.test("a frame has a line with the state of each dataset, and its newest tasks", () => {
  const rows = rowsOf([1, null, 0.5]).map((row, i) => ({ ...row, datasetId: i < 2 ? "a" : "bc" }));
  const datasets = [
    stateOf("a", "failing", "dns"),
    stateOf("bc", "no_news"),
    stateOf("d", "unsteady", "reset"),
    stateOf("e", "slow"),
    stateOf("f"),
    stateOf("g", "starting"),
  ];
  assertEquals(frame(contentWith(rows, { datasets })).slice(1, 7), [
    "failing   a   since 22:00:30 (1 min), dns       █×",
    "no news   bc  since 22:00:30 (1 min)            █",
    "unsteady  d   2 failed of 6 tasks in 60 s, reset",
    "slow      e   4 slow of 6 tasks in 60 s",
    "working   f   since 22:00:30 (1 min)",
    "starting  g",
  ]);
  assertEquals(
    frame(contentWith(rows, { datasets: [stateOf("a")] }))[1],
    [
      "working   a  since 22:00:30 (1 min)",
    ].join(),
  );
});

Deno.test("a frame counts the datasets for which it has no line", () => {
  const datasets = [
    stateOf("a", "failing"),
    ...Array.from({ length: 200 }, (_, i) => stateOf(`b${i}`, i < 7 ? "slow" : "working")),
  ];
  const lines = frame(contentWith(rowsOf([1]), { datasets }));
  assertEquals(lines.slice(1, 9).map((line) => line.split(" ")[0]), [
    "failing",
    ...Array(6).fill("slow"),
    "…",
  ]);
  assertEquals(lines[8], "… and 194 more: 1 slow, 193 working");
});

Deno.test("a frame shows the states of a newer probe as they are", () => {
  const datasets = [stateOf("a", "gloomy")];
  assertMatch(
    at(frame(contentWith([], { datasets }), { color: true }), 1),
    /^gloomy {4}a {2}since/,
  );
});

Deno.test("a coloured frame differs only in colour and shows failures in red", () => {
  const content = contentWith(rowsOf([1, null]), {
    lost: { sinceMs: RESPONDED_MS, cause: "gone" },
    datasets: [stateOf("abc123", "failing", "dns"), stateOf("b")],
  });
  const colored = frame(content, { color: true });
  // deno-lint-ignore no-control-regex
  assertEquals(colored.map((line) => line.replace(/\x1b\[[\d;]*m/g, "")), frame(content));
  assert(at(colored, 1).startsWith("\x1b[1;7;31mPROBE LOST"));
  assert(at(colored, 2).startsWith("\x1b[31mfailing\x1b[0m"));
  assert(at(colored, 2).endsWith("█\x1b[31m×\x1b[0m"));
  assert(at(colored, 4).includes("\x1b[31m1 failed\x1b[0m"));
  assert(at(colored, 5).startsWith("█\x1b[31m×\x1b[0m"));
});

Deno.test("bars show the newest durations relative to the longest success", () => {
  const durations = [9, ...Array.from({ length: 8 }, (_, i) => i / 8 + 0.1), null];
  assertEquals(
    frame(contentWith(rowsOf(durations)), { columns: 23 })[2],
    "▁▂▃▄▅▆▇█×  up to 975 ms",
  );
});

const states = fc.constantFrom(...DATASET_STATES, "gloomy");

const size = fc.record({
  columns: fc.integer({ min: 1, max: 220 }),
  rows: fc.integer({ min: 1, max: 60 }),
});

Deno.test("a frame is never larger than the terminal", () => {
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
        datasets: fc.option(fc.array(
          fc.tuple(fc.constantFrom("a", "データ".repeat(20), "abc123"), states)
            .map(([id, state]) => stateOf(id, state, "server_error")),
          { maxLength: 40 },
        )),
        lost: fc.option(fc.record({ sinceMs: fc.constant(RESPONDED_MS), cause: fc.lorem() })),
      }),
      fc.record({
        maxTasks: fc.option(fc.integer({ min: 1, max: 80 })),
        color: fc.boolean(),
      }),
      (rows, { columns, rows: height }, taskList, fields, options) => {
        const content = {
          ...contentWith(rows, fields),
          taskList: { ...taskList, rows },
        };
        const lines = frame(content, { columns, rows: height, ...options });
        assert(lines.length <= height, `${lines.length} of ${height}`);
        for (const line of lines) assert(stringWidth(line) <= columns, `${columns}: ${line}`);
      },
    ),
    { numRuns: 500 },
  );
});
