import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { gzipSync } from "node:zlib";
import { createAuthority, createSelfSigned } from "../support/certificates.ts";
import { DATASET, say, serving, talking, visit } from "./sockets.ts";

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
    const { error, reason, reached: phases, elapsedMs } = await talking(
      talk,
      (url) => visit(url, { requestTimeoutMs: 200 }),
    );
    assertEquals([reason, phases], ["timeout", [...reached]]);
    assertEquals(error?.message, "no complete response within 0.2 s");
    assert(elapsedMs >= 200, `ended early, after ${elapsedMs} ms`);
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

Deno.test("a message says how much of the promised body came", async () => {
  const body = "x".repeat(29);
  const heads: [head: string, message: string][] = [
    ["content-length: 500\r\n\r\n", "the connection ended after 29 of 500 bytes of the body"],
    [
      "transfer-encoding: chunked\r\n\r\n1d\r\n",
      "the connection ended after 29 bytes of the body",
    ],
  ];
  for (const [head, message] of heads) {
    const { error } = await talking(async (connection) => {
      await say(connection, `HTTP/1.1 200 OK\r\n${head}${body}`);
      connection.close();
    }, (url) => visit(url));
    assertEquals([error?.reason, error?.message], ["reset", message]);
  }
});

Deno.test("a message names the errno and the address of a refused connection", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  const { error } = await visit(`http://127.0.0.1:${port}`);
  assertEquals(error?.message, `connect ECONNREFUSED 127.0.0.1:${port}`);
});

Deno.test("header names are read in any case, and a charset is ignored", async () => {
  const body = new Uint8Array(gzipSync(DATASET));
  const head = `HTTP/1.1 200 OK\r\nCoNtEnT-LeNgTh: ${body.length}\r\nCONTENT-ENCODING: GZIP\r\n` +
    "Content-Type: application/json; charset=iso-8859-1\r\n\r\n";
  const { reason } = await talking(
    (connection) => connection.write(concat([new TextEncoder().encode(head), body])),
    (url) => visit(url),
  );
  assertEquals(reason, undefined);
});

for (
  const [what, words] of [
    ["two different lengths", `content-length: ${DATASET.length}\r\ncontent-length: 5\r\n\r\n`],
    ["a list of lengths", `content-length: ${DATASET.length}, 5\r\n\r\n`],
    ["a negative length", "content-length: -1\r\n\r\n"],
    [
      "a length beside chunks",
      `content-length: ${DATASET.length}\r\ntransfer-encoding: chunked\r\n\r\n`,
    ],
    ["a broken chunk", "transfer-encoding: chunked\r\n\r\nzz\r\n"],
    ["a chunk longer than it says", "transfer-encoding: chunked\r\n\r\n2\r\n"],
  ] as const
) {
  Deno.test(`a response with ${what} is refused`, async () => {
    const { reason } = await talking(
      (connection) => say(connection, `HTTP/1.1 200 OK\r\n${words}${DATASET}`),
      (url) => visit(url, { requestTimeoutMs: 2_000 }),
    );
    assertEquals(reason, "invalid_response");
  });
}
