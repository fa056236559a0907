import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createAuthority, createSelfSigned, type Pair } from "../../support/certificates.ts";
import { assertHasSecurityHeaders } from "../../support/server.ts";
import { DATASET_ID, eventually, run, type Start, startLoop, test } from "../../support/program.ts";

const TOKEN = "t0ken-of-the.scraper~";
const PAIR = "on-call:pässw0rd: with a colon";

/** Paths that need credentials, some of them similar to those that do not. */
const GUARDED = [
  "/",
  "/metrics",
  "/tasks",
  "/events",
  "/nothing",
  "//healthz",
  "/healthz/",
  "/HEALTHZ",
];
const OPEN = ["/healthz", "/readyz"];

/** A platform that refuses connections: only the probe's own endpoints matter here. */
const NO_PLATFORM = { DATASET_ID, OKDATA_API_URL: "http://127.0.0.1:9/none", LOG_LEVEL: "debug" };

function basic(pair: string): string {
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(pair)))}`;
}

async function statusOf(url: string, authorization?: string, method = "GET"): Promise<number> {
  const headers: HeadersInit = authorization === undefined ? {} : { authorization };
  const response = await fetch(url, { method, headers });
  await response.body?.cancel();
  return response.status;
}

/** A temporary folder, removed when it is disposed of. */
async function temporaryFolder(): Promise<
  AsyncDisposable & { put(name: string, text: string): string }
> {
  const path = await Deno.makeTempDir({ prefix: "access-" });
  return {
    put(name, text) {
      Deno.writeTextFileSync(`${path}/${name}`, text);
      return `${path}/${name}`;
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

test("probe without configured credentials responds to every client", async () => {
  await using probe = await startLoop({ env: NO_PLATFORM });
  for (const path of ["/", "/metrics", "/tasks", ...OPEN]) {
    assertEquals(await statusOf(probe.url + path), 200, path);
    assertEquals(await statusOf(probe.url + path, "Bearer anything"), 200, path);
  }
});

const CONFIGURED: [what: string, env: Record<string, string>, allowed: string[]][] = [
  ["a bearer token", { HTTP_BEARER_TOKEN: TOKEN }, [`Bearer ${TOKEN}`, `bearer ${TOKEN}`]],
  ["a user and password", { HTTP_BASIC_AUTH: PAIR }, [basic(PAIR)]],
  [
    "a bearer token or a user and password",
    { HTTP_BEARER_TOKEN: TOKEN, HTTP_BASIC_AUTH: PAIR },
    [`Bearer ${TOKEN}`, basic(PAIR)],
  ],
];

/** Authorization headers that must be refused. */
const WRONG = [
  undefined,
  "",
  "Bearer",
  "Bearer ",
  `Bearer ${TOKEN}x`,
  `Bearer ${TOKEN.slice(0, -1)}`,
  `Bearer ${TOKEN.toUpperCase()}`,
  `Bearer wrong, Bearer ${TOKEN}`,
  `Bearer ${TOKEN}, Bearer wrong`,
  `Token ${TOKEN}`,
  TOKEN,
  basic("on-call:"),
  basic(":"),
  basic(PAIR.toUpperCase()),
  basic(`${PAIR}x`),
  basic(`${PAIR}\n`),
  `${basic(PAIR)} x`,
  basic("on-call:pässw0rd"),
  "Basic !!!",
  "Basic",
  `Basic ${TOKEN}`,
  "Negotiate abc",
];

for (const [what, env, allowed] of CONFIGURED) {
  test(`probe with ${what} refuses everything but the health without them`, async () => {
    await using probe = await startLoop({ env: { ...NO_PLATFORM, ...env } });
    for (const path of GUARDED) {
      for (const authorization of WRONG) {
        const shown = `${path} ${authorization}`;
        assertEquals(await statusOf(probe.url + path, authorization), 401, shown);
      }
      const expected = ["/", "/metrics", "/tasks", "/events"].includes(path) ? 200 : 404;
      for (const authorization of allowed) {
        assertEquals(await statusOf(probe.url + path, authorization), expected, path);
      }
    }
    for (const path of OPEN) assertEquals(await statusOf(probe.url + path), 200, path);
    for (const method of ["HEAD", "POST", "OPTIONS", "DELETE"]) {
      assertEquals(await statusOf(`${probe.url}/metrics`, undefined, method), 401, method);
    }

    const refused = await fetch(`${probe.url}/metrics`);
    assertEquals(await refused.json(), { error: "expected credentials" });
    const challenge = refused.headers.get("www-authenticate") ?? "";
    assertEquals(challenge.includes("Bearer "), "HTTP_BEARER_TOKEN" in env, challenge);
    // Browsers only read the first challenge.
    assertEquals(challenge.startsWith("Basic "), "HTTP_BASIC_AUTH" in env, challenge);
    for (const secret of [TOKEN, "pässw0rd"]) {
      assert(!probe.stderr.includes(secret), "the log shows a secret");
    }
  });
}

/** Targets that a parser might confuse with those of the health, or with others. */
const DISGUISES = [
  ..."/%68ealthz /healthz%2f /healthz/. /healthz/../metrics /./healthz /%2e/healthz".split(" "),
  ..."/healthz?/metrics /healthz%3f/metrics /healthz%00 /healthz;/metrics /healthz*".split(" "),
  ..."/healthz#/metrics /healthz\\..\\metrics /metrics/healthz /metrics?/healthz /*".split(" "),
  ..."/metrics#/healthz /metrics%23/healthz /%6detrics /metrics%20 ///metrics /%ff /%".split(" "),
  ..."http://x/healthz http://x/metrics http://x/healthz/../metrics * ?/healthz healthz".split(" "),
];
/** Host headers that might change the path which a parser sees. */
const HOSTS = ["x/healthz?", "x/healthz#", "x/healthz", "/healthz?", "u:p@x", "x\\healthz", ""];

/** Sends a request that no HTTP client would send. */
async function rawResponse(url: string, target: string, host: string) {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const request = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const text = await new Response(connection.readable).text();
  return { status: Number(text.split(" ")[1]), body: text.split("\r\n\r\n")[1] };
}

test("probe with credentials shows disguised requests nothing but the health", async () => {
  await using probe = await startLoop({ env: { ...NO_PLATFORM, HTTP_BEARER_TOKEN: TOKEN } });
  const health = await (await fetch(`${probe.url}/healthz`)).text();
  const requests = [
    ...DISGUISES.map((target) => ({ target, host: "x" })),
    ...HOSTS.map((host) => ({ target: "/metrics", host })),
  ];
  const statuses = new Set<number>();
  for (const { target, host } of requests) {
    const { status, body } = await rawResponse(probe.url, target, host);
    statuses.add(status);
    const expected = { 200: health, 400: "", 401: '{"error":"expected credentials"}' }[status];
    assertEquals(body, expected, `${status} ${target} ${host}`);
  }
  assertEquals(statuses, new Set([200, 400, 401]));
});

test("probe reads secrets from files, without the line end that editors add", async () => {
  await using files = await temporaryFolder();
  const env = {
    HTTP_BEARER_TOKEN_FILE: files.put("token", `${TOKEN}\n`),
    HTTP_BASIC_AUTH_FILE: files.put("pair", `${PAIR}\r\n`),
  };
  await using probe = await startLoop({ env: { ...NO_PLATFORM, ...env } });
  assertEquals(await statusOf(`${probe.url}/metrics`), 401);
  assertEquals(await statusOf(`${probe.url}/metrics`, `Bearer ${TOKEN}`), 200);
  assertEquals(await statusOf(`${probe.url}/metrics`, basic(PAIR)), 200);
});

test("every response has the security headers, and no other origin may read it", async () => {
  await using probe = await startLoop({ env: { ...NO_PLATFORM, HTTP_BEARER_TOKEN: TOKEN } });
  const allowed = { authorization: `Bearer ${TOKEN}`, origin: "https://elsewhere.example" };
  const requests: [path: string, init: RequestInit, status: number][] = [
    ["/metrics", { headers: allowed }, 200],
    ["/", { headers: { ...allowed, accept: "text/html" } }, 200],
    ["/?page=x", { headers: { ...allowed, accept: "text/html" } }, 400],
    ["/tasks", { headers: allowed }, 200],
    ["/tasks?limit=x", { headers: allowed }, 400],
    ["/events", { headers: allowed }, 200],
    ["/nothing", { headers: allowed }, 404],
    ["/metrics", { headers: allowed, method: "POST" }, 405],
    ["/metrics", { headers: { origin: "https://elsewhere.example" } }, 401],
    ["/healthz", {}, 200],
    ["/readyz", { headers: { origin: "null" }, method: "OPTIONS" }, 405],
  ];
  for (const [path, init, status] of requests) {
    const { headers, body, ...response } = await fetch(probe.url + path, init).then((response) => ({
      status: response.status,
      headers: response.headers,
      body: response.body,
    }));
    await body?.cancel();
    const shown = `${init.method ?? "GET"} ${path}`;
    assertEquals(response.status, status, shown);
    assertHasSecurityHeaders({ headers }, shown);
  }
});

const INVALID: [what: string, env: Record<string, string>, problem: string][] = [
  ["a token with a space", { HTTP_BEARER_TOKEN: "to ken" }, "HTTP_BEARER_TOKEN: expected a token"],
  ["a pair without a colon", { HTTP_BASIC_AUTH: "s3cret" }, "HTTP_BASIC_AUTH: expected user:pass"],
  ["a pair without a user", { HTTP_BASIC_AUTH: ":s3cret" }, "HTTP_BASIC_AUTH: expected user:pass"],
  ["a pair without a password", { HTTP_BASIC_AUTH: "me:" }, "HTTP_BASIC_AUTH: expected user:pass"],
  [
    "a token and its file",
    { HTTP_BEARER_TOKEN: "s3cret", HTTP_BEARER_TOKEN_FILE: "/tmp/x" },
    "HTTP_BEARER_TOKEN: expected it or HTTP_BEARER_TOKEN_FILE, got both",
  ],
  [
    "a pair and its file",
    { HTTP_BASIC_AUTH: "me:s3cret", HTTP_BASIC_AUTH_FILE: "/tmp/x" },
    "HTTP_BASIC_AUTH: expected it or HTTP_BASIC_AUTH_FILE, got both",
  ],
  [
    "a missing file",
    { HTTP_BEARER_TOKEN_FILE: "/nonexistent" },
    "HTTP_BEARER_TOKEN_FILE: expected a file that can be read: ",
  ],
  ["an empty file", { HTTP_BASIC_AUTH_FILE: "/dev/null" }, "/dev/null is empty"],
  ["a folder", { HTTP_BASIC_AUTH_FILE: "/etc" }, "HTTP_BASIC_AUTH_FILE: expected a file"],
  [
    "a file with other content",
    { HTTP_BASIC_AUTH_FILE: "/etc/hostname" },
    "HTTP_BASIC_AUTH_FILE: expected user:password, got something else in /etc/hostname",
  ],
  [
    "a certificate without its key",
    { TLS_CERT_FILE: "/tmp/x" },
    "TLS_KEY_FILE: expected a file beside TLS_CERT_FILE, got nothing",
  ],
  [
    "a key without its certificate",
    { TLS_KEY_FILE: "/tmp/x" },
    "TLS_CERT_FILE: expected a file beside TLS_KEY_FILE, got nothing",
  ],
  [
    "a file without a certificate",
    { TLS_CERT_FILE: "/etc/hostname", TLS_KEY_FILE: "/etc/hostname" },
    "TLS_CERT_FILE: expected a certificate in PEM, got /etc/hostname without one",
  ],
];

for (const [what, env, problem] of INVALID) {
  test(`probe refuses ${what} at the start, in one line`, async () => {
    const ended = await run({ env: { ...NO_PLATFORM, PORT: "0", ...env } });
    assertEquals({ code: ended.code, stdout: ended.stdout }, { code: 2, stdout: "" });
    assertMatch(ended.stderr, /^dataplatform-probe: /);
    assertStringIncludes(ended.stderr, problem);
    assertEquals(ended.stderr.split("\n").length, 2, ended.stderr);
    assert(!ended.stderr.includes("s3cret"), ended.stderr);
  });
}

/** "me:säcrät" in ISO 8859-1, as `printf` takes it. */
const LATIN1 = "me:s\\344cr\\344t";

test("probe refuses a secret that is not UTF-8, without showing any part of it", async () => {
  await using files = await temporaryFolder();
  const file = files.put("pair", "");
  for (
    const [name, setting, problem] of [
      ["HTTP_BASIC_AUTH", LATIN1, "expected text in UTF-8, got other bytes"],
      ["OKDATA_CLIENT_SECRET", LATIN1, "expected text in UTF-8, got other bytes"],
      ["HTTP_BASIC_AUTH_FILE", file, `expected a file that can be read: ${file} is not in UTF-8`],
    ]
  ) {
    const script = `printf '${LATIN1}' >'${file}'; ${name}=$(printf '${setting}') exec "$@"`;
    const env = { ...NO_PLATFORM, PORT: "0" };
    const ended = await run({ wrapper: ["sh", "-c", script, "sh"], env });
    assertEquals({ code: ended.code, stdout: ended.stdout }, { code: 2, stdout: "" });
    assertEquals(ended.stderr, `dataplatform-probe: ${name}: ${problem}\n`);
  }
});

test("probe refuses a key of another certificate, and an unreadable key", async () => {
  await using files = await temporaryFolder();
  const [{ cert }, { key }] = [await createSelfSigned("a"), await createSelfSigned("b")];
  const [begin, end] = ["BEGIN", "END"].map((word) => `-----${word} ENCRYPTED PRIVATE KEY-----`);
  for (const other of [key, `${begin}\nAAAA\n${end}`, key.slice(0, 100)]) {
    const ended = await run({
      env: { ...NO_PLATFORM, PORT: "0", ...writePair(files, { cert, key: other }) },
    });
    assertEquals({ code: ended.code, stdout: ended.stdout }, { code: 2, stdout: "" });
    assertMatch(
      ended.stderr,
      /^dataplatform-probe: TLS_CERT_FILE, TLS_KEY_FILE: expected a certificate and its key.*\n$/,
    );
  }
});

/** The status and the start of the body over HTTPS; trusts only this authority. */
async function fetchTrusting(ca: string, url: string, init: RequestInit = {}): Promise<string> {
  using client = Deno.createHttpClient({ caCerts: [ca] });
  const response = await fetch(url, { ...init, client });
  return `${response.status} ${(await response.text()).slice(0, 40)}`;
}

function writePair(files: { put(name: string, text: string): string }, { cert, key }: Pair) {
  return { TLS_CERT_FILE: files.put("tls.crt", cert), TLS_KEY_FILE: files.put("tls.key", key) };
}

/** Runs a command of the program against the probe on `port`. */
function runAgainst(port: string, args: string[], env: Record<string, string>, start: Start = {}) {
  return run({ ...start, args, env: { PORT: port, ...env } });
}

test("probe with a certificate and its key accepts HTTPS only", async () => {
  await using files = await temporaryFolder();
  const authority = await createAuthority();
  const tls = writePair(files, await authority.issue("localhost"));
  await using probe = await startLoop({
    env: { ...NO_PLATFORM, ...tls, HTTP_BEARER_TOKEN: TOKEN },
  });
  const { port, protocol } = new URL(probe.url);
  assertEquals(protocol, "https:");

  const url = `https://localhost:${port}`;
  assertMatch(await fetchTrusting(authority.pem, `${url}/healthz`), /^200 \{"status":"ok"/);
  assertMatch(await fetchTrusting(authority.pem, `${url}/metrics`), /^401 /);
  const headers = { authorization: `Bearer ${TOKEN}` };
  assertMatch(await fetchTrusting(authority.pem, `${url}/metrics`, { headers }), /^200 # HELP/);
  const plain = await fetch(`http://localhost:${port}/healthz`).then(
    () => "accepted",
    () => "refused",
  );
  assertEquals(plain, "refused");
});

