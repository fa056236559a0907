/** The platform as it really is: a certified OpenID provider, TLS, and an API that wants a token. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createAuthority } from "../../support/certificates.ts";
import { startProvider } from "../../support/provider.ts";
import { DATASET_ID, eventually, Program, run, startLoop, test } from "../../support/program.ts";
import { respondWithDataset, startServer } from "../../support/targets.ts";

const CLIENT = { clientId: "probe-client", clientSecret: "s3cret-of-the-client" };

type Provider = Awaited<ReturnType<typeof startProvider>>;

/** An API that serves datasets to those who hold a token of the provider's. */
function startApi(provider: () => Provider) {
  return startServer(async (request) => {
    const known = await provider().knows(request.headers.get("authorization"));
    return known
      ? respondWithDataset(request)
      : Response.json({ message: "Unauthorized" }, { status: 401 });
  });
}

function credentials(provider: Provider, apiUrl: string): Record<string, string> {
  return {
    DATASET_ID,
    OKDATA_API_URL: apiUrl,
    OKDATA_TOKEN_URL: provider.tokenUrl,
    OKDATA_CLIENT_ID: CLIENT.clientId,
    OKDATA_CLIENT_SECRET: CLIENT.clientSecret,
  };
}

async function tasksOf(url: string) {
  return (await (await fetch(`${url}/tasks?limit=1000`)).json()).tasks;
}

/** The value of a metric without regard to its labels but `label`. */
async function metricOf(url: string, name: string, label = ""): Promise<number> {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split("\n");
  const line = lines.find((each) => each.startsWith(name) && each.includes(label));
  return line ? Number(line.split(" ").at(-1)) : NaN;
}

test("with credentials: a token from the provider, then the dataset, token phase included", async () => {
  await using provider = await startProvider(CLIENT);
  await using api = startApi(() => provider);
  const { code, stdout } = await run({
    args: ["--count", "3", "--task-interval", "0.05", "--json"],
    env: credentials(provider, api.url),
  });
  const { tasks } = JSON.parse(stdout);
  assertEquals([code, tasks.length, provider.requests(), api.requests.length], [0, 3, 1, 3]);
  for (const { phases } of tasks) assert(phases.token >= 0, "a phase of its own");
});

test("a wrong secret: exit 3, and the API is never asked", async () => {
  await using provider = await startProvider(CLIENT);
  await using api = startApi(() => provider);
  const env = { ...credentials(provider, api.url), OKDATA_CLIENT_SECRET: "wr0ng-secret" };
  const { code, stdout } = await run({ args: ["--once"], env });
  assertEquals([code, api.requests.length], [3, 0]);
  assertStringIncludes(stdout, "auth: no token from");
  assertStringIncludes(stdout, "invalid_client");
  assert(!stdout.includes("wr0ng-secret"));
});

test("tokens are refreshed before they end; no task pays for it", async () => {
  // The provider counts in whole seconds, so that a token of ten may end after nine.
  const delayMs = 300;
  await using provider = await startProvider({ ...CLIENT, lifetimeSeconds: 10, delayMs });
  await using api = startApi(() => provider);
  await using probe = await startLoop({
    env: { ...credentials(provider, api.url), TASK_INTERVAL_SECONDS: "0.1", RETRIES: "0" },
  });
  await eventually("a token was used", () => api.requests.length > 0);
  const waited = await metricOf(probe.url, "probe_tasks_created_total");
  await eventually("a second token was fetched", () => provider.requests() >= 2, 15_000);
  const before = api.requests.length;
  await eventually("it was used", () => api.requests.length >= before + 20);
  const tasks = await tasksOf(probe.url);
  const settled = tasks.filter(({ state }: { state: string }) => state !== "PENDING");
  assertEquals(settled.filter(({ state }: { state: string }) => state === "FAILED"), []);
  const slow = settled.filter((
    { seqno, phases, attempts }: {
      seqno: number;
      phases: { token: number };
      attempts: unknown[];
    },
  ) => seqno > waited && (phases.token > delayMs / 1e3 / 2 || attempts.length > 1));
  assertEquals(slow, []);
});

