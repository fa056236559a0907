/** Answers of the API, the identity provider, and a probe that `tasks` asks: whatever they hold. */
import { deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import { assert, assertEquals } from "@std/assert";
import stringWidth from "string-width";
import fc from "npm:fast-check@4.10.2";
import { listingOf, newestTasks } from "../../src/listing.ts";
import { createClient } from "../../src/okdata/client.ts";
import { OkdataError } from "../../src/okdata/errors.ts";
import { createTokenFetcher } from "../../src/okdata/oauth.ts";
import { createRedactor } from "../../src/okdata/redact.ts";
import type { Exchange, Reply } from "../../src/okdata/transport.ts";
import { remoteAt, RemoteError } from "../../src/remote.ts";
import { renderTable } from "../../src/table.ts";
import { type Journey, REASONS } from "../../src/task.ts";
import { FakeClock, settle } from "../fakes/clock.ts";
import { fakeGround } from "../fakes/program.ts";
import { holds, HOSTILE, mutated, Outcomes } from "./runs.ts";

const SECRET = 's3cret/"+ value';
const TOKEN = `t0ken-${"0123456789".repeat(120)}`;
const { redact, hide, hideToken } = createRedactor();
hide(SECRET);
hideToken(TOKEN);

/** How one exchange ends: with a reply, with an error of the connection, or never. */
type Ending = Reply | { code: string } | "never";

const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");
const LEAKS = /s3cret|t0ken/;
const hostile = fc.constantFrom(...HOSTILE);
/** What an answer may hold that nobody may see. */
const leak = fc.constantFrom(
  SECRET,
  encodeURIComponent(SECRET),
  JSON.stringify(SECRET).slice(1, -1),
  TOKEN,
  `Bearer ${TOKEN}`,
  `${TOKEN} `.repeat(40),
);
const noise = fc.oneof(hostile, leak, fc.string({ unit: "binary", maxLength: 700 }));

const CODES = [
  "ENOTFOUND",
  "ECONNREFUSED",
  "CERT_HAS_EXPIRED",
  "ECONNRESET",
  "HPE_INVALID_VERSION",
];
const status = fc.oneof(
  { weight: 8, arbitrary: fc.constant(200) },
  fc.constantFrom(201, 204, 301, 304, 400, 401, 403, 404, 418, 429, 500, 501, 503),
  fc.integer({ min: 100, max: 999 }),
);
const encoding = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(undefined, "gzip", "deflate", "identity", "X-GZIP") },
  fc.constantFrom("br", "gzip, gzip", "constructor", "__proto__", "\x1b[2J"),
  noise,
);
const retryAfter = fc.oneof(
  fc.constantFrom(undefined, "0", "1", "-1", "9".repeat(400), "Sat, 24 Oct 2026 12:00:01 GMT"),
  mutated(fc.constant("Sat, 24 Oct 2026 12:00:01 GMT")),
);

/** Bytes that hold what they should, nearly do, or do not, packed as the header says, or nearly. */
function replyWith(body: fc.Arbitrary<string>, type = "application/json"): fc.Arbitrary<Reply> {
  const bytes = fc.oneof(
    { weight: 8, arbitrary: body.map((text) => encoder.encode(text)) },
    fc.uint8Array({ maxLength: 600 }),
    body.map((text) => Uint8Array.from([0xef, 0xbb, 0xbf, ...encoder.encode(text)])),
  );
  return fc.record({
    status,
    bytes,
    encoding,
    retryAfter,
    broken: fc.option(fc.tuple(fc.nat({ max: 5_000 }), fc.nat({ max: 255 })), { freq: 8 }),
    type: fc.oneof({ weight: 6, arbitrary: fc.constant(type) }, noise),
    location: fc.option(noise, { nil: undefined, freq: 8 }),
  }).map((parts) => {
    const format = parts.encoding?.toLowerCase();
    // What a target itself has cut or changed is the secret no more.
    const broken = LEAKS.test(latin1.decode(parts.bytes)) ? null : parts.broken;
    const packed = format?.endsWith("gzip") && !format.includes(",")
      ? new Uint8Array(gzipSync(parts.bytes))
      : format === "deflate"
      ? new Uint8Array(deflateSync(parts.bytes))
      : parts.bytes;
    if (broken && packed.length > 0) {
      packed[broken[0] % packed.length] = broken[1];
    }
    const cut = broken?.[1] === 0 ? packed.subarray(0, packed.length >> 1) : packed;
    return {
      status: parts.status,
      headers: {
        "content-type": parts.type,
        "content-encoding": parts.encoding,
        "retry-after": parts.retryAfter,
        "location": parts.location,
      },
      body: cut,
    };
  });
}

