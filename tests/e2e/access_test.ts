import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createAuthority, createSelfSigned, type Pair } from "../support/certificates.ts";
import { assertHasSecurityHeaders } from "../support/server.ts";
import { DATASET_ID, eventually, run, type Start, startLoop, test } from "../support/program.ts";

const TOKEN = "t0ken-of-the.scraper~";
const PAIR = "on-call:pässw0rd: with a colon";

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

/** A platform that nobody answers for: what is looked at here is the probe's own door. */
const NOWHERE = { DATASET_ID, OKDATA_API_URL: "http://127.0.0.1:9/none", LOG_LEVEL: "debug" };

function basic(pair: string): string {
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(pair)))}`;
}

async function viewOf(url: string, authorization?: string, method = "GET"): Promise<number> {
  const headers: HeadersInit = authorization === undefined ? {} : { authorization };
  const response = await fetch(url, { method, headers });
  await response.body?.cancel();
  return response.status;
}

/** A folder that goes with its holder. */
async function folder(): Promise<AsyncDisposable & { put(name: string, text: string): string }> {
  const path = await Deno.makeTempDir({ prefix: "access-" });
  return {
    put(name, text) {
      Deno.writeTextFileSync(`${path}/${name}`, text);
      return `${path}/${name}`;
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

test("without credentials in its configuration a probe answers anybody", async () => {
  await using probe = await startLoop({ env: NOWHERE });
  for (const path of ["/", "/metrics", "/tasks", ...OPEN]) {
    assertEquals(await viewOf(probe.url + path), 200, path);
    assertEquals(await viewOf(probe.url + path, "Bearer whatever"), 200, path);
  }
});

const RIGHT: [what: string, env: Record<string, string>, allowed: string[]][] = [
  ["a bearer token", { HTTP_BEARER_TOKEN: TOKEN }, [`Bearer ${TOKEN}`, `bearer ${TOKEN}`]],
  ["a user and password", { HTTP_BASIC_AUTH: PAIR }, [basic(PAIR)]],
  [
    "either of both",
    { HTTP_BEARER_TOKEN: TOKEN, HTTP_BASIC_AUTH: PAIR },
    [`Bearer ${TOKEN}`, basic(PAIR)],
  ],
];

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

for (const [what, env, allowed] of RIGHT) {
  test(`${what} lets one read everything, and nobody else anything but the health`, async () => {
    await using probe = await startLoop({ env: { ...NOWHERE, ...env } });
    for (const path of GUARDED) {
      for (const authorization of WRONG) {
        const shown = `${path} ${authorization}`;
        assertEquals(await viewOf(probe.url + path, authorization), 401, shown);
      }
      const expected = ["/", "/metrics", "/tasks", "/events"].includes(path) ? 200 : 404;
      for (const authorization of allowed) {
        assertEquals(await viewOf(probe.url + path, authorization), expected, path);
      }
    }
    for (const path of OPEN) assertEquals(await viewOf(probe.url + path), 200, path);
    for (const method of ["HEAD", "POST", "OPTIONS", "DELETE"]) {
      assertEquals(await viewOf(`${probe.url}/metrics`, undefined, method), 401, method);
    }

    const refusal = await fetch(`${probe.url}/metrics`);
    assertEquals(await refusal.json(), { error: "expected credentials" });
    const challenge = refusal.headers.get("www-authenticate") ?? "";
    assertEquals(challenge.includes("Bearer "), "HTTP_BEARER_TOKEN" in env, challenge);
    // Of several a browser looks at the first alone.
    assertEquals(challenge.startsWith("Basic "), "HTTP_BASIC_AUTH" in env, challenge);
    for (const secret of [TOKEN, "pässw0rd"]) {
      assert(!probe.stderr.includes(secret), "the log shows a secret");
    }
  });
}

/** What a request may ask for to be taken for one about the health, or for another than it is. */
const DISGUISES = [
  ..."/%68ealthz /healthz%2f /healthz/. /healthz/../metrics /./healthz /%2e/healthz".split(" "),
  ..."/healthz?/metrics /healthz%3f/metrics /healthz%00 /healthz;/metrics /healthz*".split(" "),
  ..."/healthz#/metrics /healthz\\..\\metrics /metrics/healthz /metrics?/healthz /*".split(" "),
  ..."/metrics#/healthz /metrics%23/healthz /%6detrics /metrics%20 ///metrics /%ff /%".split(" "),
  ..."http://x/healthz http://x/metrics http://x/healthz/../metrics * ?/healthz healthz".split(" "),
];
const HOSTS = ["x/healthz?", "x/healthz#", "x/healthz", "/healthz?", "u:p@x", "x\\healthz", ""];

/** The status and the body of the answer to a request that no client would send. */
async function rawAnswer(url: string, target: string, host: string) {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const request = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const text = await new Response(connection.readable).text();
  return { status: Number(text.split(" ")[1]), body: text.split("\r\n\r\n")[1] };
}

test("whatever a request line or a host pretends, nothing but the health is told", async () => {
  await using probe = await startLoop({ env: { ...NOWHERE, HTTP_BEARER_TOKEN: TOKEN } });
  const health = await (await fetch(`${probe.url}/healthz`)).text();
  const asked = [
    ...DISGUISES.map((target) => ({ target, host: "x" })),
    ...HOSTS.map((host) => ({ target: "/metrics", host })),
  ];
  const statuses = new Set<number>();
  for (const { target, host } of asked) {
    const { status, body } = await rawAnswer(probe.url, target, host);
    statuses.add(status);
    const told = { 200: health, 400: "", 401: '{"error":"expected credentials"}' }[status];
    assertEquals(body, told, `${status} ${target} ${host}`);
  }
  assertEquals(statuses, new Set([200, 400, 401]));
});

test("secrets come from files too, without the line end that editors put there", async () => {
  await using files = await folder();
  const env = {
    HTTP_BEARER_TOKEN_FILE: files.put("token", `${TOKEN}\n`),
    HTTP_BASIC_AUTH_FILE: files.put("pair", `${PAIR}\r\n`),
  };
  await using probe = await startLoop({ env: { ...NOWHERE, ...env } });
  assertEquals(await viewOf(`${probe.url}/metrics`), 401);
  assertEquals(await viewOf(`${probe.url}/metrics`, `Bearer ${TOKEN}`), 200);
  assertEquals(await viewOf(`${probe.url}/metrics`, basic(PAIR)), 200);
});

test("every answer forbids what nobody needs, and lets no other origin read it", async () => {
  await using probe = await startLoop({ env: { ...NOWHERE, HTTP_BEARER_TOKEN: TOKEN } });
  const right = { authorization: `Bearer ${TOKEN}`, origin: "https://elsewhere.example" };
  const asked: [path: string, init: RequestInit, status: number][] = [
    ["/metrics", { headers: right }, 200],
    ["/", { headers: { ...right, accept: "text/html" } }, 200],
    ["/?page=x", { headers: { ...right, accept: "text/html" } }, 400],
    ["/tasks", { headers: right }, 200],
    ["/tasks?limit=x", { headers: right }, 400],
    ["/events", { headers: right }, 200],
    ["/nothing", { headers: right }, 404],
    ["/metrics", { headers: right, method: "POST" }, 405],
    ["/metrics", { headers: { origin: "https://elsewhere.example" } }, 401],
    ["/healthz", {}, 200],
    ["/readyz", { headers: { origin: "null" }, method: "OPTIONS" }, 405],
  ];
  for (const [path, init, status] of asked) {
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

const REFUSED: [what: string, env: Record<string, string>, says: string][] = [
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
    "a file that is not there",
    { HTTP_BEARER_TOKEN_FILE: "/nonexistent" },
    "HTTP_BEARER_TOKEN_FILE: expected a file that can be read: ",
  ],
  ["an empty file", { HTTP_BASIC_AUTH_FILE: "/dev/null" }, "/dev/null is empty"],
  ["a folder", { HTTP_BASIC_AUTH_FILE: "/etc" }, "HTTP_BASIC_AUTH_FILE: expected a file"],
  [
    "a file with something else",
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
    "a certificate that is none",
    { TLS_CERT_FILE: "/etc/hostname", TLS_KEY_FILE: "/etc/hostname" },
    "TLS_CERT_FILE: expected a certificate in PEM, got /etc/hostname without one",
  ],
];

for (const [what, env, says] of REFUSED) {
  test(`${what} is refused at the start, in one line`, async () => {
    const ended = await run({ env: { ...NOWHERE, PORT: "0", ...env } });
    assertEquals({ code: ended.code, stdout: ended.stdout }, { code: 2, stdout: "" });
    assertMatch(ended.stderr, /^dataplatform-probe: /);
    assertStringIncludes(ended.stderr, says);
    assertEquals(ended.stderr.split("\n").length, 2, ended.stderr);
    assert(!ended.stderr.includes("s3cret"), ended.stderr);
  });
}

/** "me:säcrät" in ISO 8859-1, as `printf` takes it. */
const LATIN1 = "me:s\\344cr\\344t";

test("a secret that is not in UTF-8 is refused, and shown neither whole nor in parts", async () => {
  await using files = await folder();
  const file = files.put("pair", "");
  for (
    const [name, setting, says] of [
      ["HTTP_BASIC_AUTH", LATIN1, "expected text in UTF-8, got other bytes"],
      ["OKDATA_CLIENT_SECRET", LATIN1, "expected text in UTF-8, got other bytes"],
      ["HTTP_BASIC_AUTH_FILE", file, `expected a file that can be read: ${file} is not in UTF-8`],
    ]
  ) {
    const script = `printf '${LATIN1}' >'${file}'; ${name}=$(printf '${setting}') exec "$@"`;
    const env = { ...NOWHERE, PORT: "0" };
    const ended = await run({ wrapper: ["sh", "-c", script, "sh"], env });
    assertEquals({ code: ended.code, stdout: ended.stdout }, { code: 2, stdout: "" });
    assertEquals(ended.stderr, `dataplatform-probe: ${name}: ${says}\n`);
  }
});

test("a key of another certificate is refused, and one that nobody can read without a word", async () => {
  await using files = await folder();
  const [{ cert }, { key }] = [await createSelfSigned("a"), await createSelfSigned("b")];
  const [begin, end] = ["BEGIN", "END"].map((word) => `-----${word} ENCRYPTED PRIVATE KEY-----`);
  for (const other of [key, `${begin}\nAAAA\n${end}`, key.slice(0, 100)]) {
    const ended = await run({
      env: { ...NOWHERE, PORT: "0", ...writePair(files, { cert, key: other }) },
    });
    assertEquals({ code: ended.code, stdout: ended.stdout }, { code: 2, stdout: "" });
    assertMatch(
      ended.stderr,
      /^dataplatform-probe: TLS_CERT_FILE, TLS_KEY_FILE: expected a certificate and its key.*\n$/,
    );
  }
});

/** Asks over HTTPS, trusting this authority alone. */
async function fetchTrusting(ca: string, url: string, init: RequestInit = {}): Promise<string> {
  using client = Deno.createHttpClient({ caCerts: [ca] });
  const response = await fetch(url, { ...init, client });
  return `${response.status} ${(await response.text()).slice(0, 40)}`;
}

function writePair(files: { put(name: string, text: string): string }, { cert, key }: Pair) {
  return { TLS_CERT_FILE: files.put("tls.crt", cert), TLS_KEY_FILE: files.put("tls.key", key) };
}

/** Runs a command that asks the probe of this machine. */
function ask(port: string, args: string[], env: Record<string, string>, start: Start = {}) {
  return run({ ...start, args, env: { PORT: port, ...env } });
}

test("with a certificate and its key the endpoints speak HTTPS, and nothing else", async () => {
  await using files = await folder();
  const authority = await createAuthority();
  const tls = writePair(files, await authority.issue("localhost"));
  await using probe = await startLoop({ env: { ...NOWHERE, ...tls, HTTP_BEARER_TOKEN: TOKEN } });
  const { port, protocol } = new URL(probe.url);
  assertEquals(protocol, "https:");

  const url = `https://localhost:${port}`;
  assertMatch(await fetchTrusting(authority.pem, `${url}/healthz`), /^200 \{"status":"ok"/);
  assertMatch(await fetchTrusting(authority.pem, `${url}/metrics`), /^401 /);
  const headers = { authorization: `Bearer ${TOKEN}` };
  assertMatch(await fetchTrusting(authority.pem, `${url}/metrics`, { headers }), /^200 # HELP/);
  const plain = await fetch(`http://localhost:${port}/healthz`).then(() => "answered", () => "not");
  assertEquals(plain, "not");
});

