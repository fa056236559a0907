import { assertEquals, assertStringIncludes } from "@std/assert";
import { run, startLoop, test } from "../support/program.ts";
import { startServer } from "../support/targets.ts";

/** Asks the probe at this address for its health, with nothing else configured. */
function healthOf(url: string, env: Record<string, string> = {}) {
  return run({ args: ["--healthcheck"], env: { PORT: new URL(url).port, ...env } });
}

test("--healthcheck says that a running probe is well, without its other settings", async () => {
  await using program = await startLoop({ env: { OKDATA_API_URL: "http://127.0.0.1:9/none" } });
  for (const host of ["", "0.0.0.0", "127.0.0.1", "localhost"]) {
    assertEquals(await healthOf(program.url, { HOST: host }), {
      ...{ code: 0, signal: null },
      ...{ stdout: "ok\n", stderr: "" },
    });
  }
});

const ANSWERS: [what: string, answer: Response, code: number, says: string][] = [
  [
    "a probe whose loop stands still",
    Response.json({ status: "stalled", app_id: "0a1b2c3d", loops: ["probe"] }, { status: 503 }),
    1,
    "stalled: probe",
  ],
  ["a probe that wants credentials", Response.json({}, { status: 401 }), 3, "refuses with 401"],
  ["a probe that forbids", Response.json({}, { status: 403 }), 3, "refuses with 403"],
  ["another service that is well", Response.json({ status: "ok" }), 6, "is not this probe"],
  [
    "a failure that says ok",
    Response.json({ status: "ok", app_id: "0a1b2c3d" }, { status: 500 }),
    6,
    "(500) is not this probe",
  ],
  ["a page", new Response("<h1>Hello</h1>"), 6, "is not this probe"],
  ["another service's JSON", Response.json({ status: "UP" }), 6, "is not this probe"],
  ["a redirect", Response.redirect("http://other.example/"), 6, "(302) is not this probe"],
];

for (const [what, answer, code, says] of ANSWERS) {
  test(`--healthcheck, where it meets ${what}, ends with ${code}`, async () => {
    await using server = startServer(() => answer.clone());
    const ended = await healthOf(server.url);
    assertEquals(ended.code, code);
    assertStringIncludes(ended.stdout + ended.stderr, says);
  });
}

test("--healthcheck, where nobody answers, ends with 5 after some seconds", async () => {
  let answer = (_: Response) => {};
  await using server = startServer(() => new Promise((resolve) => answer = resolve));
  const { code, stderr } = await healthOf(server.url);
  answer(new Response());
  assertEquals(code, 5);
  assertStringIncludes(stderr, "no answer within 3 s");
});

test("--healthcheck reaches a probe that listens on IPv6 alone", async () => {
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

test("--healthcheck needs no secret, and refuses an address that no URL can hold", async () => {
  await using program = await startLoop({ env: { OKDATA_API_URL: "http://127.0.0.1:9/none" } });
  const well = await healthOf(program.url, { OKDATA_CLIENT_SECRET_FILE: "/nonexistent" });
  assertEquals(well.code, 0, well.stderr);
  const zoned = await run({ args: ["--healthcheck"], env: { HOST: "fe80::1%eth0" } });
  assertEquals(zoned.code, 2);
  assertStringIncludes(
    zoned.stderr,
    'HOST: expected an address without a zone, got "fe80::1%eth0"',
  );
});

test("--healthcheck, where nobody listens, ends with 5", async () => {
  const { port } = new URL(await closedUrl());
  const { code, stderr } = await run({ args: ["--healthcheck"], env: { PORT: port } });
  assertEquals(code, 5);
  assertStringIncludes(stderr, `no probe answers at http://127.0.0.1:${port}`);
});

async function closedUrl(): Promise<string> {
  await using server = startServer(() => new Response());
  return server.url;
}
