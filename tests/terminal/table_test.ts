import { assert, assertEquals } from "@std/assert";
import stringWidth from "string-width";
import fc from "npm:fast-check@4.10.2";
import { renderTable, rowOf } from "../../src/terminal/table.ts";
import type { Task } from "../../src/core/task.ts";
import { anyRow } from "../support/rows.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

const NOW = Date.UTC(2026, 10, 23, 22, 1, 30);

function render(
  tasks: Task[],
  { severalDatasets = false, more = "", width = 80, color = false } = {},
): string[] {
  const shown = { severalDatasets, nowMs: NOW, more };
  return renderTable(tasks.map(rowOf), shown, { width, utc: true, color });
}

function withoutColors(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.replace(/\x1b\[\d+m/g, "");
}

Deno.test("the table of one dataset has the promised columns, each state in its place", () => {
  const tasks = [
    succeeded(pending({ seqno: 9 })),
    failed(pending({ seqno: 10 }), "unauthorized", 31),
    pending({ seqno: 11 }),
  ];
  assertEquals(render(tasks, { more: "… and 8 older" }), [
    " #  State      Created   Succeeded  Failed    Duration  Attempts  Reason",
    " 9  SUCCEEDED  22:01:05  22:01:05               125 ms         1",
    "10  FAILED     22:01:05             22:01:36    31.0 s         1  unauthorized",
    "11  PENDING    22:01:05",
    "… and 8 older",
  ]);
});

Deno.test("durations have as many digits as matter, and take no more room than their heading", () => {
  const seconds = [0, 0.0004, 0.00123, 0.00999, 0.0421, 0.9994, 0.9996, 9.994, 9.996, 59.96, 123];
  const [heading, ...lines] = render(seconds.map((each) => succeeded(pending(), each)));
  const end = heading.indexOf("Duration") + "Duration".length;
  const durations = lines.map((line) => line.slice(end - 10, end));
  assertEquals(durations, [
    ...["      0 ms", "    0.4 ms", "    1.2 ms", "     10 ms", "     42 ms", "    999 ms"],
    ...["    1.00 s", "    9.99 s", "    10.0 s", "    60.0 s", "     123 s"],
  ]);
});

Deno.test("several datasets have a column, which gives way to the terminal's width", () => {
  const long = "a-very-long-dataset-id-that-does-not-fit-anywhere";
  const tasks = [succeeded(pending({ datasetId: long })), failed(pending({ datasetId: "b" }))];
  const wide = render(tasks, { severalDatasets: true, width: Infinity });
  assert(wide[1].includes(` ${long} `), wide[1]);
  const worst = failed(pending({ seqno: 123_456, datasetId: long }), "invalid_response", 31);
  for (const shown of [tasks, [worst, tasks[0]]]) {
    const narrow = render(shown, { severalDatasets: true });
    assert(narrow[1].includes("…"), narrow[1]);
    for (const line of narrow) assert(stringWidth(line) <= 80, line);
  }
});

Deno.test("80 columns hold the longest reason", () => {
  const tasks = Array.from(
    { length: 5 },
    (_, i) => failed(pending({ seqno: 9_997 + i }), "invalid_response", 10),
  );
  for (const line of render(tasks)) assert(stringWidth(line) <= 80, line);
});

Deno.test("a settlement on its creation's day needs no date of its own", () => {
  const task = failed(pending({ createdMs: Date.UTC(2026, 10, 22, 10) }), "invalid_response");
  const [, row] = render([task]);
  assert(row.includes("11-22 10:00:00") && row.includes(" 10:00:00 "), row);
  assert(stringWidth(row) <= 80, row);
});

Deno.test("times of another day carry their date", () => {
  const task = succeeded(pending({ createdMs: Date.UTC(2026, 10, 22, 23, 59, 59) }), 2);
  const [, row] = render([task]);
  assert(row.includes("11-22 23:59:59"), row);
  assert(row.includes("11-23 00:00:01"), row);
});

Deno.test("colour timings the state and nothing else changes", () => {
  const tasks = [succeeded(pending()), failed(pending()), pending()];
  const colored = render(tasks, { color: true });
  assert(colored[1].includes("\x1b[32mSUCCEEDED\x1b[0m"), colored[1]);
  assert(colored[2].includes("\x1b[31mFAILED\x1b[0m"), colored[2]);
  assertEquals(colored.map(withoutColors), render(tasks));
});

Deno.test("it is the state that is coloured, even where a dataset bears its name", () => {
  const task = failed(pending({ datasetId: "FAILED" }));
  const [, row] = render([task], { severalDatasets: true, color: true });
  // deno-lint-ignore no-control-regex
  assert(/FAILED +\x1b\[31mFAILED\x1b\[0m/.test(row), JSON.stringify(row));
});

Deno.test("columns go in the order of what matters least, until the rest fits", () => {
  const tasks = [failed(pending({ seqno: 123_456 }), "timeout", 31)];
  const headings = Array.from({ length: 80 }, (_, i) => 80 - i)
    .map((width) =>
      render(tasks, { width })[0].trim().replaceAll(/ +/g, " ").replace(/Re…\w+/, "Reason")
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
    ...["St…e", "S…e", "S…", "…"],
  ]);
});

Deno.test("wide characters take the room that they take", () => {
  const rows = [
    ...["データセット", "ab", "한국어-データ-中文-very-long-indeed-and-longer-than-that", "e\u0301"]
      .map((datasetId) => failed(pending({ datasetId }))),
  ];
  for (const width of [Infinity, 80, 60]) {
    const lines = render(rows, { severalDatasets: true, width });
    const column = lines[0].indexOf("State");
    for (const line of lines.slice(1)) {
      const before = line.slice(0, line.indexOf("FAILED"));
      assertEquals(stringWidth(before), column, lines.join("\n"));
    }
  }
});

Deno.test("no line of a table is wider than the terminal, whatever the tasks", () => {
  fc.assert(
    fc.property(
      fc.array(anyRow, { maxLength: 12 }),
      fc.integer({ min: 1, max: 130 }),
      fc.boolean(),
      fc.boolean(),
      (rows, width, severalDatasets, color) => {
        const shown = { severalDatasets, nowMs: NOW, more: "… and 100000 older" };
        const lines = renderTable(rows, shown, { width, utc: true, color });
        assertEquals(lines.length, rows.length + 2);
        for (const line of lines) assert(stringWidth(line) <= width, `${width}: ${line}`);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a table of 200,000 tasks is no special case", () => {
  const row = rowOf(succeeded(pending()));
  const shown = { severalDatasets: true, nowMs: NOW, more: "" };
  const lines = renderTable(Array(200_000).fill(row), shown, {
    ...{ width: 80, utc: true, color: false },
  });
  assertEquals(lines.length, 200_001);
});
