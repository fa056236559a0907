import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  fail,
  type Failure,
  firstFrom,
  isSlow,
  secondsBetween,
  settledMs,
  succeed,
} from "../../src/core/task.ts";
import { attempt, pending } from "../support/tasks.ts";

const CREATED_MS = Date.UTC(2026, 10, 23, 22);
const TASK = pending({ seqno: 7, createdMs: CREATED_MS, createdMonotonicMs: 1_000 });

Deno.test("succeed keeps what the task was created with, and its attempts and phases", () => {
  const attempts = [attempt()];
  const execution = { attempts, phases: { processing: 0.25 }, begunMs: 1_100, endedMs: 1_350 };
  assertEquals(succeed(TASK, 9_999, execution), {
    ...TASK,
    state: "SUCCEEDED",
    durationSeconds: 0.25,
    attempts,
    phases: { processing: 0.25 },
  });
});

const FAILURE: Failure = { reason: "server_error", message: "status 500: oops", body: "oops" };

Deno.test("fail adds reason, message and the body of the response, null without one", () => {
  const execution = { attempts: [], phases: {}, begunMs: 1_100, endedMs: 1_350 };
  const expected = {
    ...TASK,
    state: "FAILED" as const,
    durationSeconds: 0.25,
    attempts: [],
    phases: {},
    ...FAILURE,
  };
  assertEquals(fail(TASK, 9_999, execution, FAILURE), expected);
  const withoutBody = { ...FAILURE, body: null };
  assertEquals(fail(TASK, 9_999, execution, withoutBody), { ...expected, body: null });
});

Deno.test("a settled task does not keep the execution that the pending one has", () => {
  const execution = { attempts: [], phases: {}, begunMs: 1_000 };
  const task = { ...TASK, execution };
  for (
    const settled of [succeed(task, 1_500, execution), fail(task, 1_500, execution, FAILURE)]
  ) {
    assertEquals("execution" in settled, false);
  }
});

Deno.test("a task without an attempt lasts from its creation to now", () => {
  const { durationSeconds } = fail(TASK, 1_500, { attempts: [], phases: {} }, FAILURE);
  assertEquals(durationSeconds, 0.5);
});

Deno.test("a task that awaits its next token lasts from its first connection to now", () => {
  const execution = { attempts: [], phases: {}, begunMs: 1_200, endedMs: undefined };
  assertEquals(fail(TASK, 1_500, execution, FAILURE).durationSeconds, 0.3);
});

Deno.test("secondsBetween is exact to the microsecond", () => {
  assertEquals(secondsBetween(1_000, 1_000.0004), 0);
  assertEquals(secondsBetween(1_000, 1_123.4567), 0.123457);
  fc.assert(fc.property(fc.nat(1e9), fc.nat(1e9), (fromMs, microseconds) => {
    assertEquals(secondsBetween(fromMs, fromMs + microseconds / 1e3), microseconds / 1e6);
  }));
});

Deno.test("settledMs is the creation plus the duration, and null for a pending task", () => {
  const execution = { attempts: [], phases: {}, begunMs: 1_000, endedMs: 3_500 };
  assertEquals(settledMs(succeed(TASK, 9_999, execution)), CREATED_MS + 2_500);
  assertEquals(settledMs(TASK), null);
});

Deno.test("a task is slow when it succeeded and took longer than the objective", () => {
  assertEquals(isSlow({ state: "SUCCEEDED", durationSeconds: 1 }, 1), false);
  assertEquals(isSlow({ state: "SUCCEEDED", durationSeconds: 1.001 }, 1), true);
  assertEquals(isSlow({ state: "FAILED", durationSeconds: 60 }, 1), false);
});

Deno.test("firstFrom finds the first task that is not older", () => {
  const sorted = fc.uniqueArray(fc.nat(100)).map((all) => all.sort((a, b) => a - b));
  fc.assert(fc.property(sorted, fc.nat(101), (seqnos, seqno) => {
    const found = seqnos.findIndex((each) => each >= seqno);
    const index = firstFrom(seqno, seqnos.length, (at) => seqnos[at] ?? NaN);
    assertEquals(index, found === -1 ? seqnos.length : found);
  }));
});