test("an outage of the provider fails tasks with `identity_provider` and ends by itself", async () => {
  let provider = await startProvider(CLIENT);
  const { port } = provider;
  await using api = startApi(() => provider);
  await provider[Symbol.asyncDispose]();
  await using probe = await startLoop({
    env: { ...credentials(provider, api.url), TASK_INTERVAL_SECONDS: "0.1" },
  });
  await eventually("a task failed", () => metricOf(probe.url, "probe_tasks_failed_total"));
  assertEquals(api.requests.length, 0);
  const [task] = (await tasksOf(probe.url)).filter((each: { state: string }) =>
    each.state === "FAILED"
  );
  assertEquals([task.reason, task.attempts], ["identity_provider", []]);
  provider = await startProvider({ ...CLIENT, port });
  await using _provider = provider;
  await eventually("a task succeeded", () => metricOf(probe.url, "probe_tasks_succeeded_total"));
  assert(await metricOf(probe.url, "probe_token_requests_total", 'result="failed"') >= 1);
  assertEquals(await metricOf(probe.url, "probe_token_requests_total", 'result="ok"'), 1);
  const expiry = await metricOf(probe.url, "probe_token_expiry_timestamp_seconds");
  assert(Math.abs(expiry - Date.now() / 1e3 - 300) < 30, `expires at ${expiry}`);
});

test("a provider that limits requests or is down for a moment fails no task", async () => {
  const faults = [{ status: 429, headers: { "retry-after": "1" } }, { status: 502, body: "down" }];
  await using provider = await startProvider({
    ...CLIENT,
    intercept: () => faults.shift() ?? null,
  });
  await using api = startApi(() => provider);
  const env = credentials(provider, api.url);
  const { code, stdout } = await run({ args: ["--once", "--json"], env });
  const [{ attempts, phases }] = JSON.parse(stdout).tasks;
  assertEquals([code, attempts.length, provider.requests()], [0, 1, 3]);
  assert(phases.token >= 1, `${phases.token}`);
});

test("a provider that stays down ends a run with 7, after all retries", async () => {
  await using provider = await startProvider({ ...CLIENT, intercept: () => ({ status: 503 }) });
  await using api = startApi(() => provider);
  const env = credentials(provider, api.url);
  const { code, stdout } = await run({ args: ["--once", "--retries", "2"], env });
  assertEquals([code, provider.requests(), api.requests.length], [7, 3, 0]);
  assertStringIncludes(stdout, "identity_provider");
});

test("a client that must use HTTP Basic is served, whatever its ID and secret consist of", async () => {
  const odd = { clientId: "probe client:1", clientSecret: "s3cret: +/%&=-_" };
  await using provider = await startProvider({
    ...odd,
    authMethod: "client_secret_basic",
    // This provider takes either method from every client; others do not.
    intercept: ({ authorization }) =>
      authorization?.startsWith("Basic ") ? null : {
        status: 401,
        headers: { "content-type": "application/json", "www-authenticate": "Basic" },
        body: JSON.stringify({ error: "invalid_client" }),
      },
  });
  await using api = startApi(() => provider);
  const env = {
    ...credentials(provider, api.url),
    OKDATA_CLIENT_ID: odd.clientId,
    OKDATA_CLIENT_SECRET: `${odd.clientSecret}\n`,
  };
  const { code, stdout } = await run({ args: ["--check"], env });
  assertEquals(code, 3);
  assertStringIncludes(stdout, "OKDATA_TOKEN_AUTH=basic");
  assertEquals((await run({ args: ["--once", "--token-auth", "basic"], env })).code, 0);
});

test("a scope is asked for, and one that the provider does not grant is named", async () => {
  await using provider = await startProvider({ ...CLIENT, scope: "read" });
  await using api = startApi(() => provider);
  const env = credentials(provider, api.url);
  assertEquals((await run({ args: ["--once", "--scope", "read"], env })).code, 0);
  const { code, stdout } = await run({ args: ["--check", "--scope", "forbidden"], env });
  assertEquals(code, 3);
  assertStringIncludes(stdout, "invalid_scope");
  assertStringIncludes(stdout, "Check OKDATA_SCOPE");
});

