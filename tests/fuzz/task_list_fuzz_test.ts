/** Whatever a probe responds, `tasks` shows it safely or says what is wrong with it. */
import { assert, assertEquals } from "@std/assert";
import stringWidth from "string-width";
import fc from "npm:fast-check@4.10.2";
import { ProbeClientError } from "../../src/probe_client/errors.ts";
import { createProbeClient } from "../../src/probe_client/probe_client.ts";
import { readNewestTasks, toTaskList } from "../../src/probe_client/task_list.ts";
import { renderTable } from "../../src/terminal/table.ts";
import { createFakeRuntime } from "../support/fake_runtime.ts";
import {
  checkMessage,
  endingWith,
  errorOf,
  noise,
  responseWith,
  SECRET,
  UNSAFE,
  world,
} from "./responses.ts";
import { holds, mostly, mutated, Outcomes } from "./runs.ts";

const moment = mostly(
  fc.constant("2026-11-23T22:01:05.123Z"),
  fc.oneof(
    fc.constantFrom(
      "0000-01-01T00:00:00Z",
      "9999-12-31T23:59:59.999-23:59",
      "2026-02-29T00:00:00Z",
      "2026-11-23T22:01Z",
      "2026-11-23T24:00:00Z",
      "0001-01-01T00:00:00+23:59",
      "2026-12-31T23:59:60Z",
    ),
    mutated(fc.constant("2026-11-23T22:01:05.123+01:00")),
    noise,
  ),
  20,
);
/** A text that a table shows, escaped where it would do harm. */
const word = mostly(fc.constantFrom("abc123", "dns", "漢".repeat(30)), noise, 3);
const task = fc.record({
  state: mostly(fc.constantFrom("PENDING", "SUCCEEDED", "FAILED"), noise, 40),
  dataset_id: word,
  created: moment,
  settled: fc.option(moment),
  duration_seconds: fc.option(
    mostly(fc.constantFrom(0, 0.1, 1e9, 1e-9), fc.double({ min: -1, max: 2e9 }), 20),
  ),
  reason: fc.option(word),
  attempts: fc.array(fc.constant({}), { maxLength: 3 }),
});
const total = mostly(fc.nat(), fc.double(), 40);
const page = fc.record({
  version: mostly(fc.constant(1), fc.oneof(fc.integer(), noise), 30),
  app_id: mostly(fc.constant("0a1b2c3d"), noise, 3),
  tracked: fc.record({ PENDING: total, SUCCEEDED: total, FAILED: total }),
  datasets: fc.nat(),
  tasks: fc.array(task, { maxLength: 3 }),
  next: mostly(fc.constant(null), fc.nat({ max: 100 }), 2),
  first: fc.nat({ max: 120 }),
}, { requiredKeys: ["version", "tasks", "next", "first"] }).map(({ first, ...document }) => ({
  ...document,
  tasks: document.tasks.map((fields, i) => ({ seqno: Math.max(0, first - i), ...fields })),
})).map((document) => JSON.stringify(document));
const documents = mostly(
  page,
  fc.oneof(
    mutated(fc.constant('{"version":1,"tasks":[],"next":null}')),
    fc.tuple(fc.constantFrom("<title>", "<!doctype html><title>", "# HELP ", ""), noise)
      .map((parts) => parts.join("")),
  ),
  4,
);
const scripts = fc.array(endingWith(responseWith(documents)), { minLength: 1, maxLength: 3 });
const limits = fc.integer({ min: 1, max: 5 });
const widths = fc.integer({ min: 20, max: 200 });

Deno.test("tasks shows any document safely, or rejects it in one line that says why", async () => {
  const outcomes = new Outcomes([
    ...["rows", "none", "escaped", "wide and cut", "redacted"],
    ...["exit 3", "exit 5", "exit 6", "contradicting pages"],
  ]);
  const client = createProbeClient(new URL(`http://probe:${encodeURIComponent(SECRET)}@probe/`));
  await holds(
    fc.asyncProperty(scripts, limits, widths, async (endings, limit, width) => {
      const { clock, exchange, outcomeOf } = world(endings);
      const runtime = { ...createFakeRuntime().runtime, clock, exchange };
      const signal = new AbortController().signal;
      const outcome = await outcomeOf(readNewestTasks(client, {}, limit, runtime, signal));
      if ("error" in outcome) {
        const { message, brief, exitCode } = errorOf(outcome, ProbeClientError);
        for (const text of [message, brief]) checkMessage(text);
        assert([3, 5, 6].includes(exitCode), `${exitCode}`);
        outcomes.add(`exit ${exitCode}`);
        if (message.includes("contradict each other")) outcomes.add("contradicting pages");
        if (message.includes("[redacted]")) outcomes.add("redacted");
        return;
      }
      const { rows, severalDatasets, appId, older } = toTaskList(outcome.value, {});
      const context = { severalDatasets, nowMs: clock.now(), footer: `${older}` };
      const lines = renderTable(rows, context, { width, utc: true, color: false });
      for (const line of [...lines, appId]) assert(!UNSAFE.test(line), JSON.stringify(line));
      for (const line of lines) assert(stringWidth(line) <= width, JSON.stringify(line));
      assertEquals(lines.length, rows.length + 2);
      outcomes.add(rows.length > 0 ? "rows" : "none");
      if (/\\u[0-9a-f]{4}/.test(lines.join(""))) outcomes.add("escaped");
      if (lines.join("").includes("漢…")) outcomes.add("wide and cut");
    }),
    { outcomes },
  );
});