test("tasks and --healthcheck reach a probe with HTTPS and credentials on the same machine", async () => {
  await using files = await folder();
  // It names another host, as certificates of services do.
  const authority = await createAuthority();
  for (
    const pair of [await authority.issue("probe.example"), await createSelfSigned("x.example")]
  ) {
    const tls = writePair(files, pair);
    await using probe = await startLoop({
      env: { ...NOWHERE, RETRIES: "0", ...tls, HTTP_BASIC_AUTH: PAIR },
    });
    const { port } = new URL(probe.url);
    await eventually("a task has failed", () => probe.stderr.includes("ECONNREFUSED"));

    const well = await ask(port, ["--healthcheck"], tls);
    assertEquals({ code: well.code, said: well.stdout }, { code: 0, said: "ok\n" }, well.stderr);
    const listed = await ask(port, ["tasks"], { ...tls, HTTP_BASIC_AUTH: PAIR });
    assertEquals(listed.code, 0, listed.stderr);
    assertStringIncludes(listed.stdout, "FAILED");
    const refused = await ask(port, ["tasks"], { ...tls, HTTP_BASIC_AUTH: "on-call:wrong" });
    assertEquals(refused.code, 3, refused.stderr);
    assertStringIncludes(refused.stderr, "refuses with 401: it wants other credentials");

    // Another certificate than the file's: somebody else listens there.
    const other = writePair(
      { put: (name, text) => files.put(`other.${name}`, text) },
      await createSelfSigned("probe.example"),
    );
    const stranger = await ask(port, ["tasks"], { ...other, HTTP_BASIC_AUTH: PAIR });
    assertEquals(stranger.code, 5, stranger.stderr);
    assertStringIncludes(stranger.stderr, "does not show the certificate that it should");
  }
});

test("tasks takes its credentials from the environment, a file, or the URL, and shows none", async () => {
  await using files = await folder();
  await using probe = await startLoop({
    env: { ...NOWHERE, HTTP_BEARER_TOKEN: TOKEN, HTTP_BASIC_AUTH: "on-call:s3cret" },
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
    const ended = await ask(port, args, env);
    const shown = `${args} ${Object.keys(env)} ${ended.stderr}`;
    assertEquals(ended.code, code, shown);
    for (const secret of [TOKEN, "s3cret", "wr0ng"]) {
      assert(!(ended.stdout + ended.stderr).includes(secret), shown);
    }
  }
  const lonely = await ask(port, ["tasks"], {});
  assertStringIncludes(lonely.stderr, "it wants credentials (HTTP_BEARER_TOKEN, HTTP_BASIC_AUTH");
});
