import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import stringWidth from "string-width";
import fc from "npm:fast-check@4.10.2";
import type { Task } from "../../src/core/task.ts";
import { taskToRow } from "../../src/core/task_row.ts";
import { renderTable } from "../../src/terminal/table.ts";
import { at } from "../support/at.ts";
import { anyRow } from "../support/rows.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

const NOW = Date.UTC(2026, 10, 23, 22, 1, 30);

function render(
  tasks: Task[],
  { severalDatasets = false, footer = "", width = 80, color = false } = {},
): string[] {
  const context = { severalDatasets, nowMs: NOW, footer };
  return renderTable(tasks.map(taskToRow), context, { width, utc: true, color });
}

function withoutColors(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.replace(/\x1b\[\d+m/g, "");
}

Deno.test("a table of one dataset has the documented columns", () => {
  const tasks = [
    succeeded(pending({ seqno: 9 })),
    failed(pending({ seqno: 10 }), "unauthorized", 31),
    pending({ seqno: 11 }),
  ];
  assertEquals(render(tasks, { footer: "… and 8 older" }), [
    " #  State      Created   Succeeded  Failed    Duration  Attempts  Reason",
    " 9  SUCCEEDED  22:01:05  22:01:05               125 ms         1",
    "10  FAILED     22:01:05             22:01:36    31.0 s         1  unauthorized",
    "11  PENDING    22:01:05",
    "… and 8 older",
  ]);
});

Deno.test("a table has a message beside the reason where the other columns leave room", () => {
  const tasks = [succeeded(pending({ seqno: 9 })), failed(pending({ seqno: 10 }), "connect", 31)];
  const wide = [
    " #  State      Created   Succeeded  Failed    Duration  Attempts  Reason   Message",
    " 9  SUCCEEDED  22:01:05  22:01:05               125 ms         1",
    "10  FAILED     22:01:05             22:01:36    31.0 s         1  connect  status 500: it broke",
  ];
  assertEquals(render(tasks, { width: 120 }), wide);
  assertEquals(at(render(tasks, { width: 91 }), 2).length, 91);
  const narrow = wide.map((line) => line.slice(0, 73).trimEnd());
  assertEquals(render(tasks, { width: 90 }), narrow);
  assertEquals(render(tasks, { width: Infinity }), narrow, "in a pipe");
  assertEquals(render(tasks.slice(0, 1), { width: 120 })[0]?.endsWith("Reason"), true);
});

Deno.test("durations have three digits and are no wider than their title", () => {
  const seconds = [0, 0.0004, 0.00123, 0.00999, 0.0421, 0.9994, 0.9996, 9.994, 9.996, 59.96, 123];
  const [heading = "", ...lines] = render(seconds.map((each) => succeeded(pending(), each)));
  const end = heading.indexOf("Duration") + "Duration".length;
  const durations = lines.map((line) => line.slice(end - 10, end));
  assertEquals(durations, [
    "      0 ms",
    "    0.4 ms",
    "    1.2 ms",
    "     10 ms",
    "     42 ms",
    "    999 ms",
    "    1.00 s",
    "    9.99 s",
    "    10.0 s",
    "    60.0 s",
    "     123 s",
  ]);
});

Deno.test("a table of several datasets has a column for them that shrinks to the width", () => {
  const long = "a-very-long-dataset-id-that-does-not-fit-anywhere";
  const success = succeeded(pending({ datasetId: long }));
  const tasks = [success, failed(pending({ datasetId: "b" }))];
  const [, wide] = render(tasks, { severalDatasets: true, width: Infinity });
  assertStringIncludes(wide ?? "", ` ${long} `);
  const widest = failed(pending({ seqno: 123_456, datasetId: long }), "invalid_response", 31);
  for (const shown of [tasks, [widest, success]]) {
    const narrow = render(shown, { severalDatasets: true });
    assertStringIncludes(at(narrow, 1), "…");
    for (const line of narrow) assert(stringWidth(line) <= 80, line);
  }
});

Deno.test("a table with the longest reason fits 80 columns", () => {
  const tasks = Array.from(
    { length: 5 },
    (_, i) => failed(pending({ seqno: 9_997 + i }), "invalid_response", 10),
  );
  for (const line of render(tasks)) assert(stringWidth(line) <= 80, line);
});

Deno.test("a settlement on the day of its creation is shown without a date", () => {
  const task = failed(pending({ createdMs: Date.UTC(2026, 10, 22, 10) }), "invalid_response");
  const row = at(render([task]), 1);
  assertMatch(row, /11-22 10:00:00 .* 10:00:00 /);
  assert(stringWidth(row) <= 80, row);
});

Deno.test("times of another day are shown with their date", () => {
  const task = succeeded(pending({ createdMs: Date.UTC(2026, 10, 22, 23, 59, 59) }), 2);
  assertMatch(at(render([task]), 1), /11-22 23:59:59 .*11-23 00:00:01 /);
});

Deno.test("colour changes nothing but the state's colour", () => {
  const tasks = [succeeded(pending()), failed(pending()), pending()];
  const colored = render(tasks, { color: true });
  assertStringIncludes(at(colored, 1), "\x1b[32mSUCCEEDED\x1b[0m");
  assertStringIncludes(at(colored, 2), "\x1b[31mFAILED\x1b[0m");
  assertEquals(colored.map(withoutColors), render(tasks));
});

Deno.test("colour applies to the state, not to a dataset with the same name", () => {
  const task = failed(pending({ datasetId: "FAILED" }));
  const row = at(render([task], { severalDatasets: true, color: true }), 1);
  // deno-lint-ignore no-control-regex
  assertMatch(row, /FAILED +\x1b\[31mFAILED\x1b\[0m/);
});

Deno.test("columns are dropped in order of importance until the table fits", () => {
  const tasks = [failed(pending({ seqno: 123_456 }), "timeout", 31)];
  const headings = Array.from({ length: 80 }, (_, i) => 80 - i)
    .map((width) =>
      at(render(tasks, { width }), 0).trim().replaceAll(/ +/g, " ").replace(/Re…\w+/, "Reason")
    );
  assertEquals([...new Set(headings)], [
    "# State Created Succeeded Failed Duration Attempts Reason",
    "# State Created Succeeded Failed Duration Reason",
    "# State Created Failed Duration Reason",
    "# State Created Duration Reason",
    "# State Duration Reason",
    "State Duration Reason",
    "State Reason",
    "State",
    "St…e",
    "S…e",
    "S…",
    "…",
  ]);
});

Deno.test("wide characters count as two columns", () => {
  const long = "한국어-データ-中文-very-long-indeed-and-longer-than-that";
  const tasks = ["データセット", "ab", long, "e\u0301"]
    .map((datasetId) => failed(pending({ datasetId })));
  for (const width of [Infinity, 80, 60]) {
    const [titles = "", ...lines] = render(tasks, { severalDatasets: true, width });
    const column = titles.indexOf("State");
    for (const line of lines) {
      const before = line.slice(0, line.indexOf("FAILED"));
      assertEquals(stringWidth(before), column, [titles, ...lines].join("\n"));
    }
  }
});

Deno.test("a table is never wider than the terminal", () => {
  fc.assert(
    fc.property(
      fc.array(anyRow, { maxLength: 12 }),
      fc.integer({ min: 1, max: 130 }),
      fc.boolean(),
      fc.boolean(),
      (rows, width, severalDatasets, color) => {
        const context = { severalDatasets, nowMs: NOW, footer: "… and 100000 older" };
        const lines = renderTable(rows, context, { width, utc: true, color });
        assertEquals(lines.length, rows.length + 2);
        for (const line of lines) assert(stringWidth(line) <= width, `${width}: ${line}`);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a table of 130,000 tasks, more than a call takes arguments, is rendered", () => {
  const row = taskToRow(succeeded(pending()));
  const context = { severalDatasets: true, nowMs: NOW, footer: "" };
  const options = { width: 80, utc: true, color: false };
  const lines = renderTable(Array(130_000).fill(row), context, options);
  assertEquals(lines.length, 130_001);
});
