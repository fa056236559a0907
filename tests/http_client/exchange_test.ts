import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { gzipSync } from "node:zlib";
import { systemClock } from "../../src/core/clock.ts";
import { createClient } from "../../src/okdata/client.ts";
import { RequestError } from "../../src/http_client/errors.ts";
import type { Lookup } from "../../src/http_client/lookup.ts";
import { newTimings, phasesOf } from "../../src/http_client/timings.ts";
import { createExchange } from "../../src/http_client/exchange.ts";
import { systemRandom } from "../../src/core/random.ts";
import type { TaskExecution } from "../../src/core/task.ts";
import { createAuthority, createSelfSigned } from "../support/certificates.ts";

const DATASET = JSON.stringify({ Type: "Dataset", Id: "abc123" });

/** Requests `abc123` once over real sockets and returns the outcome. */
async function visit(apiUrl: string, options = {}) {
  const getDataset = createClient({
    exchange: createExchange(systemClock),
    clock: systemClock,
    random: systemRandom,
    tokens: null,
    redact: (text) => text,
    onAttempt: () => {},
    apiUrl,
    taskTimeoutMs: 5_000,
    requestTimeoutMs: 5_000,
    retries: 0,
    ...options,
  });
  const execution: TaskExecution = { attempts: [], phases: {} };
  const request = { seqno: 1, datasetId: "abc123", traceId: "0".repeat(31) + "1", execution };
  const startMs = performance.now();
  let error: RequestError | undefined;
  try {
    await getDataset(request, new AbortController().signal);
  } catch (caught) {
    if (!(caught instanceof RequestError)) throw caught;
    error = caught;
  }
  const { attempts: [attempt], phases } = execution;
  assert(attempt, "no attempt");
  return {
    error,
    reason: error?.reason,
    status: attempt.status,
    body: error?.response?.body,
    phases,
    durationSeconds: attempt.durationSeconds,
    reached: Object.keys(phases),
    elapsedMs: performance.now() - startMs,
  };
}

/** Runs `use` against a server that responds to every request so. */
async function serving<T>(
  respond: (request: Request) => Response | Promise<Response>,
  use: (url: string) => Promise<T>,
  tls: Deno.TlsCertifiedKeyPem | Record<string, never> = {},
  hostname = "127.0.0.1",
): Promise<T> {
  const controller = new AbortController();
  const server = Deno.serve({
    port: 0,
    hostname,
    signal: controller.signal,
    onListen() {},
    ...tls,
  }, respond);
  try {
    const scheme = "cert" in tls ? "https" : "http";
    return await use(`${scheme}://localhost:${server.addr.port}`);
  } finally {
    controller.abort();
    await server.finished;
  }
}

/** Runs `use` against raw sockets: `talk` gets each connection once a request has arrived. */
async function talking<T>(
  talk: (connection: Deno.TcpConn) => Promise<unknown> | unknown,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const open: Deno.TcpConn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) {
      open.push(connection);
      void (async () => {
        await connection.read(new Uint8Array(4096));
        await talk(connection);
      })().catch(() => {});
    }
  })();
  try {
    return await use(`http://127.0.0.1:${listener.addr.port}`);
  } finally {
    listener.close();
    for (const connection of open) {
      try {
        connection.close();
      } catch {
        // The test has closed it.
      }
    }
    await accepting;
  }
}

const say = (connection: Deno.TcpConn, text: string) =>
  connection.write(new TextEncoder().encode(text));

Deno.test("an exchange by name has its phases, in order, and they add up to its duration", async () => {
  const { error, phases, reached, durationSeconds } = await serving(
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return new Response(DATASET);
    },
    (url) => visit(url),
  );
  assertEquals([error, reached], [undefined, ["resolve", "connect", "processing", "transfer"]]);
  const sum = Object.values(phases).reduce((total, seconds) => total + seconds, 0);
  assertAlmostEquals(sum, durationSeconds, 0.001);
  assert((phases.processing ?? 0) >= 0.029, `processing took ${phases.processing} s`);
});