function endingWith(reply: fc.Arbitrary<Reply>): fc.Arbitrary<Ending> {
  return fc.oneof(
    { weight: 12, arbitrary: reply },
    fc.constantFrom(...CODES).map((code) => ({ code })),
    fc.constant<Ending>("never"),
  );
}

/** A clock and an exchange that goes through these endings; the last one comes again. */
function world(endings: readonly Ending[]) {
  const clock = new FakeClock();
  let count = 0;
  const last = () => endings[Math.min(count, endings.length) - 1];
  const exchange: Exchange = (_request, { signal }) => {
    count++;
    const ending = last();
    if (ending === "never") {
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    }
    return "code" in ending
      ? Promise.reject(Object.assign(new Error(`broke ${SECRET}\n`), ending))
      : Promise.resolve(ending);
  };
  return {
    ...{ clock, exchange, last },
    get count() {
      return count;
    },
    /** Lets time pass until the work is done; throws when it takes longer than it may. */
    async outcomeOf<T>(work: Promise<T>): Promise<{ value: T } | { error: unknown }> {
      let outcome: { value: T } | { error: unknown } | undefined;
      work.then((value) => outcome = { value }, (error) => outcome = { error });
      for (let turn = 0; !outcome; turn++) {
        assert(turn < 100_000, "it hangs");
        await settle();
        // Without a timer it is unpacking, which takes its time on the machine's own clock.
        if (clock.waiting > 0) clock.advance(500);
      }
      assertEquals(clock.waiting, 0, "a timer is left behind");
      return outcome;
    },
  };
}

/** The reply that an exchange ended with; throws when it ended otherwise. */
function replyOf(ending: Ending): Reply {
  if (ending === "never" || "code" in ending) throw new Error(`no reply: ${ending}`);
  return ending;
}

/** The error of the kind that was foreseen; throws for any other. */
function errorOf<E>({ error }: { error: unknown }, kind: new (...given: never[]) => E): E {
  if (error instanceof kind) return error;
  throw new Error("nobody foresaw this", { cause: error });
}

// deno-lint-ignore no-control-regex -- they are what is looked for
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/;

function checkMessage(message: string): void {
  assert(!UNSAFE.test(message), JSON.stringify(message));
  assert(message.length > 0 && message.length <= 700, message);
  checkSecret(message);
}

/** The secret is not there in any form that a target may have put it in. */
function checkSecret(text: string): void {
  for (const secret of [SECRET, encodeURIComponent(SECRET), JSON.stringify(SECRET).slice(1, -1)]) {
    assert(!text.includes(secret), text);
  }
}

/** Nor the token, nor the start of it that a cut has left. */
function checkToken(text: string): void {
  assert(!text.includes(TOKEN.slice(0, 40)), text);
}

const dataset = fc.oneof(
  { weight: 6, arbitrary: fc.constant('{"Id":"abc123","Type":"Dataset"}') },
  fc.constantFrom(
    ...['{"Id":"abc123"}', '{"Id":"abc124"}', '{"id":"abc123"}', '{"Id":["abc123"]}', "[]", "null"],
    ...[
      '{"Id":"abc123","Type":"dataset"}',
      '{"Id":"x","Id":"abc123"}',
      "",
      " ",
      "<html>",
      '"abc123"',
    ],
    ...['{"__proto__":{"Id":"abc123"}}', '{"Id":"abc123\\u0000"}', '{"Id":"\\ud800"}'],
    "[".repeat(10_000),
    " ".repeat(1_100_000) + '{"Id":"abc123"}',
  ),
  mutated(fc.constant('{"Id":"abc123","Type":"Dataset","description":"words"}')),
  fc.tuple(noise, noise).map(([id, extra]) => JSON.stringify({ Id: id, extra })),
  noise,
);