test("a 403 renews the token once", async () => {
  await using provider = await startProvider(CLIENT);
  let refused: string | null = null;
  await using api = startServer((request) => {
    const authorization = request.headers.get("authorization");
    refused ??= authorization;
    return authorization === refused
      ? new Response(null, { status: 403 })
      : respondWithDataset(request);
  });
  const { code } = await run({
    args: ["--once", "--retries", "0"],
    env: credentials(provider, api.url),
  });
  assertEquals([code, provider.requests(), api.requests.length], [0, 2, 2]);
});

test("a rotated secret file needs no restart", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "an-0ld-secret\n");
    await using provider = await startProvider(CLIENT);
    await using api = startApi(() => provider);
    const { OKDATA_CLIENT_SECRET: _, ...env } = credentials(provider, api.url);
    await using probe = await startLoop({
      env: { ...env, OKDATA_CLIENT_SECRET_FILE: file, TASK_INTERVAL_SECONDS: "0.1" },
    });
    await eventually("a task failed", () => metricOf(probe.url, "probe_tasks_failed_total"));
    await Deno.writeTextFile(file, `${CLIENT.clientSecret}\n`);
    await eventually("a task succeeded", () => metricOf(probe.url, "probe_tasks_succeeded_total"));
  } finally {
    await Deno.remove(file);
  }
});

test("a token that the API refuses is renewed once, even without retries", async () => {
  await using provider = await startProvider(CLIENT);
  const refused = new Set<string>();
  await using api = startServer((request) => {
    const authorization = request.headers.get("authorization") ?? "";
    if (refused.size === 0) refused.add(authorization);
    return refused.has(authorization)
      ? new Response(null, { status: 401 })
      : respondWithDataset(request);
  });
  const { code, stdout } = await run({
    args: ["--once", "--json", "--retries", "0"],
    env: credentials(provider, api.url),
  });
  const [{ attempts }] = JSON.parse(stdout).tasks;
  assertEquals([code, attempts.map(({ status }: { status: number }) => status)], [0, [401, 200]]);
  assertEquals(provider.requests(), 2);
});

test("an API that refuses every token makes the probe ask for one a second at most", async () => {
  await using provider = await startProvider(CLIENT);
  await using api = startServer(() => new Response(null, { status: 401 }));
  await using probe = await startLoop({
    env: { ...credentials(provider, api.url), TASK_INTERVAL_SECONDS: "0.02" },
  });
  const startMs = performance.now();
  await eventually(
    "100 tasks failed",
    async () => await metricOf(probe.url, "probe_tasks_failed_total") >= 100,
  );
  const seconds = (performance.now() - startMs) / 1e3;
  assert(provider.requests() <= 3 + seconds, `${provider.requests()} tokens in ${seconds} s`);
});

test("a private authority is trusted through DENO_CERT, and its certificate's end is a metric", async () => {
  const authority = await createAuthority();
  const { cert, key, endsMs } = await authority.issue("localhost");
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} },
    () => Response.json({ Id: DATASET_ID, Type: "Dataset" }),
  );
  const file = await Deno.makeTempFile({ suffix: ".pem" });
  await Deno.writeTextFile(file, authority.pem);
  const env = {
    OKDATA_API_URL: `https://localhost:${server.addr.port}`,
    LOCAL_SERVICES_ONLY: "true",
    RETRIES: "0",
  };
  try {
    const without = await run({ args: ["--once"], env: { ...env, DATASET_ID } });
    assertEquals(without.code, 5);
    await using probe = await startLoop({ env: { ...env, DENO_CERT: file } });
    await eventually("a task succeeded", () => metricOf(probe.url, "probe_tasks_succeeded_total"));
    const name = "probe_tls_certificate_expiry_timestamp_seconds";
    const host = `host="localhost:${server.addr.port}"`;
    assertEquals(await metricOf(probe.url, name, host), Math.floor(endsMs / 1e3));
    const [{ phases }] = await tasksOf(probe.url);
    assertEquals(Object.keys(phases), ["resolve", "connect", "tls", "processing", "transfer"]);
  } finally {
    await Deno.remove(file);
    await server.shutdown();
  }
});

