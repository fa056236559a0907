import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type Attempt,
  fail,
  type Phases,
  succeed,
  type Task,
  type TaskExecution,
} from "../../src/core/task.ts";
import type { StatusView } from "../../src/status_page/view.ts";
import { NOTHING_YET } from "../support/server.ts";
import { statusPage, textOf } from "../support/status.ts";
import { attempt, pending } from "../support/tasks.ts";

const TASK = pending({ createdMonotonicMs: 60_000 });
const UNAVAILABLE = { status: 503, reason: "server_error" as const };

/** The page's part with the details of a task. */
function detailOf(task: Task, view: Partial<StatusView> = {}): string {
  const query = { page: 1, task: task.seqno };
  const html = statusPage({ ...NOTHING_YET, ...view, tasks: [task], task, query });
  const [, detail = ""] = html.match(/<section id="detail".*?>(.*?)<\/section>/s) ?? [];
  return detail;
}

/** A failure of 3.6 s: two attempts, a back-off, a Retry-After, and a third attempt. */
const RETRIED = (() => {
  const phases: Phases = { token: 0.02, resolve: 0.01, connect: 0.04, processing: 0.55 };
  const attempts: Attempt[] = [
    attempt({ ...UNAVAILABLE, startSeconds: 0.02, durationSeconds: 0.6, phases }),
    attempt({
      ...UNAVAILABLE,
      startSeconds: 0.82,
      durationSeconds: 0.2,
      wait: "backoff",
      phases: { token: 0, connect: 0.2 },
    }),
    attempt({
      status: null,
      reason: "reset",
      startSeconds: 3.02,
      durationSeconds: 0.58,
      wait: "retry_after",
      phases: { token: 0, connect: 0.58 },
    }),
  ];
  return fail(TASK, 63_600, { attempts, phases: { token: 0, connect: 0.58 } }, {
    reason: "reset",
    message: "read ECONNRESET",
    body: "<b>half",
  });
})();

Deno.test("the details say of each span what it is, how long it took and when it began", () => {
  assertMatch(
    textOf(detailOf(RETRIED)),
    new RegExp(
      [
        "failed reset in 3.60 s after 3 attempts",
        "0 1 s 2 s 3.60 s",
        "token : 20 ms began at 0 ms",
        "attempt 1 : status 503 after 600 ms began at 20 ms",
        "resolve 10 ms, connect 40 ms, processing 550 ms",
        "wait \\(back-off\\) : 200 ms began at 620 ms",
        "attempt 2 : status 503 after 200 ms began at 820 ms",
        "wait \\(Retry-After\\) : 2.00 s began at 1.02 s",
        "attempt 3 : reset after 580 ms began at 3.02 s",
      ].join(".*"),
    ),
  );
});

Deno.test("the bars of a task lie one after the other, from 0 to its duration", () => {
  const bars = [
    ...detailOf(RETRIED).matchAll(
      /<rect class=(token|wait|attempt|probe) x="([\d.]+)%" width="([\d.]+)%"/g,
    ),
  ];
  assertEquals(bars.map(([, what]) => what), [
    "token",
    "attempt",
    "wait",
    "attempt",
    "wait",
    "attempt",
  ]);
  let at = 0;
  for (const [, what, x, width] of bars) {
    assert(Math.abs(Number(x) - at) <= 0.11, `${what} begins at ${x} %, not at ${at} %`);
    at = Number(x) + Number(width);
  }
  assert(Math.abs(at - 100) <= 0.11, `the last bar ends at ${at} %`);
});

Deno.test("a token that was cached, and a phase that took no time, have no figure", () => {
  const phases = { token: 0.0002, connect: 0.1, processing: 0.15, transfer: 0 };
  const task = succeed(TASK, 60_250.2, {
    attempts: [attempt({ startSeconds: 0.0002, phases })],
    phases,
  });
  const text = textOf(detailOf(task));
  assertMatch(text, /250 ms attempt 1 : ok, status 200 after 250 ms began at 0\.2 ms connect/);
  assertMatch(text, /connect 100 ms, processing 150 ms connect processing Dataset/);
});

