/** Malformed, unusual and malicious requests, with the statuses of the responses in their order. */

const HOST = "Host: probe\r\n";
const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`;

/** A GET of `target` with these header lines. */
const get = (target: string, headers = HOST) => `GET ${target} HTTP/1.1\r\n${headers}\r\n`;

/** A request with a body, whose length `headers` describe in one way or in several. */
const post = (headers: string, body: string) =>
  `POST /metrics HTTP/1.1\r\n${HOST}${headers}\r\n${body}`;

/** A request in Latin-1: each character is a byte. */
export type Oddity = { name: string; request: string; statuses: number[] };

const UPGRADE = `${HOST}Connection: Upgrade\r\n`;
const HTTP2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const NO_SETTINGS = "\0\0\0\x04\0\0\0\0\0";

const TABLE: Record<string, [request: string, ...statuses: number[]]> = {
  "an unknown method": [`FOO / HTTP/1.1\r\n${HOST}\r\n`, 405],
  "a method in lower case": [`get / HTTP/1.1\r\n${HOST}\r\n`, 405],
  "a method with forbidden characters": [`G@T<> / HTTP/1.1\r\n${HOST}\r\n`, 400],
  "a method of 10 kB": [`${"A".repeat(10_000)} / HTTP/1.1\r\n${HOST}\r\n`, 405],
  "TRACE": [`TRACE / HTTP/1.1\r\n${HOST}\r\n`, 405],
  "DELETE": [`DELETE /tasks HTTP/1.1\r\n${HOST}\r\n`, 405],
  "a method override header": [
    post("X-HTTP-Method-Override: GET\r\nContent-Length: 0\r\n", ""),
    405,
  ],
  "a path traversal": [get("/../../etc/passwd"), 404],
  "an escaped path traversal": [get("/%2e%2e/%2e%2e/etc/passwd"), 404],
  "a path traversal with escaped slashes": [get("/..%2f..%2fetc/passwd"), 404],
  "a path traversal with backslashes": [get("/..\\..\\etc\\passwd"), 404],
  "a path with dot segments": [get("/healthz/../metrics"), 404],
  "invalid escapes": [get("/%zz%00"), 404],
  "escapes that are not UTF-8": [get("/%ff%fe"), 404],
  "bytes that are not UTF-8": [get("/\xff\xfe"), 400],
  "a zero byte in the path": [get("/\0"), 400],
  "a path of 60 kB": [get(`/${"a".repeat(60_000)}`), 404],
  "a malformed query": [get("/tasks?%=%&&limit"), 400],
  "line ends in a query": [get("/tasks?state=%0d%0aX-Evil:%20y"), 400],
  "absolute form": [get("http://elsewhere.example/healthz"), 200],
  "absolute form, without the path": [get("http://elsewhere.example"), 200],
  "absolute form of a file": [get("file:///etc/passwd"), 404],
  "asterisk form": [`OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 404],
  "asterisk form for GET": [get("*"), 400],
  "authority form": [`CONNECT elsewhere.example:80 HTTP/1.1\r\n${HOST}\r\n`, 404],
  "authority form for GET": [get("elsewhere.example:80"), 400],
  "a path without its slash": [get("metrics"), 400],
  "no host": [get("/healthz", ""), 200],
  "two hosts": [get("/healthz", `${HOST}Host: elsewhere.example\r\n`), 400],
  "a path in the host": [get("/healthz", "Host: a/metrics?x=\r\n"), 200],
  "an invalid host": [get("/healthz", "Host: a b<>\xff\r\n"), 200],
  "HTTP/1.0": ["GET /healthz HTTP/1.0\r\n\r\n", 200],
  "HTTP/0.9": ["GET /healthz\r\n\r\n", 400],
  "HTTP/9.9": [`GET /healthz HTTP/9.9\r\n${HOST}\r\n`, 400],
  "a length and chunks": [
    post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", `0\r\n\r\n${SMUGGLED}`),
    400,
  ],
  "chunks and a length": [
    post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", `2c\r\n${SMUGGLED}\r\n0\r\n\r\n`),
    400,
  ],
  "two lengths": [post("Content-Length: 0\r\nContent-Length: 44\r\n", SMUGGLED), 400],
  "a length below 0": [post("Content-Length: -1\r\n", SMUGGLED), 400],
  "a length with a sign": [post("Content-Length: +0\r\n", SMUGGLED), 400],
  "an unknown encoding": [post("Transfer-Encoding: xchunked\r\n", `0\r\n\r\n${SMUGGLED}`), 400],
  "two encodings": [
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", `0\r\n\r\n${SMUGGLED}`),
    400,
  ],
  "a space before the colon": [
    post("Transfer-Encoding : chunked\r\n", `0\r\n\r\n${SMUGGLED}`),
    400,
  ],
  "a folded header": [get("/healthz", `${HOST}X: a\r\n b\r\n`), 400],
  "a header with a carriage return": [get("/healthz", `${HOST}X: a\rY: b\r\n`), 400],
  "a header with a zero byte": [get("/healthz", `${HOST}X: a\0b\r\n`), 400],
  "a header without a colon": [get("/healthz", `${HOST}Xyz\r\n`), 400],
  "200 headers": [get("/healthz", HOST + "X: a\r\n".repeat(200)), 400],
  "a header of 100 kB": [get("/healthz", `${HOST}X: ${"a".repeat(100_000)}\r\n`), 400],
  "a malformed Accept header": [
    get("/", `${HOST}Accept: ;;;q=,,/*q=9e999,text/html;q=NaN\r\n`),
    200,
  ],
  "a body of a GET": [
    get("/healthz", `${HOST}Content-Length: ${SMUGGLED.length}\r\n`) + SMUGGLED,
    200,
  ],
  "an upgrade to HTTP/2": [get("/healthz", `${UPGRADE}Upgrade: h2c\r\n`), 200],
  "an upgrade to a web socket": [
    get(
      "/healthz",
      `${UPGRADE}Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    ),
    200,
  ],
  "HTTP/2 without an upgrade": [HTTP2 + NO_SETTINGS],
  "HTTP/2 with an invalid frame": [
    `${HTTP2}${NO_SETTINGS}\xff\xff\xff\xff\xff\xff\xff\xff\xff`,
  ],
  "a TLS handshake on a plain port": [
    `\x16\x03\x01\0\x2e\x01\0\0\x2a\x03\x03${"\0".repeat(40)}`,
    400,
  ],
  "random bytes": ["\0\x01\x02\xff\n\n\n", 400],
};

export const ODDITIES: readonly Oddity[] = Object.entries(TABLE).map(
  ([name, [request, ...statuses]]) => ({ name, request, statuses }),
);
