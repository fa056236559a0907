import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { sleep } from "../../src/core/clock.ts";
import {
  fail,
  newExecution,
  PHASES,
  type SettledTask,
  succeed,
  type TaskExecution,
} from "../../src/core/task.ts";
import { timelineOf } from "../../src/core/timeline.ts";
import { RequestError } from "../../src/http_client/errors.ts";
import type { Exchange } from "../../src/http_client/exchange.ts";
import { createClient } from "../../src/okdata/client.ts";
import { FakeClock } from "../support/clock.ts";
import { pending } from "../support/tasks.ts";

/** How one exchange goes: after so many milliseconds it passes each point, then it ends. */
type Plan = {
  /** What the probe needs before it connects. */
  beforeMs: number;
  stepsMs: number[];
  /** 0 for a connection that breaks, NaN for one that hangs. */
  status: number;
  retryAfter: number | null;
};

/** How long the wait for a token is; NaN when none comes. */
type World = { plans: Plan[]; tokensMs: number[] | null };

// Fractions of a microsecond, as the machine's clock has them.
const ms = fc.double({ min: 0, max: 3_000, noNaN: true });

const anyWorld: fc.Arbitrary<World> = fc.record({
  plans: fc.array(
    fc.record({
      beforeMs: fc.double({ min: 0, max: 2, noNaN: true }),
      stepsMs: fc.array(ms, { minLength: 4, maxLength: 4 }),
      status: fc.constantFrom(200, 503, 503, 429, 401, 403, 404, 0, 0, NaN),
      retryAfter: fc.constantFrom(null, 0, 1, 7),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  tokensMs: fc.option(fc.array(fc.oneof({ arbitrary: ms, weight: 9 }, fc.constant(NaN)))),
});

/** Runs a task in such a world to its end. */
async function settle({ plans, tokensMs }: World): Promise<SettledTask> {
  const clock = new FakeClock({ monotonicMs: 12_345.678901 });
  const execution = newExecution();
  const task = pending({ createdMonotonicMs: clock.monotonic(), execution });
  let exchanges = 0;
  let requested = 0;
  const exchange: Exchange = async (_, { signal, timings }) => {
    const { beforeMs, stepsMs, status, retryAfter } = plans[exchanges++ % plans.length] as Plan;
    await sleep(clock, beforeMs, signal);
    timings.startMs = clock.monotonic();
    timings.hasHostName = true;
    for (
      const [i, mark] of (["resolvedMs", "connectedMs", "headersMs", "wholeMs"] as const).entries()
    ) {
      await sleep(clock, Number.isNaN(status) && i === 2 ? 1e9 : stepsMs[i] ?? 0, signal);
      if (status === 0 && i === 1) throw new RequestError("connect", "connect ECONNREFUSED");
      timings[mark] = clock.monotonic();
    }
    const body = new TextEncoder().encode('{"Type":"Dataset","Id":"abc123"}');
    const headers = retryAfter === null ? {} : { "retry-after": String(retryAfter) };
    return { status, headers, body };
  };
  const getDataset = createClient({
    exchange,
    clock,
    random: { fraction: () => 0.5, hex: () => "" },
    tokens: tokensMs && {
      async get() {
        const waitMs = tokensMs[requested++] ?? 0;
        if (Number.isNaN(waitMs)) throw new RequestError("identity_provider", "status 503");
        await sleep(clock, waitMs);
        return "token";
      },
      drop: () => true,
      doubt: () => true,
    },
    redact: (text) => text,
    apiUrl: "http://api/metadata",
    taskTimeoutMs: 30_000,
    requestTimeoutMs: 5_000,
    retries: 4,
    onAttempt: () => {},
  });
  const { signal } = new AbortController();
  const ended = getDataset({ ...task, execution }, signal).then(
    () => succeed(task, clock.monotonic(), execution),
    ({ reason, message }: RequestError) =>
      fail(task, clock.monotonic(), execution, { reason, message, body: null }),
  );
  await clock.run(60_000);
  return await ended;
}

Deno.test("attempts, waits and tokens add up to the duration, and phases to their attempt", async () => {
  await fc.assert(fc.asyncProperty(anyWorld, async (world) => {
    const { durationSeconds, attempts, phases } = await settle(world);
    let endSeconds = 0;
    for (const [i, attempt] of attempts.entries()) {
      const { token = 0, ...others } = attempt.phases;
      assert(attempt.startSeconds - token >= endSeconds - 2e-6, "an attempt begins too early");
      if (i === 0) assertEquals(attempt.startSeconds, token, "the first begins with its token");
      assertEquals(attempt.phases.token !== undefined, world.tokensMs !== null);
      const sum = Object.values(others).reduce((total, seconds) => total + seconds, 0);
      assertAlmostEquals(sum, attempt.durationSeconds, 3e-6);
      assertEquals(Object.keys(attempt.phases), PHASES.filter((phase) => phase in attempt.phases));
      endSeconds = attempt.startSeconds + attempt.durationSeconds;
    }
    const last = attempts.at(-1);
    // The last attempt ends the task, unless the token for another one was awaited.
    if (last && phases === last.phases) assertAlmostEquals(endSeconds, durationSeconds, 2e-6);
    assert(endSeconds <= durationSeconds + 2e-6, "an attempt outlasts the task");
  }));
});

Deno.test("the timeline of any task that a client makes has its attempts, without a gap", async () => {
  await fc.assert(fc.asyncProperty(anyWorld, async (world) => {
    const task = await settle(world);
    const { spans } = timelineOf(task);
    let atSeconds = 0;
    for (const { startSeconds, endSeconds } of spans) {
      assertEquals(startSeconds, atSeconds);
      atSeconds = endSeconds;
    }
    assertEquals(atSeconds, task.durationSeconds);
    const made = spans.filter(({ what }) => what === "attempt");
    assertEquals(made.length, task.attempts.length);
    for (const { attempt, startSeconds, endSeconds } of made) {
      assertAlmostEquals(startSeconds, attempt?.startSeconds ?? NaN, 3e-6);
      assertAlmostEquals(endSeconds - startSeconds, attempt?.durationSeconds ?? NaN, 4e-6);
    }
  }));
});

for (
  const [what, plans, waits] of [
    ["a back-off", [{ status: 503, retryAfter: null }], [null, "backoff"]],
    ["a Retry-After", [{ status: 503, retryAfter: 1 }], [null, "retry_after"]],
    ["a Retry-After that is shorter than the back-off", [{ status: 429, retryAfter: 0 }], [
      null,
      "backoff",
    ]],
    ["a token that was refused", [{ status: 401, retryAfter: null }], [null, null]],
    [
      "a token that was refused after a wait",
      [{ status: 503, retryAfter: 1 }, { status: 401, retryAfter: null }],
      [null, "retry_after", null],
    ],
  ] as const
) {
  Deno.test(`an attempt says why it came after ${what}`, async () => {
    const calm = { beforeMs: 0, stepsMs: [1, 1, 1, 1] };
    const task = await settle({
      plans: [...plans, { status: 200, retryAfter: null }].map((plan) => ({ ...calm, ...plan })),
      tokensMs: [5, 5, 5],
    });
    assertEquals(task.attempts.map(({ wait }) => wait), [...waits]);
  });
}

Deno.test("a pending task says what it does, and since when", async () => {
  const clock = new FakeClock({ monotonicMs: 1_000 });
  const execution = newExecution();
  const steps: TaskExecution["step"][] = [];
  const getDataset = createClient({
    exchange: async (_, { signal }) => {
      steps.push(execution.step);
      await sleep(clock, 100, signal);
      return { status: 503, headers: { "retry-after": "2" }, body: new Uint8Array() };
    },
    clock,
    random: { fraction: () => 0, hex: () => "" },
    tokens: {
      get() {
        steps.push(execution.step);
        return sleep(clock, 10).then(() => "token");
      },
      drop: () => false,
      doubt: () => false,
    },
    redact: (text) => text,
    apiUrl: "http://api/metadata",
    taskTimeoutMs: 30_000,
    requestTimeoutMs: 5_000,
    retries: 1,
    onAttempt: () => {},
  });
  const { signal } = new AbortController();
  const done = getDataset({ ...pending(), execution }, signal).catch(() => {});
  await clock.run(200);
  steps.push(execution.step);
  await clock.run(10_000);
  await done;
  assertEquals(steps, [
    { what: "token", sinceMs: 1_000, wait: null },
    { what: "attempt", sinceMs: 1_010, wait: null },
    { what: "wait", sinceMs: 1_110, wait: "retry_after" },
    { what: "token", sinceMs: 3_110, wait: "retry_after" },
    { what: "attempt", sinceMs: 3_120, wait: "retry_after" },
  ]);
});
