import { assert, assertEquals, assertMatch } from "@std/assert";
import stringWidth from "string-width";
import fc from "npm:fast-check@4.10.2";
import { type TaskRow, taskToRow } from "../../src/core/task_row.ts";
import { DATASET_STATES } from "../../src/core/verdict/states.ts";
import type { DatasetStateRow } from "../../src/probe_client/probe_status.ts";
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
    status: null,
    respondedMs: RESPONDED_MS,
    lost: null,
    ...fields,
  };
}

function frame(content: FrameContent, options: Partial<FrameOptions> = {}): string[] {
  const defaults = { columns: 80, rows: 24, maxTasks: null, utc: true, color: false, ascii: false };
  return renderFrame(content, { ...defaults, ...options });
}

/** The state of a dataset, since a minute before the probe responded. */
function stateOf(
  datasetId: string,
  state = "working",
  reason: string | null = null,
): DatasetStateRow {
  return {
    datasetId,
    state,
    word: state.replace("_", " "),
    sinceMs: RESPONDED_MS - 60_000,
    recent: { coveredSeconds: 23.9, settled: 6, failed: 2, slow: 4 },
    reason,
    outcomes: "",
    ratios: [],
  };
}

const RATIOS = [
  { windowSeconds: 300, coveredSeconds: 300, settled: 60, succeeded: 59 },
  { windowSeconds: 3_600, coveredSeconds: 1_200, settled: 240, succeeded: 238 },
  { windowSeconds: 86_400, coveredSeconds: 1_200, settled: 240, succeeded: 238 },
];

function statusOf(datasets: DatasetStateRow[]): FrameContent["status"] {
  return { environment: "dev", datasets };
}

Deno.test("a frame shows environment, address, time, states, ratios, durations and tasks", () => {
  const content = contentWith(rowsOf([0.125, 1, null]), {
    tracked: { PENDING: 1, SUCCEEDED: 1_999, FAILED: 1 },
    older: 1_998,
    status: statusOf([{ ...stateOf("abc123"), outcomes: "..F", ratios: RATIOS }]),
  });
  assertEquals(frame(content, { rows: 12 }), [
    "dev  http://localhost:8000  0a1b2c3d                  2026-11-23 22:01:30 +00:00",
    "working   abc123  ▁▁×  98.3 % in 5 min, 99.1 % in 20 min  since 22:00:30 (1 min)",
    "98.3 % succeeded in 5 min, 99.1 % in 20 min   1 failed   1 pending",
    "▂█×  up to 1.00 s",
    "",
    "",
    "",
    "#  State      Created   Succeeded  Failed    Duration  Attempts  Reason",
    "… and 1998 older",
    "1  SUCCEEDED  22:01:05  22:01:05               125 ms         1",
    "2  SUCCEEDED  22:01:05  22:01:06               1.00 s         1",
    "3  FAILED     22:01:05             22:01:05    125 ms         1  server_error",
  ]);
});

Deno.test("a frame of a probe without states says so, and counts the tasks that it has", () => {
  const lines = frame(contentWith(rowsOf([1, null, 1]), { older: null }));
  assertEquals(lines.slice(1, 3), [
    "no states: this probe is older than /status",
    "66 % succeeded in 3 tasks   1 failed   0 pending   3 fetched",
  ]);
  assertEquals(lines.at(-4), "… and older ones");
  assertEquals(at(frame(contentWith([])), 2).split("   ")[0], "no task has settled yet");
});

Deno.test("a frame without tasks says that none matches when a filter is set", () => {
  const filter = " (shown: failed)";
  assertEquals(frame(contentWith([], { filter })).at(-1), "no tracked task matches");
  const lines = [
    ...frame(contentWith([])),
    ...frame(contentWith(rowsOf([1]), { filter })),
    ...frame(contentWith([], { filter, older: null })),
  ];
  assertEquals(lines.filter((line) => line.includes("matches")), []);
});