test("tasks and --healthcheck reach a probe with HTTPS and credentials on the same machine", async () => {
  await using files = await temporaryFolder();
  // The certificate names another host than 127.0.0.1, as certificates of services do.
  const authority = await createAuthority();
  for (
    const pair of [await authority.issue("probe.example"), await createSelfSigned("x.example")]
  ) {
    const tls = writePair(files, pair);
    await using probe = await startLoop({
      env: { ...NO_PLATFORM, RETRIES: "0", ...tls, HTTP_BASIC_AUTH: PAIR },
    });
    const { port } = new URL(probe.url);
    await eventually("a task has failed", () => probe.stderr.includes("ECONNREFUSED"));

    const healthy = await runAgainst(port, ["--healthcheck"], tls);
    assertEquals(
      { code: healthy.code, stdout: healthy.stdout },
      { code: 0, stdout: "ok\n" },
      healthy.stderr,
    );
    const listed = await runAgainst(port, ["tasks"], { ...tls, HTTP_BASIC_AUTH: PAIR });
    assertEquals(listed.code, 0, listed.stderr);
    assertStringIncludes(listed.stdout, "FAILED");
    const refused = await runAgainst(port, ["tasks"], { ...tls, HTTP_BASIC_AUTH: "on-call:wrong" });
    assertEquals(refused.code, 3, refused.stderr);
    assertStringIncludes(refused.stderr, "refuses with 401: it expects other credentials");

    // The port shows another certificate than the file: another server listens there.
    const other = writePair(
      { put: (name, text) => files.put(`other.${name}`, text) },
      await createSelfSigned("probe.example"),
    );
    const stranger = await runAgainst(port, ["tasks"], { ...other, HTTP_BASIC_AUTH: PAIR });
    assertEquals(stranger.code, 5, stranger.stderr);
    assertStringIncludes(stranger.stderr, "the server does not present the expected certificate");
  }
});