Deno.test("an exchange by address has no phase of resolving", async () => {
  const { reached } = await talking(
    (connection) =>
      say(connection, `HTTP/1.1 200 OK\r\ncontent-length: ${DATASET.length}\r\n\r\n${DATASET}`),
    (url) => visit(url),
  );
  assertEquals(reached, ["connect", "processing", "transfer"]);
});

for (const scheme of ["http", "https"]) {
  Deno.test(`an exchange over ${scheme} counts the reading of a response that arrived whole to no phase`, async () => {
    const pair = await createSelfSigned("localhost");
    const address = { port: 0, hostname: "127.0.0.1" };
    const isSecure = scheme === "https";
    using listener = isSecure ? Deno.listenTls({ ...address, ...pair }) : Deno.listen(address);
    const responding = (async () => {
      using connection = await listener.accept();
      await connection.read(new Uint8Array(4096));
      await connection.write(new TextEncoder().encode(
        `HTTP/1.1 200 OK\r\ncontent-length: ${DATASET.length}\r\n\r\n${DATASET}`,
      ));
    })();
    const timings = newTimings(performance.now());
    const { status } = await createExchange(systemClock)({
      url: new URL(`${scheme}://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`),
      method: "GET",
      headers: {},
      certificate: isSecure ? new X509Certificate(pair.cert).raw : null,
    }, { signal: new AbortController().signal, timings });
    await responding;
    assertEquals(status, 200);
    assertEquals(phasesOf(timings, timings.wholeMs ?? NaN).transfer, 0);
  });
}

for (const reachable of ["127.0.0.1", "::1"]) {
  Deno.test(`an exchange with a name of both families succeeds when ${reachable} alone is reachable`, async () => {
    const first = { address: "127.0.0.1", family: 4 };
    const both = [first, { address: "::1", family: 6 }];
    const lookup: Lookup = (_hostname, { all }, callback) =>
      all ? callback(null, both, 0) : callback(null, first.address, first.family);
    const { error, reached } = await serving(
      () => new Response(DATASET),
      (url) =>
        visit(url.replace("localhost", "both.test"), {
          exchange: createExchange(systemClock, lookup),
        }),
      {},
      reachable,
    );
    assertEquals([error, reached], [undefined, ["resolve", "connect", "processing", "transfer"]]);
  });
}

Deno.test("an exchange with a name none of whose addresses responds names the failure of each", async () => {
  const both = [{ address: "127.0.0.1", family: 4 }, { address: "::1", family: 6 }];
  const lookup: Lookup = (_hostname, _options, callback) => callback(null, both, 0);
  // Nothing listens on port 1, and no ephemeral port is that low.
  const { error } = await visit("http://both.test:1", {
    exchange: createExchange(systemClock, lookup),
  });
  assertEquals(error?.reason, "connect");
  assertMatch(error?.message ?? "", /127\.0\.0\.1:1.*; .*::1:1/);
});

Deno.test("an exchange uses a connection of its own", async () => {
  const ports = new Set<number>();
  const requests = 5;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (_request, info) => {
    ports.add((info.remoteAddr as Deno.NetAddr).port);
    return new Response(DATASET);
  });
  for (let i = 0; i < requests; i++) await visit(`http://127.0.0.1:${server.addr.port}`);
  await server.shutdown();
  assertEquals(ports.size, requests);
});

for (
  const [status, reason] of [
    [401, "unauthorized"],
    [403, "unauthorized"],
    [404, "not_found"],
    [410, "http"],
    [429, "rate_limited"],
    [500, "server_error"],
    [501, "server_error"],
    [502, "server_error"],
    [503, "server_error"],
    [504, "server_error"],
    [204, "http"],
    [304, "http"],
  ] as const
) {
  Deno.test(`a response with status ${status} is \`${reason}\``, async () => {
    const body = [204, 304].includes(status) ? null : "why not";
    const { error } = await serving(() => new Response(body, { status }), (url) => visit(url));
    assertEquals([error?.reason, error?.response?.status, error?.response?.body], [
      reason,
      status,
      body ?? "",
    ]);
  });
}