Deno.test("an answer of the API brings the dataset, or a reason of the closed list", async () => {
  const outcomes = new Outcomes();
  const endings = fc.array(endingWith(replyWith(dataset)), { minLength: 1, maxLength: 3 });
  const fraction = fc.double({ min: 0, max: 1, noNaN: true });
  await holds(
    fc.asyncProperty(
      endings,
      fraction,
      fc.integer({ min: -1, max: 3 }),
      async (script, chance, dice) => {
        const { clock, exchange, outcomeOf, last } = world(script);
        const journey: Journey = { attempts: [], phases: {} };
        const fails = () => Promise.reject(new OkdataError("auth", "no token"));
        const get = createClient({
          ...{ exchange, clock, redact, apiUrl: "http://api/metadata", userAgent: "test" },
          ...{ taskTimeoutMs: 60_000, requestTimeoutMs: 10_000, retries: Math.max(0, dice) },
          random: { fraction: () => chance, hex: () => "" },
          tokens: {
            get: dice < 0 ? fails : () => Promise.resolve(TOKEN),
            drop: () => chance < 0.5,
          },
          onAttempt: () => {},
        });
        const request = { seqno: 1, datasetId: "abc123", traceId: "0".repeat(32), journey };
        const outcome = await outcomeOf(get(request, new AbortController().signal));
        if ("value" in outcome) {
          const reply = replyOf(last());
          assert(isDataset(reply));
          assertEquals(journey.attempts.at(-1)?.reason, null);
          return outcomes.add(`success ${reply.headers["content-encoding"]}`);
        }
        const error = errorOf(outcome, OkdataError);
        assert(REASONS.includes(error.reason) && error.reason !== "internal", `${error.cause}`);
        checkMessage(error.message);
        const shown = error.reply?.body ?? "";
        assert(encoder.encode(shown).length <= 512, shown);
        checkSecret(shown);
        for (const text of [error.message, shown]) checkToken(text);
        assert(journey.attempts.every(({ durationSeconds }) => durationSeconds >= 0));
        outcomes.add(error.reason);
        if (shown.includes("[redacted]")) outcomes.add("redacted");
      },
    ),
  );
  outcomes.requireAll(REASONS.filter((reason) => reason !== "internal"));
  outcomes.requireAll(["success undefined", "success gzip", "success deflate", "redacted"]);
});

/** Whether a reply brings the dataset, as Node.js unpacks it. */
function isDataset({ status, headers, body }: Reply): boolean {
  const encoding = String(headers["content-encoding"] ?? "identity").trim().toLowerCase();
  const plain = encoding.endsWith("gzip")
    ? gunzipSync(body)
    : encoding === "deflate"
    ? inflateSync(body)
    : body;
  const { Id, Type = "Dataset" } = JSON.parse(
    new TextDecoder("utf-8", { fatal: true }).decode(plain),
  );
  return status === 200 && Id === "abc123" && Type === "Dataset" && plain.length <= 1024 * 1024 * 2;
}

const lifetime = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 1e5 }) },
  fc.constantFrom<unknown>(undefined, 0, -1, 1e-9, 1e400, "60", null, [], 1e15),
  fc.double(),
);
const grant = fc.oneof(
  fc.record({
    access_token: fc.oneof({ weight: 6, arbitrary: fc.constant("abc.def") }, noise),
    token_type: fc.oneof({ weight: 6, arbitrary: fc.constant("Bearer") }, noise, fc.constant(1)),
    expires_in: lifetime,
    scope: fc.option(noise),
  }, { requiredKeys: ["access_token", "token_type"] }).map((value) => JSON.stringify(value)),
  mutated(fc.constant('{"access_token":"abc","token_type":"Bearer","expires_in":60}')),
  fc.record({ error: noise, error_description: noise, error_uri: noise }, {
    requiredKeys: ["error"],
  })
    .map((value) => JSON.stringify(value)),
  noise,
);

Deno.test("an answer of the identity provider brings a token, or fails with `auth`", async () => {
  const outcomes = new Outcomes();
  await holds(fc.asyncProperty(endingWith(replyWith(grant)), async (ending) => {
    const { clock, exchange, outcomeOf } = world([ending]);
    const fetchToken = createTokenFetcher({
      ...{ exchange, clock, redact, tokenUrl: "http://login/token", clientId: "client" },
      ...{ readSecret: () => Promise.resolve(SECRET), timeoutMs: 10_000, userAgent: "test" },
    });
    const outcome = await outcomeOf(fetchToken(new AbortController().signal));
    if ("value" in outcome) {
      const { value, lifetimeMs } = outcome.value;
      assert(/^[!-~]+$/.test(value), JSON.stringify(value));
      assert(lifetimeMs >= 0 && lifetimeMs <= 30 * 86_400_000, `${lifetimeMs}`);
      assertEquals(replyOf(ending).status, 200);
      return outcomes.add("token");
    }
    const { reason, message, cause } = errorOf(outcome, OkdataError);
    assertEquals(reason, "auth");
    checkMessage(message);
    checkToken(message);
    const why = cause instanceof OkdataError ? cause.reason : "refused or broken";
    outcomes.add(message.includes("[redacted]") ? "redacted" : why);
    outcomes.add(why);
  }));
  outcomes.requireAll([
    "token",
    "refused or broken",
    "redacted",
    "timeout",
    "server_error",
    "http",
  ]);
});

