import { assertEquals } from "@std/assert";
import { taskToRow } from "../../src/core/task_row.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

const CREATED_MS = pending().createdMs;
const COMMON = { seqno: 1, datasetId: "abc123", createdMs: CREATED_MS };

Deno.test("taskToRow shows a settled task with its end, duration, attempts, reason and message", () => {
  const settled = { settledMs: CREATED_MS + 125, durationSeconds: 0.125, attempts: 1 };
  assertEquals(taskToRow(succeeded(pending())), {
    ...COMMON,
    ...settled,
    state: "SUCCEEDED",
    reason: null,
    message: null,
  });
  assertEquals(taskToRow(failed(pending(), "dns")), {
    ...COMMON,
    ...settled,
    state: "FAILED",
    reason: "dns",
    message: "status 500: it broke",
  });
});

Deno.test("taskToRow shows nothing but the creation of a pending task", () => {
  assertEquals(taskToRow(pending()), {
    ...COMMON,
    state: "PENDING",
    settledMs: null,
    durationSeconds: null,
    attempts: null,
    reason: null,
    message: null,
  });
});