test("tasks reads its credentials from the environment, a file, or the URL, and shows none", async () => {
  await using files = await temporaryFolder();
  await using probe = await startLoop({
    env: { ...NO_PLATFORM, HTTP_BEARER_TOKEN: TOKEN, HTTP_BASIC_AUTH: "on-call:s3cret" },
  });
  const { port, host } = new URL(probe.url);
  const codes: [args: string[], env: Record<string, string>, code: number][] = [
    [["tasks"], {}, 3],
    [["tasks"], { HTTP_BEARER_TOKEN: TOKEN }, 0],
    [["tasks"], { HTTP_BEARER_TOKEN_FILE: files.put("token", `${TOKEN}\n`) }, 0],
    [["tasks"], { HTTP_BASIC_AUTH: "on-call:s3cret" }, 0],
    [["tasks", "--url", `http://on-call:s3cret@${host}`], {}, 0],
    [["tasks", "--url", `http://on-call:s3cret@${host}`], { HTTP_BEARER_TOKEN: "wrong" }, 0],
    [["tasks", "--url", `http://on-call:wr0ng@${host}`], { HTTP_BEARER_TOKEN: TOKEN }, 3],
    [["tasks", "--url", `http://${host}`], { HTTP_BEARER_TOKEN: TOKEN }, 0],
    [["--healthcheck"], {}, 0],
  ];
  for (const [args, env, code] of codes) {
    const ended = await runAgainst(port, args, env);
    const shown = `${args} ${Object.keys(env)} ${ended.stderr}`;
    assertEquals(ended.code, code, shown);
    for (const secret of [TOKEN, "s3cret", "wr0ng"]) {
      assert(!(ended.stdout + ended.stderr).includes(secret), shown);
    }
  }
  const refused = await runAgainst(port, ["tasks"], {});
  assertStringIncludes(
    refused.stderr,
    "it expects credentials (HTTP_BEARER_TOKEN, HTTP_BASIC_AUTH",
  );
});
