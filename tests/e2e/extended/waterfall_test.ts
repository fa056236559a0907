/** Where the time of a task went, as the real program says it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { taskToJson } from "../../../src/core/task_json.ts";

import { eventually, run, startLoop, test } from "../../support/program.ts";
import {
  readHead,
  respondWithDataset,
  startRawServer,
  startServer,
  write,
} from "../../support/targets.ts";

type TaskJson = ReturnType<typeof taskToJson>;

/** Each time is rounded to whole microseconds, and sums of five phases five times. */
const ROUNDING_SECONDS = 5e-6;

const TRACE_URL = "https://traces.example/trace/{trace_id}";

/** A platform with tokens of its own: 503 with `Retry-After`, then 401, then the dataset. */
function startPlatform({ retryAfterSeconds = 1 } = {}) {
  let tokens = 0;
  let requests = 0;
  return startServer(async (seen) => {
    if (seen.path === "/token") {
      await delay(80);
      return Response.json({ access_token: `token-${++tokens}`, token_type: "Bearer" });
    }
    await delay(30);
    requests++;
    if (requests === 1) {
      const headers = { "retry-after": String(retryAfterSeconds) };
      return new Response("busy", { status: 503, headers });
    }
    return requests === 2 ? new Response("old", { status: 401 }) : respondWithDataset(seen);
  });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function environmentOf({ url }: { url: string }): Record<string, string> {
  return {
    DATASET_ID: "abc123",
    OKDATA_API_URL: `${url}/metadata`,
    OKDATA_TOKEN_URL: `${url}/token`,
    OKDATA_CLIENT_ID: "probe",
    OKDATA_CLIENT_SECRET: "s3cret-of-the-probe",
    TRACE_URL,
  };
}

/** Attempts, waits and tokens add up to the duration, and phases to their attempt. */
function assertAddsUp({ duration_seconds, attempts }: TaskJson): void {
  const shown = JSON.stringify({ duration_seconds, attempts });
  let atSeconds = 0;
  for (const [i, attempt] of attempts.entries()) {
    const { token = 0, ...phases } = attempt.phases;
    const freeSeconds = attempt.start_seconds - token - atSeconds;
    assert(freeSeconds >= -ROUNDING_SECONDS, shown);
    if (i === 0) assert(freeSeconds <= ROUNDING_SECONDS, shown);
    const sum = Object.values(phases).reduce((total, each) => total + each, 0);
    assert(Math.abs(sum - attempt.duration_seconds) <= ROUNDING_SECONDS, shown);
    atSeconds = attempt.start_seconds + attempt.duration_seconds;
  }
  assert(Math.abs(atSeconds - (duration_seconds ?? NaN)) <= ROUNDING_SECONDS, shown);
}

test("--json says when each attempt began, why it waited, and what it reached", async () => {
  await using platform = startPlatform();
  const { code, stdout } = await run({
    args: ["--once", "--json"],
    env: environmentOf(platform),
  });
  assertEquals(code, 0, stdout);
  const [task]: TaskJson[] = JSON.parse(stdout).tasks;
  assert(task);
  assertAddsUp(task);
  const { attempts } = task;
  assertEquals(attempts.map(({ status, wait }) => [status, wait]), [
    [503, null],
    [401, "retry_after"],
    [200, null],
  ]);
  const [first, second, third] = attempts.map(({ start_seconds, phases: { token = 0 } }) => ({
    start: start_seconds,
    token,
  }));
  assert((first?.token ?? 0) >= 0.08, "the first token is waited for");
  assert((second?.start ?? 0) >= 1 + 0.11, "Retry-After is waited for");
  assert((third?.token ?? 0) >= 0.08, "the second token is waited for");
});

test("the page shows what a pending task does, and where the time of a settled one went", async () => {
  // A page may be as old as a second.
  await using platform = startPlatform({ retryAfterSeconds: 4 });
  await using probe = await startLoop({
    env: { ...environmentOf(platform), TASK_INTERVAL_SECONDS: "3600" },
  });
  /** The page, as soon as it shows this. */
  const pageWith = (shown: string) =>
    eventually(`a page with ${shown}`, async () => {
      const response = await fetch(`${probe.url}/?task=1`, { headers: { accept: "text/html" } });
      const page = await response.text();
      return page.includes(shown) ? page : null;
    });
  const pending = await pageWith("Now: wait (Retry-After)");
  assertMatch(pending, /attempt 1<\/b>: status 503 after/);

  const page = await pageWith("attempt 3</b>: ok, status 200 after");
  const { tasks: [task] } = await (await fetch(`${probe.url}/tasks`)).json();
  assertAddsUp(task);
  const rows = [...page.matchAll(/<li[^>]*><p><span><b>(.*?)<\/b>/g)].map(([, name]) => name);
  // On a busy machine even a token that is cached may take long enough for a row.
  const cached = (task.attempts[1].phases.token ?? 0) >= 0.005 ? ["token"] : [];
  assertEquals(rows.filter((name) => name !== "the probe itself"), [
    "token",
    "attempt 1",
    "wait (Retry-After)",
    ...cached,
    "attempt 2",
    "token",
    "attempt 3",
  ]);
  const link = `href="https://traces.example/trace/${task.trace_id}"`;
  assert(page.includes(link), "no link to the trace");
});

test("the line of a failed task ends with the link to its trace", async () => {
  await using platform = startServer(() => new Response("gone", { status: 404 }));
  const { stdout } = await run({ args: ["--once"], env: environmentOf(platform) });
  assertMatch(stdout, /; trace: https:\/\/traces\.example\/trace\/[0-9a-f]{32}\n/);
});

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";

/** Waits for a request and writes the parts of a response, each after so many milliseconds. */
function writeLater(parts: readonly (readonly [afterMs: number, text: string])[]) {
  return async (connection: Deno.Conn) => {
    await readHead(connection);
    for (const [afterMs, text] of parts) {
      await delay(afterMs);
      await write(connection, text);
    }
  };
}

type Phase = keyof TaskJson["phases"];

// In each of these the phases of another program were wrong. The shortest time of each is given; a
// timer of the target may be a millisecond early.
for (
  const [what, serve, reason, phases] of [
    // grafana/k6 issues 588 and 1872: negative times.
    [
      "a response before the request",
      (connection) => write(connection, HEAD.replace("100", "2") + "{}"),
      "invalid_response",
      { connect: 0, processing: 0, transfer: 0 },
    ],
    // grafana/k6 issue 236: a time of minus 292 years.
    [
      "a connection that ends without a response",
      async (connection) => {
        await readHead(connection);
        await delay(200);
        connection.close();
      },
      "reset",
      { connect: 0, processing: 0.19 },
    ],
    // prometheus/blackbox_exporter issue 579: phases that were not reached took 0 seconds.
    ["headers that never come", writeLater([]), "timeout", { connect: 0, processing: 0.4 }],
    // koala73/worldmonitor pull request 8337: a body and headers that are late look the same.
    [
      "headers that are late and a body that stalls",
      writeLater([[300, HEAD], [0, "{"]]),
      "timeout",
      { connect: 0, processing: 0.29, transfer: 0.1 },
    ],
    [
      "a body that stalls",
      writeLater([[0, HEAD], [100, "{"]]),
      "timeout",
      { connect: 0, processing: 0, transfer: 0.3 },
    ],
  ] as [
    what: string,
    serve: (connection: Deno.Conn) => Promise<void>,
    reason: string,
    phases: Partial<Record<Phase, number>>,
  ][]
) {
  test(`each attempt has the phases that it reached, after ${what}`, async () => {
    await using target = startRawServer(serve);
    const { stdout } = await run({
      args: ["--once", "--json"],
      env: {
        DATASET_ID: "abc123",
        OKDATA_API_URL: target.url,
        REQUEST_TIMEOUT_SECONDS: "0.6",
        RETRIES: "1",
      },
    });
    const [task]: TaskJson[] = JSON.parse(stdout).tasks;
    assert(task, stdout);
    assertAddsUp(task);
    assertEquals(task.reason, reason, stdout);
    assertEquals(task.attempts.length, reason === "invalid_response" ? 1 : 2);
    for (const attempt of task.attempts) {
      assertEquals(Object.keys(attempt.phases), Object.keys(phases), stdout);
      for (const [phase, seconds] of Object.entries(attempt.phases)) {
        assert(seconds >= (phases[phase as Phase] ?? 0), `${phase} took ${seconds} s`);
      }
    }
  });
}

for (const given of ["https://traces.example/", "traces.example/{trace_id}"]) {
  test(`TRACE_URL=${given} is refused by name, with what is expected`, async () => {
    const { code, stderr } = await run({
      args: ["--once"],
      env: { DATASET_ID: "a", TRACE_URL: given },
    });
    assertEquals(code, 2);
    assert(
      stderr.includes(
        "TRACE_URL: expected an http:// or https:// URL with {trace_id} in it, without user and " +
          `password, got "${given}"`,
      ),
      stderr,
    );
  });
}