const moment = fc.oneof(
  { weight: 6, arbitrary: fc.constant("2026-11-23T22:01:05.123Z") },
  fc.constantFrom(
    ...["0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999-23:59", "2026-02-29T00:00:00Z"],
    ...[
      "2026-11-23T22:01Z",
      "2026-11-23T24:00:00Z",
      "2026-12-31T23:59:60Z",
      "0001-01-01T00:00:00+23:59",
    ],
  ),
  mutated(fc.constant("2026-11-23T22:01:05.123+01:00")),
  noise,
);
const word = fc.oneof({ weight: 8, arbitrary: fc.constantFrom("abc123", "dns") }, noise);
const task = fc.record({
  state: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom("PENDING", "SUCCEEDED", "FAILED") },
    noise,
  ),
  dataset_id: word,
  created: moment,
  settled: fc.option(moment),
  duration_seconds: fc.option(
    fc.oneof(fc.constantFrom(0, 1e9, 1e-9), fc.double({ min: -1, max: 2e9 })),
  ),
  reason: fc.option(word),
  attempts: fc.array(fc.constant({}), { maxLength: 3 }),
});
const total = fc.oneof({ weight: 8, arbitrary: fc.nat() }, fc.double());
const documents = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      version: fc.oneof({ weight: 30, arbitrary: fc.constant(1) }, fc.integer(), noise),
      app_id: word,
      tracked: fc.record({ PENDING: total, SUCCEEDED: total, FAILED: total }),
      datasets: fc.nat(),
      tasks: fc.array(task, { maxLength: 3 }),
      next: fc.option(fc.nat({ max: 100 }), { freq: 3 }),
      first: fc.nat({ max: 120 }),
    }, { requiredKeys: ["version", "tasks", "next", "first"] }).map(({ first, ...document }) => ({
      ...document,
      tasks: document.tasks.map((fields, i) => ({ seqno: Math.max(0, first - i), ...fields })),
    })).map((document) => JSON.stringify(document)),
  },
  mutated(fc.constant('{"version":1,"tasks":[],"next":null}')),
  fc.tuple(fc.constantFrom("<title>", "<!doctype html><title>", "# HELP ", ""), noise)
    .map((parts) => parts.join("")),
);

Deno.test("a document of tasks is shown without harm, or refused in a line that says why", async () => {
  const outcomes = new Outcomes();
  const remote = remoteAt(new URL(`http://probe:${encodeURIComponent(SECRET)}@probe/`));
  const endings = fc.array(endingWith(replyWith(documents)), { minLength: 1, maxLength: 3 });
  const rows = fc.integer({ min: 1, max: 5 });
  await holds(
    fc.asyncProperty(
      endings,
      rows,
      fc.integer({ min: 20, max: 200 }),
      async (script, most, width) => {
        const { clock, exchange, outcomeOf } = world(script);
        const ground = { ...fakeGround().ground, clock, exchange };
        const signal = new AbortController().signal;
        const outcome = await outcomeOf(newestTasks(remote, {}, most, ground, signal));
        if ("error" in outcome) {
          const { message, brief, exitCode } = errorOf(outcome, RemoteError);
          for (const text of [message, brief]) checkMessage(text);
          assert([3, 5, 6].includes(exitCode), `${exitCode}`);
          return outcomes.add(`exit ${exitCode}`);
        }
        const { rows, severalDatasets, appId, older } = listingOf(outcome.value, {});
        const table = { severalDatasets, nowMs: clock.now(), more: `${older}` };
        const lines = renderTable(rows, table, { width, utc: true, color: false });
        for (const line of [...lines, appId]) assert(!UNSAFE.test(line), JSON.stringify(line));
        for (const line of lines) assert(stringWidth(line) <= width, JSON.stringify(line));
        assertEquals(lines.length, rows.length + 2);
        outcomes.add(rows.length > 0 ? "rows" : "none");
      },
    ),
  );
  outcomes.requireAll(["rows", "none", "exit 3", "exit 5", "exit 6"]);
});
