import { assertEquals, assertStringIncludes } from "@std/assert";
import { run, startLoop, test } from "../../support/program.ts";
import { refusedUrl, startServer } from "../../support/targets.ts";

/** Runs `--healthcheck` against the probe at this address, with nothing else configured. */
function runHealthcheck(url: string, env: Record<string, string> = {}) {
  return run({ args: ["--healthcheck"], env: { PORT: new URL(url).port, ...env } });
}

test("--healthcheck of a healthy probe prints ok and needs no other settings", async () => {
  await using program = await startLoop({ env: { OKDATA_API_URL: "http://127.0.0.1:9/none" } });
  for (const host of ["", "0.0.0.0", "127.0.0.1", "localhost"]) {
    assertEquals(await runHealthcheck(program.url, { HOST: host }), {
      code: 0,
      signal: null,
      stdout: "ok\n",
      stderr: "",
    });
  }
});

const RESPONSES: [from: string, response: Response, code: number, message: string][] = [
  [
    "a probe with a stalled loop",
    Response.json({ status: "stalled", app_id: "0a1b2c3d", loops: ["probe"] }, { status: 503 }),
    1,
    "stalled: probe",
  ],
  ["a probe that expects credentials", Response.json({}, { status: 401 }), 3, "refuses with 401"],
  ["a probe that forbids access", Response.json({}, { status: 403 }), 3, "refuses with 403"],
  ["another healthy service", Response.json({ status: "ok" }), 6, "is not this probe"],
  [
    "a failure with status ok",
    Response.json({ status: "ok", app_id: "0a1b2c3d" }, { status: 500 }),
    6,
    "it sent status 500 and ",
  ],
  ["a web page", new Response("<h1>Hello</h1>"), 6, "is not this probe"],
  ["another service's JSON", Response.json({ status: "UP" }), 6, "is not this probe"],
  [
    "a redirect",
    Response.redirect("http://other.example/"),
    6,
    "it sent status 302 and a redirect to ",
  ],
];

for (const [from, response, code, message] of RESPONSES) {
  test(`--healthcheck that meets ${from} exits with ${code}`, async () => {
    await using server = startServer(() => response.clone());
    const ended = await runHealthcheck(server.url);
    assertEquals(ended.code, code);
    assertStringIncludes(ended.stdout + ended.stderr, message);
  });
}

test("--healthcheck of a server that never responds exits with 5 after 3 s", async () => {
  let respond = (_: Response) => {};
  await using server = startServer(() => new Promise((resolve) => respond = resolve));
  const { code, stderr } = await runHealthcheck(server.url);
  respond(new Response());
  assertEquals(code, 5);
  assertStringIncludes(stderr, "no response within 3 s");
});

test("--healthcheck reaches a probe that listens on IPv6 only", async () => {
  for (const host of ["::1", "::", "::0"]) {
    await using program = await startLoop({
      env: { HOST: host, OKDATA_API_URL: "http://127.0.0.1:9/none" },
    });
    const { port } = new URL(program.url);
    const { code, stdout } = await run({
      args: ["--healthcheck"],
      env: { HOST: host, PORT: port },
    });
    assertEquals({ code, stdout }, { code: 0, stdout: "ok\n" });
  }
});

test("--healthcheck needs no secret and refuses an address with a zone", async () => {
  await using program = await startLoop({ env: { OKDATA_API_URL: "http://127.0.0.1:9/none" } });
  const healthy = await runHealthcheck(program.url, { OKDATA_CLIENT_SECRET_FILE: "/nonexistent" });
  assertEquals(healthy.code, 0, healthy.stderr);
  const zoned = await run({ args: ["--healthcheck"], env: { HOST: "fe80::1%eth0" } });
  assertEquals(zoned.code, 2);
  assertStringIncludes(
    zoned.stderr,
    'HOST: expected an address without a zone, got "fe80::1%eth0"',
  );
});

test("--healthcheck exits with 5 when the connection is refused", async () => {
  const { port } = new URL(await refusedUrl());
  const { code, stderr } = await run({ args: ["--healthcheck"], env: { PORT: port } });
  assertEquals(code, 5);
  assertEquals(
    stderr,
    `dataplatform-probe: no probe responds at http://127.0.0.1:${port}/healthz: ` +
      "connection refused\n",
  );
});