test("--check says what works, and what to do where it does not", async () => {
  await using provider = await startProvider(CLIENT);
  await using api = startServer((request) =>
    request.path.endsWith("/gone")
      ? new Response(null, { status: 404 })
      : respondWithDataset(request)
  );
  const env = credentials(provider, api.url);
  const well = await run({ args: ["--check"], env });
  assertEquals([well.code, well.stdout.match(/^ok/gm)?.length], [0, 4], well.stdout);
  assert(!well.stdout.includes("FAILED"));

  const gone = await run({ args: ["--check"], env: { ...env, DATASET_ID: "abc123,gone" } });
  assertEquals(gone.code, 1);
  assertStringIncludes(gone.stdout, "FAILED  dataset gone: not_found");
  assertStringIncludes(gone.stdout, "Check DATASET_ID");

  const wrong = await run({ args: ["--check"], env: { ...env, OKDATA_CLIENT_SECRET: "wr0ng" } });
  assertEquals(wrong.code, 3);
  assertStringIncludes(wrong.stdout, "Check OKDATA_CLIENT_ID and OKDATA_CLIENT_SECRET");
  assertStringIncludes(wrong.stdout, "dataset abc123: not tried");
  assert(!(well.stdout + wrong.stdout).includes("s3cret"));
});

test("no secret and no token is shown anywhere, whatever fails", async () => {
  await using provider = await startProvider(CLIENT);
  // It shows what it was sent, at every place of a body, and then some of the client's secret.
  let shown = "";
  const statuses = [200, 401, 403, 404, 418, 429, 500, 503];
  await using api = startServer((request, count) => {
    const authorization = request.headers.get("authorization") ?? "";
    shown = authorization.replace("Bearer ", "");
    const padding = "x".repeat((count * 37) % 540);
    const body = `${padding}${authorization} ${shown} ${CLIENT.clientSecret} ${padding}`;
    return new Response(body, { status: statuses[count % statuses.length] });
  });
  await using probe = await startLoop({
    args: ["--table"],
    env: {
      ...credentials(provider, api.url),
      TASK_INTERVAL_SECONDS: "0.02",
      TABLE_INTERVAL_SECONDS: "0.5",
      RETRIES: "1",
      LOG_LEVEL: "debug",
      LOG_FORMAT: "json",
    },
  });
  await eventually(
    "80 tasks failed",
    async () => await metricOf(probe.url, "probe_tasks_failed_total") >= 80,
  );
  const pages = await Promise.all(
    ["/metrics", "/tasks?limit=1000", "/healthz", "/"].map(async (path) =>
      await (await fetch(probe.url + path)).text()
    ),
  );
  probe.kill("SIGTERM");
  const { stdout, stderr } = await probe.ended();
  const printed = await run({ args: ["--print-config"], env: credentials(provider, api.url) });
  const everything = [...pages, stdout, stderr, printed.stdout, printed.stderr].join("\n");
  assert(shown.length > 20, "the API saw a token");
  assertStringIncludes(everything, "[redacted]");
  for (const secret of [CLIENT.clientSecret, shown]) {
    // Half of it is already too much.
    for (const part of [secret.slice(0, secret.length / 2), secret.slice(secret.length / 2)]) {
      assert(!everything.includes(part), `${part} is shown`);
    }
  }
});

test("--check ends with the signal's own code", async () => {
  await using api = startServer(() => new Promise<Response>(() => {}));
  for (const [signal, expected] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const env = { DATASET_ID, OKDATA_API_URL: api.url };
    const before = api.requests.length;
    await using program = new Program({ args: ["--check"], env });
    await eventually("the dataset is asked for", () => api.requests.length > before);
    program.kill(signal);
    const { code, stdout } = await program.ended();
    assertEquals([code, stdout.includes("FAILED")], [expected, false]);
  }
});

test("a variable that only Node knows does not break TLS under the granted permissions", async () => {
  const { code, stdout } = await run({
    args: ["--once", "--retries", "0"],
    env: {
      DATASET_ID,
      OKDATA_API_URL: "https://127.0.0.1:9",
      NODE_EXTRA_CA_CERTS: "/no/such/file",
    },
  });
  assertEquals([code, stdout.includes("connect: ")], [5, true], stdout);
});
