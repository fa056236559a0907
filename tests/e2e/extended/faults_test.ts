import { assertEquals, assertMatch } from "@std/assert";
import type { Faults } from "../../../local/http_server/faults.ts";
import { type Reason, reasonsFrom } from "../../../src/core/reasons.ts";
import { DATASET_ID, run, test } from "../../support/program.ts";
import {
  readHead,
  readOneByte,
  startEmulator,
  startRawServer,
  startServer,
  type Target,
  write,
} from "../../support/targets.ts";

type Fault = {
  /** The name of the test, in full, so that the exception list can be checked. */
  name: string;
  code: number;
  reason: Reason;
  target: () => Target;
  env?: Record<string, string>;
};

/** Long enough for any response that does come, short for one that does not. */
const SHORT = { TASK_TIMEOUT_SECONDS: "0.4" };

const OK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

function emulator(faults: Partial<Faults>): () => Target {
  return () => {
    const started = startEmulator({ faults });
    return { ...started, url: started.apiUrl };
  };
}

function reply(...args: ConstructorParameters<typeof Response>): () => Target {
  return () => startServer(() => new Response(...args));
}

/** Sends `text` when the whole request is there, then does `after`, by default nothing. */
function raw(text: string, after?: (connection: Deno.Conn) => unknown): () => Target {
  return () =>
    startRawServer(async (connection) => {
      await readHead(connection);
      await write(connection, text);
      await after?.(connection);
    });
}

/** Sends `text` and resets the connection. */
function resetAfter(text: string): () => Target {
  return () =>
    startRawServer(async (connection) => {
      await readOneByte(connection);
      await write(connection, text);
      connection.close();
    });
}

/** Nothing is started: the address is all that there is. */
function address(url: string): () => Target {
  return () => ({ url, [Symbol.asyncDispose]: () => Promise.resolve() });
}

const close = (connection: Deno.Conn) => connection.close();

const FAULTS: Fault[] = [
  {
    name: "404: exit 1, not_found",
    code: 1,
    reason: "not_found",
    target: emulator({ status: 404 }),
  },
  {
    name: "401: exit 1, unauthorized",
    code: 1,
    reason: "unauthorized",
    target: emulator({ status: 401 }),
  },
  {
    name: "403: exit 1, unauthorized",
    code: 1,
    reason: "unauthorized",
    target: emulator({ status: 403 }),
  },
  {
    name: "429: exit 1, rate_limited",
    code: 1,
    reason: "rate_limited",
    target: emulator({ status: 429 }),
  },
  {
    name: "500: exit 1, server_error",
    code: 1,
    reason: "server_error",
    target: emulator({ status: 500 }),
  },
  {
    name: "501: exit 1, server_error",
    code: 1,
    reason: "server_error",
    target: emulator({ status: 501 }),
  },
  { name: "418: exit 1, http", code: 1, reason: "http", target: emulator({ status: 418 }) },
  { name: "204: exit 1, http", code: 1, reason: "http", target: emulator({ status: 204 }) },
  {
    name: "a redirect: exit 1, http",
    code: 1,
    reason: "http",
    target: reply(null, { status: 302, headers: { location: "/elsewhere" } }),
  },

  {
    name: "no response: exit 4, timeout",
    code: 4,
    reason: "timeout",
    target: emulator({ hang_percent: 100 }),
    env: SHORT,
  },
  {
    name: "a response that stops after the headers: exit 4, timeout",
    code: 4,
    reason: "timeout",
    target: raw(`${OK}Content-Length: 100\r\n\r\n`),
    env: SHORT,
  },
  {
    name: "a response that stops in the body: exit 4, timeout",
    code: 4,
    reason: "timeout",
    target: raw(`${OK}Content-Length: 100\r\n\r\n{"Id":`),
    env: SHORT,
  },
  {
    name: "a response that drips: exit 4, timeout",
    code: 4,
    reason: "timeout",
    target: raw(`${OK}Content-Length: 100000\r\n\r\n`, drip),
    env: SHORT,
  },

  {
    // Nobody listens on port 1, and no ephemeral port is that low.
    name: "a refused port: exit 5, connect",
    code: 5,
    reason: "connect",
    target: address("http://127.0.0.1:1"),
  },
  {
    name: "a name that does not exist: exit 5, dns",
    code: 5,
    reason: "dns",
    target: address("http://nothing.invalid"),
  },
  {
    name: "a server that does not speak TLS: exit 5, tls",
    code: 5,
    reason: "tls",
    target: () => {
      const server = reply("plain")();
      return { ...server, url: server.url.replace("http:", "https:") };
    },
  },
  {
    name: "a reset before the headers: exit 5, reset",
    code: 5,
    reason: "reset",
    target: resetAfter(""),
    env: SHORT,
  },
  {
    name: "a reset in the body: exit 5, reset",
    code: 5,
    reason: "reset",
    target: resetAfter(`${OK}Content-Length: 100\r\n\r\n{"Id":`),
    env: SHORT,
  },
  {
    name: "an end before the headers: exit 5, reset",
    code: 5,
    reason: "reset",
    target: raw("", close),
    env: SHORT,
  },
  {
    name: "an end in the headers: exit 5, reset",
    code: 5,
    reason: "reset",
    target: raw("HTTP/1.1 200 OK\r\nContent-Ty", close),
    env: SHORT,
  },
  {
    name: "an end in a body of known length: exit 5, reset",
    code: 5,
    reason: "reset",
    target: raw(`${OK}Content-Length: 100\r\n\r\n{"Id":`, close),
    env: SHORT,
  },
  {
    name: "an end in a chunked body: exit 5, reset",
    code: 5,
    reason: "reset",
    target: raw(`${OK}Transfer-Encoding: chunked\r\n\r\n6\r\n{"Id":\r\n`, close),
    env: SHORT,
  },
  {
    name: "the emulator's cut body: exit 5, reset",
    code: 5,
    reason: "reset",
    target: emulator({ reset_percent: 100 }),
    env: SHORT,
  },

  {
    name: "a response that is not HTTP: exit 6, invalid_response",
    code: 6,
    reason: "invalid_response",
    target: raw("220 mail.example ESMTP\r\n", close),
    env: SHORT,
  },
  {
    name: "a chunked body that is broken: exit 6, invalid_response",
    code: 6,
    reason: "invalid_response",
    target: raw(`${OK}Transfer-Encoding: chunked\r\n\r\nnonsense\r\n`),
    env: SHORT,
  },
  {
    name: "200 with HTML: exit 6, invalid_response",
    code: 6,
    reason: "invalid_response",
    target: emulator({ body: "html" }),
  },
  {
    name: "200 with broken JSON: exit 6, invalid_response",
    code: 6,
    reason: "invalid_response",
    target: emulator({ body: "broken_json" }),
  },
  {
    name: "200 with another dataset's Id: exit 6, invalid_response",
    code: 6,
    reason: "invalid_response",
    target: emulator({ body: "other_id" }),
  },
  {
    name: "200 with an empty body: exit 6, invalid_response",
    code: 6,
    reason: "invalid_response",
    target: emulator({ body: "empty" }),
  },
  {
    name: "200 without an Id: exit 6, invalid_response",
    code: 6,
    reason: "invalid_response",
    target: reply(JSON.stringify({ Type: "Dataset", title: "nameless" })),
  },
  {
    name: "200 with null: exit 6, invalid_response",
    code: 6,
    reason: "invalid_response",
    target: reply("null"),
  },
  {
    name: "200 with a body that is not what its encoding says: exit 6, invalid_response",
    code: 6,
    reason: "invalid_response",
    target: reply("plain", { headers: { "content-encoding": "gzip" } }),
  },
  {
    name: "200 with a body over a mebibyte: exit 6, invalid_response",
    code: 6,
    reason: "invalid_response",
    target: reply(JSON.stringify({ Id: DATASET_ID, more: "x".repeat(1024 * 1024) })),
  },
];