Deno.test("the details name the last error, its meaning, and what to do", () => {
  const text = textOf(detailOf(RETRIED));
  assertMatch(text, /Meaning the connection ended before the response was complete/);
  assertMatch(text, /Message read ECONNRESET/);
  assertMatch(text, /What to do Look at the service's own status page or log/);
  assertMatch(text, /Start of the response body &lt;b&gt;half/);
  assert(!text.includes("Status 503"), "the last attempt had no status");
  const refused = fail(TASK, 60_100, {
    attempts: [attempt({ status: 401, reason: "unauthorized" })],
    phases: {},
  }, { reason: "unauthorized", message: "status 401", body: null });
  const adviceIn = (environment: string | null) => textOf(detailOf(refused, { environment }));
  assertMatch(adviceIn("prod"), /Status 401.*belong to OKDATA_ENVIRONMENT=prod\./);
  assertMatch(adviceIn("local"), /belong to this platform\./);
});

Deno.test("a success has no error and no body", () => {
  const phases = { resolve: 0.001, connect: 0.049, processing: 0.2 };
  const task = succeed(TASK, 60_250, { attempts: [attempt({ phases })], phases });
  const text = textOf(detailOf(task));
  assertMatch(text, /succeeded in 250 ms Where the time went/);
  assertMatch(text, /attempt 1 : ok, status 200 after 250 ms began at 0 ms resolve 1\.0 ms,/);
  assert(!/What to do|Message|body/.test(text), text);
});

Deno.test("the details of a task without an attempt say so", () => {
  const task = fail(TASK, 60_000, { attempts: [], phases: {} }, {
    reason: "internal",
    message: "oops",
    body: null,
  });
  assertMatch(textOf(detailOf(task)), /No attempt was made\./);
});

for (
  const [what, step, shown] of [
    ["token", { what: "token", sinceMs: 60_700, wait: null }, "token, for 4.30 s"],
    ["attempt", { what: "attempt", sinceMs: 60_700, wait: null }, "attempt 2, for 4.30 s"],
    ["back-off", { what: "wait", sinceMs: 60_600, wait: "backoff" }, "wait (back-off), for 4.40 s"],
    [
      "Retry-After",
      { what: "wait", sinceMs: 60_600, wait: "retry_after" },
      "wait (Retry-After), for 4.40 s",
    ],
  ] as const
) {
  Deno.test(`the details of a pending task say that it is at its ${what}, and for how long`, () => {
    const first = attempt({ ...UNAVAILABLE, durationSeconds: 0.6 });
    const execution: TaskExecution = { attempts: [first], phases: {}, begunMs: 60_000, step };
    const detail = detailOf({ ...TASK, execution }, { nowMonotonicMs: 65_000 });
    const text = textOf(detail);
    assert(text.includes(`Now: ${shown} `), text);
    assertMatch(text, /pending for 5\.00 s/);
    assertMatch(text, /attempt 1 : status 503 after 600 ms/);
    assertMatch(text, /: 4\.\d0 s so far began at/);
  });
}

Deno.test("the details of a pending task that nothing runs say that it has not begun", () => {
  assertMatch(textOf(detailOf(TASK)), /pending for 5\.00 s Now: it has not begun/);
});

Deno.test("the trace id is a link where TRACE_URL is given, and text otherwise", () => {
  const traceUrl = 'https://traces.example/?q="{trace_id}"&again={trace_id}';
  const id = TASK.traceId;
  const linked = detailOf(RETRIED, { traceUrl });
  assert(
    linked.includes(
      `<a href="https://traces.example/?q=&quot;${id}&quot;&amp;again=${id}" rel="noreferrer">`,
    ),
    linked,
  );
  assertEquals(detailOf(RETRIED).match(/<a [^>]*>/g)?.length, 1, "only Close is a link");
});

Deno.test("the details of the most attempts that a task can make take at most 13 kB", () => {
  const phases: Phases = {
    token: 0.5,
    resolve: 0.123,
    connect: 0.123,
    tls: 0.123,
    processing: 0.123,
    transfer: 0.123,
  };
  // Eleven tries, and one more with a new token.
  const attempts = Array.from({ length: 12 }, (_, i) =>
    attempt({
      ...UNAVAILABLE,
      startSeconds: i * 2 + 1,
      durationSeconds: 0.615,
      wait: i === 0 ? null : "retry_after",
      phases,
    }));
  const task = fail(TASK, 60_000 + 23_615, { attempts, phases }, {
    reason: "server_error",
    message: "status 503",
    body: null,
  });
  const detail = detailOf(task);
  assertEquals(detail.match(/<li/g)?.length, 36, "each attempt has a token and a wait");
  assert(detail.length < 13_000, `${detail.length} bytes`);
});
