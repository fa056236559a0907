/** Random bytes that are or resemble HTTP requests, over real sockets to the real program. */
import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { send } from "../attack/bytes.ts";
import { startLoop, test } from "../support/program.ts";
import { scrape } from "../support/scrape.ts";
import { respondWithDataset, startServer } from "../support/targets.ts";
import { holds, HOSTILE, mostly, mutated, Outcomes, RUNS } from "./runs.ts";
import { anyCharacter } from "../support/arbitraries.ts";

/** Concurrent inputs, each on a connection of its own; fewer than the program refuses. */
const CONCURRENT = 100;

/** How long a connection may take to end by itself after the responses. */
const QUIET_MS = 40;

/** How long a connection may take to end once its client has closed its half. */
const MAX_END_MS = 10_000;

/** Ends most connections: only a body or an incomplete header can contain it. */
const LAST_REQUEST = "\r\n\r\nGET /healthz HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";

const hostile = fc.constantFrom(...HOSTILE);
const noise = fc.string({ unit: anyCharacter, maxLength: 20 });
const long = fc.constantFrom("a", "/", "%41", ";", "\t").map((part) => part.repeat(70_000));

const method = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("GET", "HEAD") },
  {
    weight: 3,
    arbitrary: fc.constantFrom(..."POST PUT DELETE OPTIONS TRACE CONNECT PATCH get G".split(" ")),
  },
  { weight: 1, arbitrary: fc.oneof(noise, hostile) },
);
const unusualPath = fc.constantFrom(
  ..."/ /metrics /tasks /healthz /readyz /events /nothing // /tasks/ /../../etc/passwd * .".split(
    " ",
  ),
  ..."/%2e%2e/tasks /tasks%00 http://probe/tasks http://[::1/ https://a:b@probe:0/ ftp://x/ \\"
    .split(" "),
  ...["probe:443", "//evil/metrics", "http://", "/tasks;a=b", "/TASKS", "/metrics#a", "?"],
);
const path = mostly(fc.constantFrom("/", "/tasks", "/metrics"), unusualPath, 1);
const query = fc.array(
  fc.tuple(
    fc.oneof(
      fc.constantFrom("state", "dataset_id", "reason", "before", "limit", "page", "task"),
      hostile,
    ),
    fc.oneof(fc.constantFrom("failed", "abc123", "dns", "7", "1000", ""), hostile, noise),
    fc.constantFrom(encodeURI, encodeURI, String),
  ).map(([name, value, encode]) =>
    `${encode(name.toWellFormed())}=${encode(value.toWellFormed())}`
  ),
  { maxLength: 3 },
).map((pairs) => pairs.length === 0 ? "" : `?${pairs.join("&")}`);
const target = fc.oneof(
  { weight: 20, arbitrary: fc.tuple(path, query).map((parts) => parts.join("")) },
  { weight: 4, arbitrary: mutated(path) },
  { weight: 1, arbitrary: long.map((text) => `/${text}`) },
);
const version = fc.oneof(
  { weight: 30, arbitrary: fc.constant("HTTP/1.1") },
  { weight: 1, arbitrary: fc.constantFrom("HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "http/1.1", "") },
);
const header = fc.constantFrom(
  "Accept: text/html",
  "Accept: text/html;q=NaN,*/*;q=1e9,;;,=",
  "Accept: application/openmetrics-text; version=1.0.0",
  "Prefer: return=minimal",
  "Accept-Encoding: gzip, br;q=0",
  "Authorization: Basic %%%",
  "Authorization: Bearer",
  "Connection: keep-alive, upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Content-Length: 5",
  "Transfer-Encoding: chunked",
  "Expect: 100-continue",
  "Expect: anything",
  "Range: bytes=0-18446744073709551615",
  "If-Modified-Since: never",
  'Forwarded: for="_<script>"',
  "Cookie: a=b; a",
  "X:",
  "X: \xff\x80",
);
const brokenHeader = fc.oneof(
  fc.constantFrom(
    "Host:",
    "Host: <script>",
    "Host: [::1",
    "Host: a:99999",
    "Host: a/b?c#d@e",
    "Content-Length: -1",
    "Content-Length: 18446744073709551616",
    "Transfer-Encoding: gzip, chunked",
    " folded: line",
    "no colon",
    ": no name",
  ),
  mutated(header),
  fc.tuple(noise, noise).map((pair) => pair.join(": ")),
);
const headers = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.array(fc.oneof({ weight: 20, arbitrary: header }, brokenHeader), {
      maxLength: 6,
    }),
  },
  { weight: 1, arbitrary: long.map((text) => [`X: ${text}`]) },
  { weight: 1, arbitrary: fc.nat({ max: 300 }).map((count) => Array(count).fill("X: y")) },
);
const body = fc.oneof(
  { weight: 12, arbitrary: fc.constant("") },
  fc.constantFrom(
    "hello",
    "5\r\nhello\r\n0\r\n\r\n",
    "ffffffffffffffff\r\n",
    "-1\r\n",
    "0\r\n\r\n",
  ),
  noise,
);

