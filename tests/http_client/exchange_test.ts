import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { gzipSync } from "node:zlib";
import { newTimings, phasesOf } from "../../src/http_client/timings.ts";
import { createSelfSigned } from "../support/certificates.ts";
import { DATASET, realExchange, say, serving, talking, visit } from "./sockets.ts";

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
    const { status } = await (await realExchange())({
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
    const lookup = () => Promise.resolve(["127.0.0.1", "::1"]);
    const { error, reached } = await serving(
      () => new Response(DATASET),
      async (url) =>
        await visit(url.replace("localhost", "both.test"), {
          exchange: await realExchange(lookup),
        }),
      {},
      reachable,
    );
    assertEquals([error, reached], [undefined, ["resolve", "connect", "processing", "transfer"]]);
  });
}

Deno.test("an exchange with a name none of whose addresses responds names the failure of each", async () => {
  const lookup = () => Promise.resolve(["127.0.0.1", "::1"]);
  // Nothing listens on port 1, and no ephemeral port is that low.
  const { error } = await visit("http://both.test:1", {
    exchange: await realExchange(lookup),
  });
  assertEquals(error?.reason, "connect");
  assertMatch(error?.message ?? "", /^connect ECONNREFUSED 127\.0\.0\.1:1, \[::1\]:1$/);
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
