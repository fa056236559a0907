import { assertEquals } from "@std/assert";
import { fail, succeed } from "../../src/core/task.ts";
import { DOCUMENT_VERSION, taskToJson } from "../../src/core/task_json.ts";
import { attempt, failed, pending, succeeded } from "../support/tasks.ts";

const COMMON = {
  seqno: 1,
  app_id: "0a1b2c3d",
  dataset_id: "abc123",
  created: "2026-11-23T22:01:05.000Z",
  trace_id: "0af7651916cd43dd8448eb211c80319c",
};

Deno.test("taskToJson has every field of a success, without reason, message and body", () => {
  const phases = { resolve: 0.001, connect: 0.002, processing: 0.121, transfer: 0.001 };
  assertEquals(taskToJson(succeeded(pending()), "0a1b2c3d"), {
    ...COMMON,
    state: "SUCCEEDED",
    settled: "2026-11-23T22:01:05.125Z",
    duration_seconds: 0.125,
    reason: null,
    message: null,
    attempts: [{
      status: 200,
      reason: null,
      duration_seconds: 0.125,
      start_seconds: 0,
      wait: null,
      phases,
    }],
    phases,
    body: null,
  });
});

Deno.test("taskToJson has the reason, the message and the body of a failure", () => {
  const phases = { connect: 0.001, processing: 0.124 };
  assertEquals(taskToJson(failed(pending(), "server_error"), "0a1b2c3d"), {
    ...COMMON,
    state: "FAILED",
    settled: "2026-11-23T22:01:05.125Z",
    duration_seconds: 0.125,
    reason: "server_error",
    message: "status 500: it broke",
    attempts: [{
      status: 500,
      reason: "server_error",
      duration_seconds: 0.125,
      start_seconds: 0,
      wait: null,
      phases,
    }],
    phases,
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

Deno.test("taskToJson says when each attempt began, why it waited, and what it reached", () => {
  const attempts = [
    attempt({ status: 503, reason: "server_error", startSeconds: 0.01, phases: { token: 0.01 } }),
    attempt({ startSeconds: 2.26, wait: "retry_after", phases: { connect: 0.25 } }),
  ];
  const task = succeed(pending(), 2_510, { attempts, phases: { connect: 0.25 } });
  assertEquals(
    taskToJson(task, "0a1b2c3d").attempts.map((each) => [
      each.start_seconds,
      each.wait,
      each.phases,
    ]),
    [[0.01, null, { token: 0.01 }], [2.26, "retry_after", { connect: 0.25 }]],
  );
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
