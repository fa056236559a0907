/** A real proxy between the program and what it probes, and one that fails. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createAuthority, type Issued } from "../../support/certificates.ts";
import {
  eventually,
  linesOf,
  type Program,
  run,
  type Start,
  startLoop,
  test,
} from "../../support/program.ts";
import { scrape } from "../../support/scrape.ts";
import { readHead, startRawServer, write } from "../../support/targets.ts";
import { intermediateOf, leafOf } from "../../support/tls_faults.ts";
import { Network } from "../network.ts";
import { withoutNetwork } from "../network_rig.ts";
import { Tinyproxy, withoutTinyproxy } from "../tinyproxy.ts";

/** Names that the proxy knows from its hosts file, and nobody else. */
const [API, LOGIN, BEAT] = ["api.test", "login.test", "beat.test"];

const USER = "proxy-user";
const PASSWORD = "s3cret@proxy:word";

/** A request as a server behind the proxy saw it. */
type Seen = { host: string; path: string; method: string; via: string | null };

/** Makes what a server presents, its own certificate first, for these names. */
type ChainOf = (root: Issued, names: string[]) => Promise<Issued[]>;

/** The program outside, a proxy in a network of its own, and servers that only the proxy can name. */
class ProxyRig implements AsyncDisposable {
  readonly seen: Seen[] = [];
  readonly parts = new AsyncDisposableStack();

  private constructor(
    readonly network: Network,
    readonly proxy: Tinyproxy,
    readonly authorityFile: string,
  ) {}

  static async start(settings: readonly string[] = []): Promise<ProxyRig> {
    await using parts = new AsyncDisposableStack();
    const network = parts.use(await Network.create());
    await network.nameHosts(network.first, API, LOGIN, BEAT);
    const proxy = parts.use(await Tinyproxy.start({ wrapper: network.wrapper, settings }));
    const file = await Deno.makeTempFile({ suffix: ".pem" });
    parts.defer(() => Deno.remove(file));
    await Deno.writeTextFile(file, (await createAuthority()).pem);
    const rig = new ProxyRig(network, proxy, file);
    rig.parts.use(parts.move());
    return rig;
  }

  /** The proxy as the program reaches it, with credentials or without. */
  url(credentials = ""): string {
    return `http://${credentials}${this.network.inside}:${this.proxy.port}`;
  }

  get name(): string {
    return `proxy ${this.network.inside}:${this.proxy.port}`;
  }

  /** Starts a server behind the proxy; returns its port. */
  async serve(host: string, { secure = false } = {}): Promise<number> {
    const authority = await createAuthority();
    await Deno.writeTextFile(this.authorityFile, authority.pem);
    return this.#serve(secure ? await authority.issue(host) : {});
  }

  /** Starts a server that presents this chain, which can be reached without the proxy too. */
  async serveChain(host: string, chainOf: ChainOf): Promise<{ port: number; endsMs: number }> {
    const { pem, root } = await createAuthority();
    await Deno.writeTextFile(this.authorityFile, pem);
    const chain = await chainOf(root, [host, this.network.first]);
    const cert = chain.map((each) => each.cert).join("\n");
    const port = this.#serve({ cert, key: chain[0]?.key ?? "" });
    return { port, endsMs: Math.min(...chain.map((each) => each.endsMs)) };
  }

