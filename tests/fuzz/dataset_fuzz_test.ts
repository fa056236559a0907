/** Random responses of the API: each task gets its dataset, or fails for the right reason. */
import { gunzipSync, inflateSync } from "node:zlib";
import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { createClient } from "../../src/okdata/client.ts";
import { RequestError } from "../../src/http_client/errors.ts";
import { type HttpResponse, MAX_BODY_BYTES } from "../../src/http_client/response.ts";
import type { TaskExecution } from "../../src/core/task.ts";
import { type Reason, REASONS } from "../../src/core/reasons.ts";
import {
  checkMessage,
  checkRemains,
  checkSecret,
  encoder,
  encodingsOf,
  type Ending,
  endingWith,
  errorOf,
  noise,
  packed,
  reasonOfCode,
  redact,
  responseOf,
  responseWith,
  TOKEN,
  world,
} from "./responses.ts";
import { holds, mostly, mutated, Outcomes } from "./runs.ts";

const TASK_TIMEOUT_MS = 60_000;

/** The fake clock advances in steps of this length. */
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
const script = fc.array(endingWith(responseWith(dataset, { encoding: packed })), {
  minLength: 1,
  maxLength: 3,
});
const fraction = fc.double({ min: 0, max: 1, noNaN: true });
/** How often a task retries; null when it gets no token. */
const retries = mostly(fc.nat({ max: 3 }), fc.constant(null));

Deno.test("responses of the API bring the dataset, or a failure with the right reason", async () => {
  // The provider is tried in the fuzz test of tokens.
  const elsewhere: readonly Reason[] = ["internal", "identity_provider"];
  const outcomes = new Outcomes(
    [
      ...REASONS.filter((reason) => !elsewhere.includes(reason)),
      ...["success undefined", "success gzip", "success deflate", "several attempts"],
      ...["success gzip, gzip", "success identity,gzip", "success none", "success UTF-8"],
      ...["redacted body", "redacted message", ...MESSAGES.map(([what]) => what)],
    ],
    "tests/fuzz/responses.ts and reasonOf() in tests/fuzz/dataset_fuzz_test.ts",
  );
  await holds(
    fc.asyncProperty(script, fraction, retries, async (endings, chance, maxRetries) => {
      const { clock, exchange, outcomeOf, last } = world(endings);
      const execution: TaskExecution = { attempts: [], phases: {} };
      const get = createClient({
        exchange,
        clock,
        redact,
        apiUrl: "http://api/metadata",
        taskTimeoutMs: TASK_TIMEOUT_MS,
        requestTimeoutMs: 10_000,
        retries: maxRetries ?? 0,
        random: { fraction: () => chance, hex: () => "" },
        tokens: {
          get: () => maxRetries === null ? Promise.reject(noToken()) : Promise.resolve(TOKEN),
          drop: () => chance < 0.5,
          doubt: () => chance < 0.5,
        },
        onAttempt: () => {},
      });
      const request = { seqno: 1, datasetId: "abc123", traceId: "0".repeat(32), execution };
      const startMs = clock.monotonic();
      const outcome = await outcomeOf(get(request, new AbortController().signal));
      assert(
        clock.monotonic() - startMs <= TASK_TIMEOUT_MS + STEP_MS,
        "the task outlives its deadline",
      );
      const refused = execution.attempts.some((attempt) =>
        [401, 403].includes(attempt.status ?? 0)
      );
      assert(
        execution.attempts.length <= 1 + (maxRetries ?? 0) + (refused ? 1 : 0),
        "too many attempts",
      );
      assert(execution.attempts.every(({ durationSeconds }) => durationSeconds >= 0));
      if ("value" in outcome) {
        const last200 = responseOf(last());
        assert(isDataset(last200));
        assertEquals(execution.attempts.at(-1)?.reason, null);
        return outcomes.add(`success ${last200.headers["content-encoding"]}`);
      }
      const { message, reason, response } = errorOf(outcome, RequestError);
      assertEquals(reason, maxRetries === null ? "auth" : reasonOf(last()));
      checkMessage(message);
      assert(message.length <= 400, `a message of ${message.length} characters`);
      checkRemains(message);
      for (const [what, pattern] of MESSAGES) if (pattern.test(message)) outcomes.add(what);
      const shown = response?.body ?? "";
      assert(encoder.encode(shown).length <= 512, shown);
      checkSecret(shown);
      checkRemains(shown);
      outcomes.add(reason);
      if (shown.includes("[redacted]")) outcomes.add("redacted body");
      if (message.includes("[redacted]")) outcomes.add("redacted message");
      if (execution.attempts.length > 1) outcomes.add("several attempts");
    }),
    { outcomes },
  );
});

/** Messages that quote the response. */
const MESSAGES: [what: string, pattern: RegExp][] = [
  ["body of a refusal", /^status \d+: /],
  ["redirect", /^status 3\d\d, a redirect to /],
  ["challenge", /^status 40[13]: .+, /],
  ["not JSON", /^the body is not JSON: /],
  ["not UTF-8", /^the body is not UTF-8$/],
  ["HTML", /^HTML instead of JSON/],
];

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

/** The reason of a task with this last exchange by the contract, independent of the program. */
function reasonOf(ending: Ending): string {
  if (ending === "never") return "timeout";
  if ("code" in ending) return reasonOfCode(ending.code);
  const { status } = ending;
  // Whether broken compression is noticed depends on the library.
  assert(status !== 200 || isPacked(ending) || !isDataset(ending), "a dataset was refused");
  return REASON_BY_STATUS[status] ?? (status >= 500 && status <= 599 ? "server_error" : "http");
}

function headerOf({ headers }: HttpResponse): string {
  return String(headers["content-encoding"] ?? "");
}

function isPacked(response: HttpResponse): boolean {
  return encodingsOf(headerOf(response)).length > 0;
}

/** Whether a response brings the dataset, decompressed by Node.js. */
function isDataset(response: HttpResponse): boolean {
  try {
    const bytes = encodingsOf(headerOf(response)).reduceRight((packed, encoding) => {
      if (/^(x-)?gzip$/.test(encoding)) return gunzipSync(packed);
      if (encoding === "deflate") return inflateSync(packed);
      throw new Error(`unknown encoding ${encoding}`);
    }, response.body);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const { Id, Type = "Dataset" } = JSON.parse(text);
    const isWithinBound = !isPacked(response) || bytes.length <= MAX_BODY_BYTES;
    return response.status === 200 && Id === "abc123" && Type === "Dataset" && isWithinBound;
  } catch {
    return false;
  }
}