Deno.test("a redirect is `http` and is not followed", async () => {
  const requested: string[] = [];
  const { reason } = await serving((request) => {
    requested.push(new URL(request.url).pathname);
    return new Response(null, { status: 302, headers: { location: "/elsewhere" } });
  }, (url) => visit(url));
  assertEquals([reason, requested], ["http", ["/abc123"]]);
});

for (
  const [what, body] of [
    ["HTML", "<html></html>"],
    ["broken JSON", '{"Id": "abc'],
    ["another Id", '{"Id": "abc124"}'],
    ["an empty body", ""],
    ["invalid UTF-8", new Uint8Array([0x22, 0xff, 0x22])],
  ] as const
) {
  Deno.test(`a response of status 200 with ${what} is \`invalid_response\``, async () => {
    const { reason } = await serving(() => new Response(body), (url) => visit(url));
    assertEquals(reason, "invalid_response");
  });
}

Deno.test("a body of 100 MB ends the exchange at the limit", async () => {
  let sent = 0;
  const chunk = new Uint8Array(64 * 1024).fill(0x20);
  const { reason } = await serving(() =>
    new Response(
      new ReadableStream({
        pull(controller) {
          if (sent >= 100e6) return controller.close();
          sent += chunk.length;
          controller.enqueue(chunk);
        },
      }),
    ), (url) => visit(url));
  assertEquals(reason, "invalid_response");
  assert(sent < 20e6, `${sent} bytes were sent`);
});

Deno.test("a gzip body is decompressed; a bomb and a broken one are `invalid_response`", async () => {
  const bomb = gzipSync(new Uint8Array(50e6));
  for (
    const [body, expected] of [
      [gzipSync(DATASET), undefined],
      [bomb, "invalid_response"],
      [gzipSync(DATASET).subarray(0, 20), "invalid_response"],
    ] as const
  ) {
    const { reason } = await serving(
      () =>
        new Response(body as Uint8Array<ArrayBuffer>, { headers: { "content-encoding": "gzip" } }),
      (url) => visit(url),
    );
    assertEquals(reason, expected);
  }
});

Deno.test("a host name that does not exist is `dns`", async () => {
  const { reason, reached } = await visit("http://no-such-host.invalid");
  assertEquals([reason, reached], ["dns", ["resolve"]]);
});

Deno.test("a refused connection is `connect`", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  const { reason, reached } = await visit(`http://127.0.0.1:${port}`);
  assertEquals([reason, reached], ["connect", ["connect"]]);
});

Deno.test("a connection that ends before the headers is `reset`", async () => {
  const { reason, reached } = await talking(
    (connection) => connection.close(),
    (url) => visit(url),
  );
  assertEquals([reason, reached], ["reset", ["connect", "processing"]]);
});

Deno.test("a connection that ends inside the body is `reset`", async () => {
  for (
    const head of [
      "content-length: 1000\r\n\r\nhalf",
      "transfer-encoding: chunked\r\n\r\n5\r\nhalf ",
    ]
  ) {
    const { reason, reached } = await talking(async (connection) => {
      await say(connection, `HTTP/1.1 200 OK\r\n${head}`);
      connection.close();
    }, (url) => visit(url));
    assertEquals([reason, reached], ["reset", ["connect", "processing", "transfer"]], head);
  }
});

Deno.test("a response that is not HTTP is `invalid_response`", async () => {
  for (const words of ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/9.9 banana\r\n\r\n", "\0\0\0\0"]) {
    const { reason } = await talking((connection) => say(connection, words), (url) => visit(url));
    assertEquals(reason, "invalid_response", words);
  }
});