  #serve(pair: { cert: string; key: string } | Record<never, never>): number {
    const server = Deno.serve({
      hostname: this.network.first,
      port: 0,
      onListen() {},
      ...pair,
    }, ({ url, method, headers }) => {
      const { pathname: path } = new URL(url);
      this.seen.push({ host: headers.get("host") ?? "", path, method, via: headers.get("via") });
      if (path === "/token") {
        return Response.json({ access_token: "token-1", token_type: "Bearer" });
      }
      return Response.json({ Id: path.split("/").at(-1), Type: "Dataset" });
    });
    this.parts.defer(() => server.shutdown());
    return server.addr.port;
  }

  /** Probes once with this environment. */
  once(env: Record<string, string>, args: readonly string[] = ["--once", "--json"]) {
    const settings = { DATASET_ID: "abc123", RETRIES: "0", DENO_CERT: this.authorityFile };
    return run({ args, env: { ...settings, ...env } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.parts.disposeAsync();
  }
}

function proxyTest(
  name: string,
  settings: readonly string[],
  body: (rig: ProxyRig) => Promise<void>,
) {
  test(name, async () => {
    await using rig = await ProxyRig.start(settings);
    await body(rig);
  }, { ignore: withoutNetwork || withoutTinyproxy });
}

/** The only task of a document. */
function taskOf(document: string) {
  const [task] = JSON.parse(document).tasks;
  return task;
}

proxyTest(
  "an https API is probed by CONNECT, and its name is the proxy's to resolve",
  [],
  async (rig) => {
    const port = await rig.serve(API, { secure: true });
    const env = { OKDATA_API_URL: `https://${API}:${port}`, HTTPS_PROXY: rig.url() };
    const { code, stdout, stderr } = await rig.once(env);
    assertEquals(code, 0, stdout + stderr);
    assertEquals(Object.keys(taskOf(stdout).phases), ["connect", "tls", "processing", "transfer"]);
    assertEquals(rig.seen, [{ host: `${API}:${port}`, path: "/abc123", method: "GET", via: null }]);
    assertMatch(await rig.proxy.log(), new RegExp(`CONNECT ${API}:${port} HTTP/1.1`));
    // Nobody else knows the name.
    const direct = await rig.once({ ...env, NO_PROXY: ".test" });
    assertEquals([direct.code, taskOf(direct.stdout).reason], [5, "dns"]);
  },
);

const UNTRUSTED: { what: string; message: RegExp; chainOf: ChainOf }[] = [
  {
    what: "a certificate that has ended",
    message: /^certificate expired 18 h ago, on \d{4}-/,
    chainOf: async (root, names) => [await leafOf(root, { names, endsInDays: -0.75 })],
  },
  {
    what: "an intermediate certificate that has ended",
    message: /^intermediate certificate Intermediate: certificate expired 2 d 3 h ago, on /,
    async chainOf(root, names) {
      const old = await intermediateOf(root, { endsInDays: -2.125 });
      return [await leafOf(old, { names }), old];
    },
  },
  {
    what: "a certificate of an unknown authority",
    message: /^certificate of an unknown authority, Stranger$/,
    async chainOf(_, names) {
      const { root } = await createAuthority("Stranger");
      return [await leafOf(root, { names }), root];
    },
  },
];

for (const { what, message, chainOf } of UNTRUSTED) {
  proxyTest(
    `${what} has the same reason, message and end behind a proxy as without one`,
    [],
    async (rig) => {
      const { port, endsMs } = await rig.serveChain(API, chainOf);
      const direct = await tlsFailureOf(rig, `${rig.network.first}:${port}`, {});
      assertEquals([direct.reason, direct.expirySeconds], ["tls", endsMs / 1e3]);
      assertMatch(direct.message, message);
      assert(!/CONNECT/.test(await rig.proxy.log()));
      const proxied = await tlsFailureOf(rig, `${API}:${port}`, { HTTPS_PROXY: rig.url() });
      assertEquals(proxied, direct);
      assertMatch(await rig.proxy.log(), new RegExp(`CONNECT ${API}:${port} HTTP/1.1`));
    },
  );
}

/** How the first task fails, and when the certificate of the host ends. */
async function tlsFailureOf(rig: ProxyRig, host: string, env: Record<string, string>) {
  const settings = { DENO_CERT: rig.authorityFile, RETRIES: "0" };
  const OKDATA_API_URL = `https://${host}`;
  await using program = await startLoop({ env: { ...settings, OKDATA_API_URL, ...env } });
  const { reason, message } = await eventually("a task has failed", async () => {
    const response = await fetch(`${program.url}/tasks?state=failed`);
    return taskOf(await response.text());
  });
  const expirySeconds = await eventually("the end of the certificate is known", async () => {
    const { value } = await scrape(program.url);
    return value("probe_tls_certificate_expiry_timestamp_seconds", { host });
  });
  return { reason, message, expirySeconds };
}

proxyTest("an http API is probed through the proxy with its absolute URL", [], async (rig) => {
  const port = await rig.serve(API);
  const env = { OKDATA_API_URL: `http://${API}:${port}/v1`, http_proxy: rig.url() };
  const { code, stdout, stderr } = await rig.once(env);
  assertEquals(code, 0, stdout + stderr);
  assertEquals(Object.keys(taskOf(stdout).phases), ["connect", "processing", "transfer"]);
  const [seen] = rig.seen;
  assertEquals([seen?.host, seen?.path], [`${API}:${port}`, "/v1/abc123"]);
  assertMatch(seen?.via ?? "", /tinyproxy/);
});

proxyTest(
  "platform, identity provider and heartbeat are reached through the proxy that the log names",
  [`BasicAuth ${USER} ${PASSWORD.replace(/[@:]/g, "")}`],
  async (rig) => {
    const ports = { [API]: await rig.serve(API), [LOGIN]: await rig.serve(LOGIN) };
    const beatPort = await rig.serve(BEAT);
    const password = PASSWORD.replace(/[@:]/g, "");
    await using program = await startLoop({
      env: {
        OKDATA_API_URL: `http://${API}:${ports[API]}`,
        OKDATA_TOKEN_URL: `http://${LOGIN}:${ports[LOGIN]}/token`,
        OKDATA_CLIENT_ID: "client",
        OKDATA_CLIENT_SECRET: "client-s3cret",
        HEARTBEAT_URL: `http://${BEAT}:${beatPort}/beat`,
        HTTP_PROXY: rig.url(`${USER}:${password}@`),
        LOG_LEVEL: "debug",
      },
    });
    await eventually("a heartbeat arrives", () => rig.seen.some(({ path }) => path === "/beat"));
    assertEquals(rig.seen.map(({ path }) => path), ["/token", "/abc123", "/beat"]);
    assert(rig.seen.every(({ via }) => via?.includes("tinyproxy")), JSON.stringify(rig.seen));
    assertStringIncludes(
      program.stderr,
      `by ${rig.name} for ${API}, ${LOGIN}, ${BEAT}; listening on `,
    );
    checkSecrets(program.stderr, password);
  },
);

/** No text holds the credentials, plain or encoded. */
function checkSecrets(text: string, password: string): void {
  for (
    const secret of [USER, password, encodeURIComponent(password), btoa(`${USER}:${password}`)]
  ) {
    assert(!text.includes(secret), `${secret} is in ${text}`);
  }
}

const CREDENTIALS: { what: string; credentials: string; says: string; schemes: string[] }[] = [
  {
    what: "no credentials",
    credentials: "",
    says: "with status 407: it expects credentials",
    schemes: ["https", "http"],
  },
  {
    what: "wrong credentials",
    credentials: `${USER}:wrong-word@`,
    says: "with status 401: it expects other credentials",
    // Of a response to a plain request nobody knows whether the proxy or the API has refused it.
    schemes: ["https"],
  },
];

for (const { what, credentials, says, schemes } of CREDENTIALS) {
  for (const scheme of schemes) {
    proxyTest(
      `a proxy that gets ${what} for ${scheme} causes a connect failure that says so`,
      [`BasicAuth ${USER} right-word`],
      async (rig) => {
        const port = await rig.serve(API, { secure: scheme === "https" });
        const env = {
          OKDATA_API_URL: `${scheme}://${API}:${port}`,
          [`${scheme.toUpperCase()}_PROXY`]: rig.url(credentials),
        };
        const { code, stdout, stderr } = await rig.once(env, ["--once"]);
        assertEquals(code, 5, stdout + stderr);
        const target = `${API}:${port}`;
        assertStringIncludes(stdout, `${rig.name} refuses ${target} ${says}`);
        checkSecrets(stdout + stderr, "wrong-word");
        assertEquals(rig.seen, []);
      },
    );
  }
}

proxyTest(
  "a proxy that forbids a host causes connect failures, and --check says what to do",
  // No other port may be asked for.
  ["ConnectPort 563"],
  async (rig) => {
    const port = await rig.serve(API, { secure: true });
    const password = "right-word";
    const env = {
      OKDATA_API_URL: `https://${API}:${port}`,
      HTTPS_PROXY: rig.url(`${USER}:${password}@`),
    };
    const { code, stdout, stderr } = await rig.once(env, ["--check"]);
    assertEquals(code, 5, stdout + stderr);
    const [configuration, name, dataset, advice] = linesOf(stdout);
    assertMatch(configuration ?? "", new RegExp(`^ok .*, by ${rig.name} for ${API}$`));
    assertEquals(name, `ok      ${rig.name} for ${API}: ${rig.network.inside}`);
    assertEquals(
      dataset,
      `FAILED  dataset abc123: connect: ${rig.name} refuses ${API}:${port} with status 403`,
    );
    assertMatch(advice ?? "", /NO_PROXY/);
    checkSecrets(stdout + stderr, password);
  },
);

proxyTest("a proxy that cannot find the host causes connect failures", [], async (rig) => {
  const env = { OKDATA_API_URL: "https://elsewhere.test", HTTPS_PROXY: rig.url() };
  const { code, stdout, stderr } = await rig.once(env, ["--once"]);
  assertEquals(code, 5, stdout + stderr);
  assertMatch(
    stdout,
    new RegExp(`connect.*${rig.name} refuses elsewhere.test:443 with status 50\\d`),
  );
});

proxyTest("a proxy that is down causes connect failures that name it", [], async (rig) => {
  for (const scheme of ["https", "http"]) {
    const env = {
      OKDATA_API_URL: `${scheme}://${API}`,
      [`${scheme}_proxy`]: `http://${USER}:s3cret-word@${rig.network.inside}:1`,
    };
    const { code, stdout, stderr } = await rig.once(env, ["--once"]);
    assertEquals(code, 5, stdout + stderr);
    const address = `${rig.network.inside}:1`;
    assertStringIncludes(stdout, `proxy ${address}: connect ECONNREFUSED ${address}`);
    checkSecrets(stdout + stderr, "s3cret-word");
  }
});

proxyTest("a proxy whose name is unknown causes dns failures that name it", [], async (rig) => {
  const env = {
    OKDATA_API_URL: `https://${API}`,
    HTTPS_PROXY: "http://no-such-proxy.invalid:3128",
  };
  const { code, stdout, stderr } = await rig.once(env, ["--once"]);
  assertEquals(code, 5, stdout + stderr);
  assertMatch(stdout, /dns.*proxy no-such-proxy\.invalid:3128: .*no-such-proxy\.invalid/);
});

proxyTest(
  "a proxy that hangs ends at the attempt's timeout, in the phase connect",
  [],
  async (rig) => {
    rig.proxy.hang();
    const env = {
      OKDATA_API_URL: `https://${API}`,
      HTTPS_PROXY: rig.url(),
      REQUEST_TIMEOUT_SECONDS: "0.7",
    };
    const { code, stdout, stderr } = await rig.once(env);
    assertEquals(code, 4, stdout + stderr);
    const { reason, phases, attempts: [attempt] } = taskOf(stdout);
    assertEquals([reason, phases], ["timeout", { connect: attempt.duration_seconds }]);
  },
);

proxyTest("tasks and --healthcheck reach a probe without the proxy", [], async (rig) => {
  const port = await rig.serve(API);
  await using program: Program & { url: string } = await startLoop({
    env: { OKDATA_API_URL: `http://${rig.network.first}:${port}` },
  });
  const dead = "http://192.0.2.1:1";
  const env = { HTTP_PROXY: dead, HTTPS_PROXY: "socks5://refused", http_proxy: dead };
  const url = program.url.replace("localhost", rig.network.first);
  const commands: Start[] = [
    { args: ["tasks", "--url", url], env },
    { args: ["--healthcheck"], env: { ...env, PORT: new URL(program.url).port } },
  ];
  for (const command of commands) {
    const { code, stdout, stderr } = await run(command);
    assertEquals(code, 0, stdout + stderr);
  }
  assertEquals(await rig.proxy.log().then((log) => /Request|CONNECT/.test(log)), false);
});

test("what a proxy sends back of its credentials is redacted", async () => {
  await using proxy = startRawServer(async (connection) => {
    await readHead(connection);
    const body = `rejected: ${btoa(`${USER}:s3cret-word`)} (${USER}, s3cret-word)`;
    await write(connection, `HTTP/1.1 502 Bad\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  });
  const { host } = new URL(proxy.url);
  const { code, stdout, stderr } = await run({
    args: ["--once", "--json"],
    env: {
      DATASET_ID: "abc123",
      RETRIES: "0",
      OKDATA_API_URL: `http://${API}`,
      HTTP_PROXY: `http://${USER}:s3cret-word@${host}`,
    },
  });
  assertEquals(code, 1, stdout + stderr);
  assertStringIncludes(stdout, "rejected: [redacted] ([redacted], [redacted])");
  checkSecrets(stdout + stderr, "s3cret-word");
});

for (const reply of ["no HTTP at all\r\n\r\n", ""]) {
  test(`a proxy that replies to CONNECT with ${JSON.stringify(reply)} causes connect failures`, async () => {
    await using proxy = startRawServer(async (connection) => {
      await readHead(connection);
      await write(connection, reply);
      connection.close();
    });
    const { host } = new URL(proxy.url);
    const { code, stdout, stderr } = await run({
      args: ["--once"],
      env: {
        DATASET_ID: "abc123",
        RETRIES: "0",
        OKDATA_API_URL: `https://${API}`,
        HTTPS_PROXY: host,
      },
    });
    assertEquals(code, 5, stdout + stderr);
    assertMatch(stdout, new RegExp(`connect.*proxy ${host}: `));
  });
}