const request = fc.record({ method, target, version, headers, body }).map((parts) =>
  `${parts.method} ${parts.target} ${parts.version}\r\n` +
  ["Host: probe", ...parts.headers].join("\r\n") + `\r\n\r\n${parts.body}`
);
/** Valid requests, and the statuses that they must get whatever other connections send. */
const EXPECTED = new Map(
  Object.entries({
    "GET /healthz": "200",
    "GET /metrics": "200",
    "HEAD /tasks": "200",
    "GET /tasks?limit=1": "200",
    "GET /tasks?limit=1001": "400",
    "GET /?page=x": "200",
    "GET /nothing": "404",
    "PUT /metrics": "405",
  }).map(([line, status]) => [`${line} HTTP/1.1\r\nHost: probe\r\n\r\n`, status]),
);
const input = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(...EXPECTED.keys()) },
  { weight: 16, arbitrary: request },
  { weight: 4, arbitrary: mutated(request) },
  { weight: 1, arbitrary: fc.tuple(request, request).map((pair) => pair.join("")) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((raw) => latin1.decode(raw)) },
  {
    weight: 1,
    arbitrary: mutated(fc.constant("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")),
  },
);

const latin1 = new TextDecoder("latin1");

test("requests of random bytes neither crash nor block the program, and cost no slot", async () => {
  await using target = startServer(respondWithDataset);
  await using program = await startLoop({
    env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "1", LOG_FORMAT: "json" },
  });
  const { port } = new URL(program.url);
  const outcomes = new Outcomes([
    "200",
    "400",
    "404",
    "405",
    "h2",
    "none",
  ]);
  await holds(
    fc.asyncProperty(
      fc.array(input, { minLength: CONCURRENT, maxLength: CONCURRENT }),
      async (inputs) => {
        const exchanges = await Promise.all(inputs.map((each) => start(Number(port), each)));
        // Requests are served in order: after this response the others have theirs. A client that
        // closes its connection before gets no response, and nothing could be checked.
        await (await fetch(`${program.url}/tasks?limit=1`)).body?.cancel();
        for (const { input, output } of await Promise.all(exchanges.map(end))) {
          check(input, output, outcomes);
        }
        const health = await fetch(`${program.url}/healthz`);
        assertEquals([health.status, (await health.json()).status], [200, "ok"]);
        assertEquals(faultsIn(program.stderr), []);
      },
    ),
    // A failure names its input: to shrink the other 99 would tell nothing.
    { numRuns: Math.ceil(RUNS / CONCURRENT), endOnFailure: true, outcomes },
  );
  const { value } = await scrape(program.url);
  assertEquals(value("probe_slots_skipped_total"), 0);
  assertEquals(target.requests.length > 0, true);
});

type Started = { input: string; connection: Deno.TcpConn; output: Promise<string> };

/** Sends the input and the last request, and starts to read until the connection ends. */
async function start(port: number, input: string): Promise<Started> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const output = read(connection);
  // The program may close the connection at the first invalid byte.
  await Promise.race([send(connection, input + LAST_REQUEST).catch(() => {}), output]);
  return { input, connection, output };
}

async function read(connection: Deno.TcpConn): Promise<string> {
  const buffer = new Uint8Array(64 * 1024);
  let output = "";
  try {
    for (let length = await connection.read(buffer); length !== null;) {
      output += latin1.decode(buffer.subarray(0, length));
      length = await connection.read(buffer);
    }
  } catch {
    // The program closed the connection before it had read everything, which resets it.
  }
  return output;
}

/** The output of a connection, which must end once its client has closed its half. */
async function end({ input, connection, output }: Started) {
  using _ = connection;
  // A valid input cannot contain the last request: the connection ends, on a busy machine late.
  if (!await settlesWithin(EXPECTED.has(input) ? MAX_END_MS : QUIET_MS, output)) {
    await connection.closeWrite().catch(() => {});
    assert(await settlesWithin(MAX_END_MS, output), `still open: ${show(input)}`);
  }
  return { input, output: await output };
}

/** Whether a promise is fulfilled within `limitMs`. */
async function settlesWithin(limitMs: number, promise: Promise<unknown>): Promise<boolean> {
  const { promise: tooLate, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), limitMs);
  try {
    return await Promise.race([promise.then(() => true), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** Checks the responses to one input: valid ones are right, and none is a 5xx. */
function check(input: string, output: string, outcomes: Outcomes): void {
  const isHttp2 = output !== "" && !output.startsWith("HTTP/1.");
  assert(!isHttp2 || input.startsWith("PRI"), `${show(input)}: ${show(output)}`);
  const statuses = [...output.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status = ""]) => status);
  for (const status of statuses) {
    assert(!status.startsWith("5"), `${show(input)}: ${show(output)}`);
    outcomes.add(status);
  }
  const expected = EXPECTED.get(input);
  if (expected) {
    assertEquals(statuses[0], expected, `${show(input)}: ${show(output)}`);
  }
  if (statuses.length === 0) outcomes.add(isHttp2 ? "h2" : "none");
}

/** Bytes of a failure, in a line of bounded length; the seed of the run repeats all of them. */
function show(text: string): string {
  return JSON.stringify(text.slice(0, 1_000));
}

/** Lines of the log in JSON that report a fault. */
function faultsIn(log: string): string[] {
  return log.split("\n").slice(0, -1).filter((line) => {
    const level = line.startsWith("{") ? JSON.parse(line).level : "no JSON";
    return !["debug", "info"].includes(level);
  });
}
