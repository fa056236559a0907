/** Whatever the API answers, a task gets its dataset or fails for the right reason. */
import { gunzipSync, inflateSync } from "node:zlib";
import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { createClient } from "../../src/okdata/client.ts";
import { RequestError } from "../../src/http_client/errors.ts";
import { MAX_BODY_BYTES, type Reply } from "../../src/http_client/exchange.ts";
import { type TaskExecution } from "../../src/core/task.ts";
import { type Reason, REASONS } from "../../src/core/reasons.ts";
import {
  checkMessage,
  checkRemains,
  checkSecret,
  CODES,
  encoder,
  type Ending,
  endingWith,
  errorOf,
  noise,
  packed,
  redact,
  replyOf,
  replyWith,
  TOKEN,
  world,
} from "./answers.ts";
import { holds, mostly, mutated, Outcomes } from "./runs.ts";

const TASK_TIMEOUT_MS = 60_000;

/** Time goes on in steps of so much while a task is waited for. */
const STEP_MS = 500;

const good = fc.constant('{"Id":"abc123","Type":"Dataset"}');
const dataset = mostly(
  good,
  fc.oneof(
    fc.constantFrom(
      ...['{"Id":"abc123"}', '{"Id":"abc124"}', '{"id":"abc123"}', '{"Id":["abc123"]}', "[]"],
      ...[
        '{"Id":"abc123","Type":"dataset"}',
        '{"Id":"x","Id":"abc123"}',
        "",
        " ",
        "<html>",
        "null",
      ],
      ...['"abc123"', '{"__proto__":{"Id":"abc123"}}', '{"Id":"abc123\\u0000"}'],
      ...['{"Id":"\\ud800"}', "[".repeat(10_000), " ".repeat(1_100_000) + '{"Id":"abc123"}'],
    ),
    mutated(fc.constant('{"Id":"abc123","Type":"Dataset","description":"words"}')),
    fc.tuple(noise, noise).map(([Id, extra]) => JSON.stringify({ Id, extra })),
    noise,
  ),
  1,
);
const script = fc.array(endingWith(replyWith(dataset, { encoding: packed })), {
  minLength: 1,
  maxLength: 3,
});
const fraction = fc.double({ min: 0, max: 1, noNaN: true });
/** How often a task tries again; null where it gets no token. */
const retries = mostly(fc.nat({ max: 3 }), fc.constant(null));

Deno.test("an answer of the API brings the dataset, or a reason of the closed list", async () => {
  const outcomes = new Outcomes();
  await holds(fc.asyncProperty(script, fraction, retries, async (endings, chance, most) => {
    const { clock, exchange, outcomeOf, last } = world(endings);
    const execution: TaskExecution = { attempts: [], phases: {} };
    const get = createClient({
      ...{ exchange, clock, redact, apiUrl: "http://api/metadata", userAgent: "test" },
      ...{ taskTimeoutMs: TASK_TIMEOUT_MS, requestTimeoutMs: 10_000, retries: most ?? 0 },
      random: { fraction: () => chance, hex: () => "" },
      tokens: {
        get: () => most === null ? Promise.reject(noToken()) : Promise.resolve(TOKEN),
        drop: () => chance < 0.5,
      },
      onAttempt: () => {},
    });
    const request = { seqno: 1, datasetId: "abc123", traceId: "0".repeat(32), execution };
    const startMs = clock.monotonic();
    const outcome = await outcomeOf(get(request, new AbortController().signal));
    assert(clock.monotonic() - startMs <= TASK_TIMEOUT_MS + STEP_MS, "it outlives its deadline");
    const refused = execution.attempts.some((attempt) => attempt.status === 401);
    assert(execution.attempts.length <= 1 + (most ?? 0) + (refused ? 1 : 0), "too many attempts");
    assert(execution.attempts.every(({ durationSeconds }) => durationSeconds >= 0));
    if ("value" in outcome) {
      const reply = replyOf(last());
      assert(isDataset(reply));
      assertEquals(execution.attempts.at(-1)?.reason, null);
      return outcomes.add(`success ${reply.headers["content-encoding"]}`);
    }
    const { message, reason, reply } = errorOf(outcome, RequestError);
    assertEquals(reason, most === null ? "auth" : reasonOf(last()));
    checkMessage(message);
    checkRemains(message);
    const shown = reply?.body ?? "";
    assert(encoder.encode(shown).length <= 512, shown);
    checkSecret(shown);
    checkRemains(shown);
    outcomes.add(reason);
    if (shown.includes("[redacted]")) outcomes.add("redacted body");
    if (message.includes("[redacted]")) outcomes.add("redacted message");
    if (execution.attempts.length > 1) outcomes.add("several attempts");
  }));
  outcomes.requireAll(REASONS.filter((reason) => reason !== "internal"));
  outcomes.requireAll(["success undefined", "success gzip", "success deflate", "several attempts"]);
  outcomes.requireAll(["redacted body", "redacted message"]);
});

function noToken(): RequestError {
  return new RequestError("auth", "no token");
}

const REASON_BY_STATUS: Record<number, Reason> = {
  200: "invalid_response",
  401: "unauthorized",
  403: "unauthorized",
  404: "not_found",
  429: "rate_limited",
};

/** Why a task fails whose last exchange ended so: said once more, by the contract. */
function reasonOf(ending: Ending): string {
  if (ending === "never") return "timeout";
  if ("code" in ending) return CODES[ending.code as keyof typeof CODES];
  const { status } = ending;
  // How broken packing is found out is the library's own affair.
  assert(status !== 200 || isPacked(ending) || !isDataset(ending), "a dataset was refused");
  return REASON_BY_STATUS[status] ?? (status >= 500 && status <= 599 ? "server_error" : "http");
}

function encodingOf({ headers }: Reply): string {
  return String(headers["content-encoding"] ?? "identity").trim().toLowerCase();
}

function isPacked(reply: Reply): boolean {
  return /^((x-)?gzip|deflate)$/.test(encodingOf(reply));
}

/** Whether a reply brings the dataset, as Node.js unpacks it. */
function isDataset(reply: Reply): boolean {
  if (!isPacked(reply) && !["identity", ""].includes(encodingOf(reply))) return false;
  try {
    const bytes = !isPacked(reply)
      ? reply.body
      : encodingOf(reply) === "deflate"
      ? inflateSync(reply.body)
      : gunzipSync(reply.body);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const { Id, Type = "Dataset" } = JSON.parse(text);
    const isWithinBound = !isPacked(reply) || bytes.length <= MAX_BODY_BYTES;
    return reply.status === 200 && Id === "abc123" && Type === "Dataset" && isWithinBound;
  } catch {
    return false;
  }
}