Deno.test("a frame shows the newest tasks that fit and counts all others over them", () => {
  const rows = rowsOf(Array(100).fill(1));
  const lines = frame(contentWith(rows, { older: 7 }));
  assertEquals(lines.length, 24);
  assertMatch(lines.at(-1) ?? "", /^100 /);
  assertEquals(lines.slice(6, 8).map((line) => line.slice(0, 14)), [
    "… and 90 older",
    " 84  SUCCEEDED",
  ]);
  // Without older tasks the first line is a task.
  assertEquals(frame(contentWith(rows.slice(0, 18))).at(6)?.slice(0, 3), " 1 ");
});

Deno.test("the newest task of a frame is always in the same line", () => {
  for (const maxTasks of [null, 2]) {
    const places = [1, 2, 3, 50].map((count) => {
      const lines = frame(contentWith(rowsOf(Array(count).fill(1))), { maxTasks });
      return lines.findIndex((line) => RegExp(`^ *${count}  SUCC`).test(line));
    });
    assertEquals(new Set(places), new Set([maxTasks === null ? 23 : 8]));
  }
});

Deno.test("a frame of a lost probe says so in its second line and keeps the tasks", () => {
  const rows = rowsOf([1, 1]);
  const lost = {
    sinceMs: RESPONDED_MS + 60_000,
    cause: `it ${"failed ".repeat(20)}with ECONNREFUSED`,
  };
  const lines = frame(contentWith(rows, { lost }));
  assertMatch(at(lines, 1), /^PROBE LOST since 22:02:30, retrying: it .*….* ECONNREFUSED$/);
  const others = frame(contentWith(rows));
  assertEquals([lines[0], ...lines.slice(2, 5)], others.slice(0, 4));
  assertEquals(lines.slice(-3), others.slice(-3), "the tasks stay where they are");
  const days = frame(contentWith(rows, { lost: { sinceMs: RESPONDED_MS + 864e5, cause: "" } }));
  assertMatch(at(days, 1), /^PROBE LOST since 11-24 22:01:30,/);
});

Deno.test("a frame has a line with the state of each dataset, and its newest outcomes", () => {
  const datasets = [
    { ...stateOf("a", "failing", "dns"), outcomes: "..sFFF" },
    { ...stateOf("bc", "no_news"), outcomes: "...s" },
    stateOf("d", "unsteady", "reset"),
    stateOf("e", "slow"),
    stateOf("f"),
    stateOf("g", "starting"),
  ];
  const content = contentWith(rowsOf([1]), { status: statusOf(datasets) });
  assertEquals(frame(content).slice(1, 7), [
    "failing   a   ▁▁▅×××  since 22:00:30 (1 min), dns",
    "no news   bc    ▁▁▁▅  since 22:00:30 (1 min)",
    "unsteady  d           2 failed of 6 tasks in 23 s, reset",
    "slow      e           4 slow of 6 tasks in 23 s",
    "working   f           since 22:00:30 (1 min)",
    "starting  g",
  ]);
  assertEquals(
    frame(content, { ascii: true })[1],
    "failing   a   ..+xxx  since 22:00:30 (1 min), dns",
  );
});

Deno.test("IDs are cut last: strip, ratios and times give way before", () => {
  const id = "trafikk-102-oslo-2026";
  const outcomes = ".".repeat(50) + "F".repeat(10);
  const dataset = { ...stateOf(id, "failing", "server_error"), outcomes, ratios: RATIOS };
  const content = contentWith([], { status: statusOf([dataset]) });
  const lineAt = (columns: number) => at(frame(content, { columns }), 1);
  assertEquals(
    lineAt(200),
    `failing   ${id}  ${"▁".repeat(50)}${"×".repeat(10)}  ` +
      "98.3 % in 5 min, 99.1 % in 20 min  since 22:00:30 (1 min), server_error",
  );
  assertEquals(
    lineAt(120),
    `failing   ${id}  ${"▁".repeat(22)}${"×".repeat(10)}  98.3 % in 5 min  ` +
      "since 22:00:30 (1 min), server_error",
  );
  assertEquals(
    lineAt(80),
    `failing   ${id}  ${"▁".repeat(12)}${"×".repeat(10)}  for 1 min, server_error`,
  );
  assertEquals(lineAt(52), `failing   ${id}  ${"×".repeat(8)}  for 1 min`);
  assertEquals(lineAt(50), `failing   ${id}  ${"▁".repeat(7)}${"×".repeat(10)}`);
  assertEquals(lineAt(40), `failing   ${id}`.padEnd(40).trimEnd());
  assertEquals(lineAt(31), `failing   ${id}`);
  assertEquals(lineAt(30).length, 30);
});

