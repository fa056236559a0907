import { assertEquals } from "@std/assert";
import { fail } from "../../src/core/task.ts";
import { DOCUMENT_VERSION, taskToJson } from "../../src/core/task_json.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";

const COMMON = {
  seqno: 1,
  app_id: "0a1b2c3d",
  dataset_id: "abc123",
  created: "2026-11-23T22:01:05.000Z",
  trace_id: "0af7651916cd43dd8448eb211c80319c",
};

Deno.test("taskToJson has every field of a success, without reason, message and body", () => {
  assertEquals(taskToJson(succeeded(pending()), "0a1b2c3d"), {
    ...COMMON,
    state: "SUCCEEDED",
    settled: "2026-11-23T22:01:05.125Z",
    duration_seconds: 0.125,
    reason: null,
    message: null,
    attempts: [{ status: 200, reason: null, duration_seconds: 0.125 }],
    phases: { resolve: 0.001, connect: 0.002, processing: 0.121, transfer: 0.001 },
    body: null,
  });
});

Deno.test("taskToJson has the reason, the message and the body of a failure", () => {
  assertEquals(taskToJson(failed(pending(), "server_error"), "0a1b2c3d"), {
    ...COMMON,
    state: "FAILED",
    settled: "2026-11-23T22:01:05.125Z",
    duration_seconds: 0.125,
    reason: "server_error",
    message: "status 500: it broke",
    attempts: [{ status: 500, reason: "server_error", duration_seconds: 0.125 }],
    phases: { connect: 0.001, processing: 0.124 },
    body: "it broke",
  });
});

Deno.test("taskToJson has all fields of a pending task too, empty or null", () => {
  assertEquals(taskToJson(pending(), "0a1b2c3d"), {
    ...COMMON,
    state: "PENDING",
    settled: null,
    duration_seconds: null,
    reason: null,
    message: null,
    attempts: [],
    phases: {},
    body: null,
  });
});

Deno.test("taskToJson keeps a duration of zero and an empty body", () => {
  const task = fail(pending(), 0, { attempts: [], phases: {} }, {
    reason: "http",
    message: "status 418",
    body: "",
  });
  const json = taskToJson(task, "0a1b2c3d");
  assertEquals([json.duration_seconds, json.body], [0, ""]);
});

Deno.test("the document of tasks has version 1", () => {
  assertEquals(DOCUMENT_VERSION, 1);
});
