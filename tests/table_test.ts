import { assert, assertEquals } from "@std/assert";
import stringWidth from "string-width";
import { renderTable } from "../src/table.ts";
import type { Task } from "../src/task.ts";
import { failed, pending, succeeded } from "./fakes/tasks.ts";

const NOW = Date.UTC(2026, 10, 23, 22, 1, 30);

function render(
  tasks: Task[],
  { datasetIds = ["abc123"], more = "", width = 80, color = false } = {},
) {
  return renderTable(tasks, { datasetIds, nowMs: NOW, more }, { width, utc: true, color });
}

Deno.test("the table of one dataset has the promised columns, each state in its place", () => {
  const tasks = [
    succeeded(pending({ seqno: 9 })),
    failed(pending({ seqno: 10 }), "unauthorized", 31),
    pending({ seqno: 11 }),
  ];
  assertEquals(render(tasks, { more: "… and 8 older" }).split("\n"), [
    " #  State      Created   Succeeded  Failed    Duration  Attempts  Reason",
    " 9  SUCCEEDED  22:01:05  22:01:05              0.125 s         1",
    "10  FAILED     22:01:05             22:01:36  31.000 s         1  unauthorized",
    "11  PENDING    22:01:05",
    "… and 8 older",
    "",
  ]);
});

Deno.test("several datasets have a column, which gives way to the terminal's width", () => {
  const long = "a-very-long-dataset-id-that-does-not-fit-anywhere";
  const tasks = [succeeded(pending({ datasetId: long })), failed(pending({ datasetId: "b" }))];
  const wide = render(tasks, { datasetIds: [long, "b"], width: Infinity });
  assert(wide.includes(` ${long} `), wide);
  const narrow = render(tasks, { datasetIds: [long, "b"] });
  assert(narrow.includes("…"), narrow);
  for (const line of narrow.split("\n")) assert(stringWidth(line) <= 80, line);
  const worst = failed(pending({ seqno: 123_456, datasetId: long }), "invalid_response", 31);
  for (const line of render([worst, tasks[0]], { datasetIds: [long, "b"] }).split("\n")) {
    assert(stringWidth(line) <= 80, line);
  }
});

Deno.test("80 columns hold the longest reason", () => {
  const tasks = Array.from(
    { length: 5 },
    (_, i) => failed(pending({ seqno: 9_997 + i }), "invalid_response", 10),
  );
  for (const line of render(tasks).split("\n")) assert(stringWidth(line) <= 80, line);
});

Deno.test("a settlement on its creation's day needs no date of its own", () => {
  const task = failed(pending({ createdMs: Date.UTC(2026, 10, 22, 10) }), "invalid_response");
  const [, row] = render([task]).split("\n");
  assert(row.includes("11-22 10:00:00") && row.includes(" 10:00:00 "), row);
  assert(stringWidth(row) <= 80, row);
});

Deno.test("times of another day carry their date", () => {
  const task = succeeded(pending({ createdMs: Date.UTC(2026, 10, 22, 23, 59, 59) }), 2);
  const [, row] = render([task]).split("\n");
  assert(row.includes("11-22 23:59:59"), row);
  assert(row.includes("11-23 00:00:01"), row);
});

Deno.test("colour marks the state and nothing else changes", () => {
  const tasks = [succeeded(pending()), failed(pending()), pending()];
  const colored = render(tasks, { color: true });
  assert(colored.includes("\x1b[32mSUCCEEDED\x1b[0m"), colored);
  assert(colored.includes("\x1b[31mFAILED\x1b[0m"), colored);
  // deno-lint-ignore no-control-regex
  assertEquals(colored.replace(/\x1b\[\d+m/g, ""), render(tasks));
});
