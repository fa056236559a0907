import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  type Attempt,
  fail,
  type Phases,
  succeed,
  type TaskExecution,
} from "../../src/core/task.ts";
import { phaseSpansOf, type Span, timelineOf, timelineSoFar } from "../../src/core/timeline.ts";
import { anyAttempt, anyPhases } from "../support/arbitraries.ts";
import { attempt, pending } from "../support/tasks.ts";

const TASK = pending({ createdMonotonicMs: 1_000 });
const FAILURE = { reason: "server_error", message: "status 503", body: null } as const;

/** A failed task that began at its creation and lasted for so long. */
function failedAfter(durationSeconds: number, attempts: Attempt[], phases: Phases = {}) {
  return fail(TASK, 1_000 + durationSeconds * 1e3, { attempts, phases }, FAILURE);
}

/** What each span is, and where it ends. */
function briefly(spans: readonly Span[]): [what: string, endSeconds: number][] {
  return spans.map(({ what, wait, endSeconds }) => [wait ?? what, endSeconds]);
}

Deno.test("timelineOf has token, attempts and waits in the order in which they passed", () => {
  const unavailable = { status: 503, reason: "server_error" as const };
  const last = { token: 0.0003, connect: 0.01, processing: 0.19 };
  const attempts = [
    attempt({
      ...unavailable,
      startSeconds: 0.02,
      durationSeconds: 0.2,
      phases: { ...last, token: 0.02 },
    }),
    attempt({ ...unavailable, startSeconds: 0.47, durationSeconds: 0.1, wait: "backoff" }),
    attempt({ startSeconds: 2.6, durationSeconds: 0.2, wait: "retry_after", phases: last }),
  ];
  const task = succeed(TASK, 9_999, { attempts, phases: last, begunMs: 1_000, endedMs: 3_800 });
  const { spans, durationSeconds, isOpen } = timelineOf(task);
  assertEquals(briefly(spans), [
    ["token", 0.02],
    ["attempt", 0.22],
    ["backoff", 0.47],
    ["attempt", 0.57],
    ["retry_after", 2.5997],
    ["token", 2.6],
    ["attempt", 2.8],
  ]);
  assertEquals([durationSeconds, isOpen], [2.8, false]);
  const made = spans.filter(({ attempt }) => attempt !== null);
  assertEquals(made.map(({ attempt }) => attempt), attempts);
  assertEquals(made.map(({ number }) => number), [1, 2, 3]);
});

Deno.test("timelineOf has a second token after a refused one, and what the probe did between", () => {
  const refused = attempt({ status: 401, reason: "unauthorized", durationSeconds: 0.1 });
  const phases = { token: 0.05, connect: 0.1 };
  const again = attempt({ startSeconds: 0.151, durationSeconds: 0.1, phases });
  const task = succeed(TASK, 0, {
    attempts: [refused, again],
    phases,
    begunMs: 1_000,
    endedMs: 1_251,
  });
  assertEquals(briefly(timelineOf(task).spans), [
    ["attempt", 0.1],
    ["probe", 0.101],
    ["token", 0.151],
    ["attempt", 0.251],
  ]);
});

Deno.test("timelineOf ends with a token that never came, after the wait before it", () => {
  const refused = attempt({ status: 401, reason: "unauthorized", durationSeconds: 0.1 });
  assertEquals(briefly(timelineOf(failedAfter(0.6, [refused], { token: 0.5 })).spans), [
    ["attempt", 0.1],
    ["token", 0.6],
  ]);
  const broken = attempt({ status: 503, reason: "server_error", durationSeconds: 0.1 });
  assertEquals(briefly(timelineOf(failedAfter(0.9, [broken], { token: 0.5 })).spans), [
    ["attempt", 0.1],
    ["wait", 0.4],
    ["token", 0.9],
  ]);
  assertEquals(briefly(timelineOf(failedAfter(0.5, [], { token: 0.5 })).spans), [["token", 0.5]]);
  assertEquals(timelineOf(failedAfter(0, [])).spans, []);
});

Deno.test("timelineOf has no gap from 0 to the duration, whatever the task is made of", () => {
  const seconds = fc.integer({ min: 0, max: 90_000_000 }).map((us) => us / 1e6);
  fc.assert(fc.property(seconds, fc.array(anyAttempt), anyPhases, (duration, attempts, phases) => {
    assertWhole(timelineOf(failedAfter(duration, attempts, phases)).spans, duration);
  }));
});

for (
  const [step, expected] of [
    [{ what: "token", sinceMs: 1_001, wait: null }, [["probe", 0.001], ["token", 0.5]]],
    [{ what: "attempt", sinceMs: 1_100, wait: null }, [
      ["probe", 0.06],
      ["token", 0.1],
      ["attempt", 0.5],
    ]],
  ] as const
) {
  Deno.test(`timelineSoFar ends with the ${step.what} that is open before anything has ended`, () => {
    const phases = step.what === "attempt" ? { token: 0.04 } : {};
    const execution: TaskExecution = { attempts: [], phases, step };
    const { spans, isOpen } = timelineSoFar({ ...TASK, execution }, 1_500);
    assertEquals(briefly(spans), expected.map(([what, end]) => [what, end]));
    assert(isOpen);
  });
}

Deno.test("timelineSoFar shows what has ended, and what is waited for since", () => {
  const attempts = [attempt({ status: 503, reason: "server_error", durationSeconds: 0.2 })];
  const wait = "retry_after" as const;
  const execution: TaskExecution = { attempts, phases: {}, begunMs: 1_010 };
  const upTo = (step: TaskExecution["step"], nowMs: number) =>
    briefly(timelineSoFar({ ...TASK, execution: { ...execution, step } }, nowMs).spans);
  assertEquals(upTo({ what: "wait", sinceMs: 1_210, wait }, 3_010), [
    ["attempt", 0.2],
    ["retry_after", 2],
  ]);
  assertEquals(upTo({ what: "attempt", sinceMs: 4_010, wait }, 5_010), [
    ["attempt", 0.2],
    ["retry_after", 3],
    ["attempt", 4],
  ]);
});

Deno.test("timelineSoFar has nothing to show of a task that is not run", () => {
  const timeline = timelineSoFar(TASK, 1_500);
  assertEquals([timeline.spans, timeline.durationSeconds, timeline.isOpen], [[], 0.5, false]);
});

Deno.test("phaseSpansOf has the phases one after the other, without the token", () => {
  assertEquals(phaseSpansOf({ token: 5, resolve: 0.001, tls: 0.01, processing: 0.1 }), [
    { phase: "resolve", startSeconds: 0, endSeconds: 0.001 },
    { phase: "tls", startSeconds: 0.001, endSeconds: 0.011 },
    { phase: "processing", startSeconds: 0.011, endSeconds: 0.111 },
  ]);
});

/** Each span begins where the one before it ends, and the last one ends with the duration. */
function assertWhole(spans: readonly Span[], durationSeconds: number): void {
  let at = 0;
  for (const { startSeconds, endSeconds } of spans) {
    assertEquals(startSeconds, at);
    assert(endSeconds >= startSeconds);
    at = endSeconds;
  }
  assertEquals(at, durationSeconds);
}