async function drip(connection: Deno.Conn): Promise<void> {
  for (;;) {
    await write(connection, " ");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test("every reason but those of the identity provider and the probe has a fault here", () => {
  const expected = reasonsFrom("network", "platform").sort();
  assertEquals([...new Set(FAULTS.map(({ reason }) => reason))].sort(), expected);
});

for (const { name, code, reason, target, env } of FAULTS) {
  test(name, async () => {
    await using started = target();
    const ended = await run({
      args: ["--once", "--json"],
      env: { DATASET_ID, OKDATA_API_URL: started.url, RETRIES: "0", ...env },
    });

    const { tasks } = JSON.parse(ended.stdout || '{"tasks":[{}]}');
    assertEquals(
      { code: ended.code, state: tasks[0].state, reason: tasks[0].reason, stderr: ended.stderr },
      { code, state: "FAILED", reason, stderr: "" },
    );
    assertEquals(tasks[0].attempts.map((attempt: { reason: string }) => attempt.reason), [reason]);
  });
}

test("the line of a failure names its reason, its attempts and the status", async () => {
  await using emulator = startEmulator({ faults: { status: 502 } });
  const { stdout } = await run({
    args: ["--once"],
    env: { DATASET_ID, OKDATA_API_URL: emulator.apiUrl, RETRIES: "1" },
  });

  assertMatch(
    stdout,
    /^#1 abc123 FAILED in \d+\.\d{3} s after 2 attempts: server_error: status 502: .*\nabc123: failing, 0 of 1 task succeeded, 1 failed \(server_error\); http:.*\n$/,
  );
});

test("a redirect is not followed", async () => {
  await using target = startServer(({ path }) =>
    Response.json(
      { Id: DATASET_ID },
      path.endsWith(DATASET_ID) ? { status: 302, headers: { location: "/elsewhere" } } : {},
    )
  );
  const { code } = await run({ args: ["--once"], env: { DATASET_ID, OKDATA_API_URL: target.url } });

  assertEquals(code, 1);
  assertEquals(target.requests.map(({ path }) => path), [`/${DATASET_ID}`]);
});

test("successes do not hide a failure", async () => {
  await using target = startServer((_, count) =>
    Response.json({ Id: count === 2 ? "another" : DATASET_ID })
  );
  const { code } = await run({
    args: ["--count", "3"],
    env: { DATASET_ID, OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "0.01" },
  });

  assertEquals(code, 6);
});

test("failures that need different exit codes give 1", async () => {
  await using target = startServer((_, count) =>
    count === 1 ? Response.json({ Id: "another" }) : new Promise(() => {})
  );
  const { code, stdout } = await run({
    args: ["--count", "2", "--json"],
    env: {
      DATASET_ID,
      OKDATA_API_URL: target.url,
      TASK_INTERVAL_SECONDS: "0.01",
      RETRIES: "0",
      ...SHORT,
    },
  });

  const reasons = JSON.parse(stdout).tasks.map(({ reason }: { reason: string }) => reason);
  assertEquals(reasons.sort(), ["invalid_response", "timeout"]);
  assertEquals(code, 1);
});