Deno.test("the tasks of several datasets lose columns before their IDs are cut", () => {
  const id = "befolkning-oslo-2";
  const rows = rowsOf([1, null]).map((row) => ({ ...row, datasetId: id }));
  const content = contentWith(rows);
  content.taskList.severalDatasets = true;
  const lastAt = (columns: number) => frame(content, { columns }).at(-1);
  assertMatch(lastAt(80) ?? "", /^2 befolkning-oslo-2 FAILED {4}22:01:05 .* 125 ms server_error$/);
  assertEquals(lastAt(40), `${id}  FAILED       125 ms`);
  assertEquals(lastAt(26), "befolkni…-oslo-2 FAILED");
});

Deno.test("a frame counts the datasets for which it has no line", () => {
  const datasets = [
    stateOf("a", "failing"),
    ...Array.from({ length: 200 }, (_, i) => stateOf(`b${i}`, i < 7 ? "slow" : "working")),
  ];
  const lines = frame(contentWith(rowsOf([1]), { status: statusOf(datasets) }));
  assertEquals(lines.slice(1, 9).map((line) => line.split(" ")[0]), [
    "failing",
    ...Array(6).fill("slow"),
    "…",
  ]);
  assertEquals(lines[8], "… and 194 more: 1 slow, 193 working");
});

Deno.test("a frame shows the states of a newer probe as they are", () => {
  const status = statusOf([stateOf("a", "gloomy")]);
  assertMatch(
    at(frame(contentWith([], { status }), { color: true }), 1),
    /^gloomy {4}a {2}since/,
  );
});

Deno.test("a coloured frame differs only in colour and shows failures in red", () => {
  const content = contentWith(rowsOf([1, null]), {
    lost: { sinceMs: RESPONDED_MS, cause: "gone" },
    status: statusOf([{ ...stateOf("abc123", "failing", "dns"), outcomes: ".sF" }]),
  });
  const colored = frame(content, { color: true });
  // deno-lint-ignore no-control-regex
  assertEquals(colored.map((line) => line.replace(/\x1b\[[\d;]*m/g, "")), frame(content));
  assert(at(colored, 1).startsWith("\x1b[1;7;31mPROBE LOST"));
  assert(at(colored, 2).startsWith("\x1b[31mfailing\x1b[0m"));
  assert(at(colored, 2).includes("  ▁\x1b[33m▅\x1b[0m\x1b[31m×\x1b[0m  "));
  assert(at(colored, 3).includes("\x1b[31m1 failed\x1b[0m"));
  assert(at(colored, 4).startsWith("█\x1b[31m×\x1b[0m"));
});

Deno.test("bars show the newest durations relative to the longest success", () => {
  const durations = [9, ...Array.from({ length: 8 }, (_, i) => i / 8 + 0.1), null];
  assertEquals(
    frame(contentWith(rowsOf(durations)), { columns: 23 })[3],
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
        status: fc.option(
          fc.array(
            fc.tuple(
              fc.constantFrom("a", "データ".repeat(20), "abc123"),
              states,
              fc.string({ unit: fc.constantFrom(".", "s", "F", "?"), maxLength: 60 }),
            ).map(([id, state, outcomes]) => ({
              ...stateOf(id, state, "server_error"),
              outcomes,
              ratios: RATIOS,
            })),
            { maxLength: 40 },
          ).map(statusOf),
        ),
        lost: fc.option(fc.record({ sinceMs: fc.constant(RESPONDED_MS), cause: fc.lorem() })),
      }),
      fc.record({
        maxTasks: fc.option(fc.integer({ min: 1, max: 80 })),
        color: fc.boolean(),
        ascii: fc.boolean(),
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