for (
  const [what, talk, reached] of [
    ["never responds", () => {}, ["connect", "processing"]],
    [
      "stalls after the headers",
      (connection: Deno.TcpConn) => say(connection, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"),
      ["connect", "processing", "transfer"],
    ],
    [
      "sends a byte now and then",
      async (connection: Deno.TcpConn) => {
        await say(connection, "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n");
        for (let i = 0; i < 100; i++) {
          await say(connection, " ");
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      },
      ["connect", "processing", "transfer"],
    ],
  ] as const
) {
  Deno.test(`an exchange with a target that ${what} ends at the timeout`, async () => {
    const { reason, reached: phases, durationSeconds, elapsedMs } = await talking(
      talk,
      (url) => visit(url, { requestTimeoutMs: 200 }),
    );
    assertEquals([reason, phases], ["timeout", [...reached]]);
    // The limit counts from when the request is made, the duration from the connection.
    assert(elapsedMs >= 200, `ended early, after ${elapsedMs} ms`);
    assert(durationSeconds < 0.3, `ended late, after ${durationSeconds} s`);
  });
}

Deno.test("an exchange whose TLS handshake hangs ends at the timeout, in that phase", async () => {
  const { reason, reached } = await talking(
    () => {},
    (url) => visit(url.replace("http:", "https:"), { requestTimeoutMs: 200 }),
  );
  assertEquals([reason, reached], ["timeout", ["connect", "tls"]]);
});

Deno.test("an exchange over https with an http port is `tls`", async () => {
  const { reason } = await serving(
    () => new Response(DATASET),
    (url) => visit(url.replace("http:", "https:")),
  );
  assertEquals(reason, "tls");
});

Deno.test("self-signed, expired, wrong-host and unknown certificates are `tls`", async () => {
  const authority = await createAuthority();
  for (
    const [what, pair] of [
      ["self-signed", await createSelfSigned("localhost")],
      ["expired", await authority.issue("localhost", -1)],
      ["for another host", await authority.issue("example.org")],
      ["of an unknown authority", await authority.issue("localhost")],
    ] as const
  ) {
    const { reason, reached } = await serving(
      () => new Response(DATASET),
      (url) => visit(url),
      { cert: pair.cert, key: pair.key },
    );
    assertEquals([reason, reached], ["tls", ["resolve", "connect", "tls"]], what);
  }
});

Deno.test("a response that switches protocols, unrequested, is `http`", async () => {
  const { reason, status } = await talking(
    (connection) =>
      say(
        connection,
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
      ),
    (url) => visit(url),
  );
  assertEquals([reason, status], ["http", 101]);
});

Deno.test("an exchange ignores what follows a whole response", async () => {
  for (const [head, body, reason] of [["200 OK", DATASET, undefined], ["204 No", "", "http"]]) {
    const whole = `HTTP/1.1 ${head}\r\ncontent-length: ${body?.length}\r\n\r\n${body}`;
    const visited = await talking(
      (connection) => say(connection, `${whole}and more`),
      (url) => visit(url),
    );
    assertEquals(visited.reason, reason, head);
  }
});

Deno.test("an exchange skips interim responses, at most 20", async () => {
  const hint = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n";
  const whole = `HTTP/1.1 200 OK\r\ncontent-length: ${DATASET.length}\r\n\r\n${DATASET}`;
  const { error } = await talking((connection) => say(connection, hint + whole), (url) => {
    return visit(url);
  });
  assertEquals(error, undefined);

  const endless = await talking(async (connection) => {
    for (;;) await say(connection, hint.repeat(100));
  }, (url) => visit(url));
  assertEquals([endless.reason, endless.error?.message], [
    "invalid_response",
    "more than 20 interim responses",
  ]);
});

Deno.test("a response that ends early keeps its status and the start of its body", async () => {
  const { reason, status, body } = await talking(async (connection) => {
    await say(connection, "HTTP/1.1 500 Oops\r\ncontent-length: 1000\r\n\r\nhalf of it");
    connection.close();
  }, (url) => visit(url));
  assertEquals([reason, status, body], ["reset", 500, "half of it"]);
});
