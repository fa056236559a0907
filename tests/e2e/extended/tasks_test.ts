import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { at } from "../../support/at.ts";
import { createAuthority } from "../../support/certificates.ts";
import { eventually, linesOf, Program, run, startLoop, test } from "../../support/program.ts";
import {
  refusedUrl,
  respondWithDataset,
  startEmulator,
  startRawServer,
  startServer,
  write,
} from "../../support/targets.ts";

const AN_HOUR = "3600";
const HEADING = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d {2}(.*)$/;

// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/;

/** Runs `tasks` against the probe at this address, with nothing configured. */
function runTasks(url: string, ...args: string[]) {
  return run({ args: ["tasks", "--url", url, ...args] });
}

const TASK = {
  seqno: 1,
  app_id: "0a1b2c3d",
  dataset_id: "abc123",
  state: "FAILED",
  created: "2026-11-23T22:01:05.000Z",
  settled: "2026-11-23T22:01:05.125Z",
  duration_seconds: 0.125,
  reason: "server_error",
  attempts: [{ status: 500, reason: "server_error", duration_seconds: 0.125 }],
  phases: {},
  trace_id: "0af7651916cd43dd8448eb211c80319c",
  body: null,
};
const DOCUMENT = { version: 1, tasks: [TASK], next: null };

/** A probe with one settled task for each dataset, and no further ones for an hour. */
async function startProbe(apiUrl: string, datasetIds = "abc123") {
  const probe = await startLoop({
    env: { OKDATA_API_URL: apiUrl, DATASET_ID: datasetIds, TASK_INTERVAL_SECONDS: AN_HOUR },
  });
  await eventually("a settled task", async () => {
    const { tasks } = await (await fetch(`${probe.url}/tasks?state=succeeded`)).json();
    return tasks.length > 0;
  });
  return probe;
}

test("tasks shows the tasks of the local probe and needs no configuration", async () => {
  await using target = startServer(respondWithDataset);
  await using probe = await startProbe(target.url);
  const env = { PORT: new URL(probe.url).port };
  for (
    const args of [["tasks"], ["tasks", "--url", probe.url], ["tasks", "--url", `${probe.url}/`]]
  ) {
    const { code, stdout, stderr } = await run({ args, env });
    assertEquals([code, stderr], [0, ""]);
    const [heading = "", state = "", columns = "", row = "", ...rest] = stdout.split("\n");
    assertEquals(heading.match(HEADING)?.[1], "1 tracked: 0 pending, 1 succeeded, 0 failed");
    assertMatch(state, /^working +abc123 +(100 % in \d+ s +)?since [\d:]{8} \(\d+ s\)$/);
    assertMatch(columns, /^# +State +Created +Succeeded +Failed +Duration +Attempts +Reason$/);
    assertMatch(row, /^1 +SUCCEEDED +[\d:]{8} +[\d:]{8} +[\d.]+ m?s +1$/);
    assertEquals(rest, [""]);
    assert(!CONTROL.test(stdout), JSON.stringify(stdout));
  }
  const json = await run({ args: ["tasks", "--json"], env });
  assertEquals(json.code, 0);
  assertEquals(JSON.parse(json.stdout), await (await fetch(`${probe.url}/tasks?limit=20`)).json());
});

test("tasks accepts the filters of /tasks in any case", async () => {
  await using emulator = startEmulator();
  await using probe = await startProbe(emulator.apiUrl, "abc,def");
  for (const state of ["succeeded", "SUCCEEDED", "Succeeded"]) {
    const { stdout } = await runTasks(probe.url, "--state", state);
    assertMatch(stdout, / SUCCEEDED /);
    assertStringIncludes(at(linesOf(stdout), 0), "(shown: succeeded)");
  }
  for (const none of [["--state=failed"], ["--dataset-id", "other"]]) {
    const { code, stdout } = await runTasks(probe.url, ...none);
    assertEquals([code, linesOf(stdout).at(-1)], [0, "no tracked task matches"]);
    const states = linesOf(stdout).slice(1, -2).map((line) => line.split(/ +/)[1]);
    assertEquals(states.toSorted(), none.length === 1 ? ["abc", "def"] : []);
  }
  const other = await runTasks(probe.url, "--dataset-id", "other", "--json");
  assertEquals(JSON.parse(other.stdout).tasks, []);
});

test("tasks reads a remote probe below a prefix, with user and password", async () => {
  const seen: string[] = [];
  await using server = startServer(({ path, headers }) => {
    seen.push(`${path} ${headers.get("authorization")}`);
    return Response.json(DOCUMENT);
  });
  const url = server.url.replace("//", "//al%20ice:s%C3%A9cret%3A@");
  for (const suffix of ["/probes/1", "/probes/1/"]) {
    const { code, stderr } = await runTasks(url + suffix);
    assertEquals([code, stderr], [0, ""]);
  }
  const pair = btoa(String.fromCharCode(...new TextEncoder().encode("al ice:sécret:")));
  const each = [`/probes/1/tasks Basic ${pair}`, `/probes/1/status Basic ${pair}`];
  assertEquals(seen, [...each, ...each]);
});

test("tasks over https requires a trusted certificate", async () => {
  const authority = await createAuthority();
  const { cert, key } = await authority.issue("localhost");
  const options = { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} };
  const server = Deno.serve(options, () => Response.json(DOCUMENT));
  const file = await Deno.makeTempFile({ suffix: ".pem" });
  try {
    await Deno.writeTextFile(file, authority.pem);
    const args = ["tasks", "--url", `https://localhost:${server.addr.port}`];
    assertEquals((await run({ args })).code, 5);
    assertEquals((await run({ args, env: { DENO_CERT: file } })).code, 0);
  } finally {
    await Deno.remove(file);
    await server.shutdown();
  }
});

const PASSWORD = "s3cret-word";

const RESPONSES: [what: string, respond: () => Response, code: number, message: string][] = [
  ["status 401", () => new Response("no", { status: 401 }), 3, "/tasks refuses with 401"],
  ["status 403", () => new Response("no", { status: 403 }), 3, "/tasks refuses with 403"],
  [
    "a web page",
    () => new Response("<!doctype html><title>Welcome to nginx!</title>"),
    6,
    'a web page, "Welcome to nginx!"',
  ],
  [
    "metrics",
    () => new Response("# HELP up\n# TYPE up gauge\nup 1\n"),
    6,
    "it sent status 200 and metrics",
  ],
  [
    "the 404 of a Prometheus",
    () => new Response("404 page not found\n", { status: 404 }),
    6,
    "is not this probe, or has another version: it sent status 404 and `404 page not found`",
  ],
  ["the JSON of another service", () => Response.json({ status: "UP" }), 6, '`{"status":"UP"}`'],
  [
    "a document of another version",
    () => Response.json({ ...DOCUMENT, version: 2 }),
    6,
    "a document of version 2",
  ],
  ["a redirect", () => Response.redirect("http://other.example/"), 6, "http://other.example/"],
  ["an empty response", () => new Response(), 6, "it sent status 200 and nothing"],
  ["a too large response", () => new Response("x".repeat(2_000_000)), 6, "the body is larger than"],
  [
    "escape sequences",
    () => new Response("\x1b]0;owned\x07\x9b2J\u202e\x1b[2J"),
    6,
    "\\u001b]0;owned\\u0007",
  ],
  [
    "escape sequences in a title",
    () => new Response("<html><title>\x1b[2J\x07</title>"),
    6,
    '"\\u001b[2J\\u0007"',
  ],
  [
    "its own password back",
    () => new Response(`Basic ${btoa(`user:${PASSWORD}`)} is user:${PASSWORD}`),
    6,
    "[redacted]",
  ],
  [
    "an invalid date",
    () => Response.json({ ...DOCUMENT, tasks: [{ ...TASK, created: "soon" }] }),
    6,
    "is not this probe",
  ],
];

for (const [what, respond, code, message] of RESPONSES) {
  test(`tasks that gets ${what} exits with ${code}`, async () => {
    await using server = startServer(respond);
    for (const more of [[], ["--json"], ["--watch"]]) {
      const url = server.url.replace("//", `//user:${PASSWORD}@`);
      const ended = await runTasks(url, ...more);
      assertEquals([ended.code, ended.stdout], [code, ""]);
      assertStringIncludes(ended.stderr, message);
      assert(ended.stderr.startsWith("dataplatform-probe: "), ended.stderr);
      assertEquals(linesOf(ended.stderr).length, 1);
      assert(!CONTROL.test(ended.stderr), JSON.stringify(ended.stderr));
      assert(!ended.stderr.includes(PASSWORD), ended.stderr);
      assert(!ended.stderr.includes(btoa(`user:${PASSWORD}`)), ended.stderr);
    }
  });
}

test("tasks shows times with their offset, or in UTC", async () => {
  await using server = startServer(() => Response.json(DOCUMENT));
  const args = ["tasks", "--url", server.url];
  const env = { TZ: "Asia/Kathmandu" };
  const local = linesOf((await run({ args, env })).stdout);
  assertMatch(at(local, 0), / \+05:45 /);
  assertStringIncludes(at(local, 2), " 03:46:05 ");
  const utc = linesOf((await run({ args: [...args, "--utc"], env })).stdout);
  assertMatch(at(utc, 0), / \+00:00 /);
  assertStringIncludes(at(utc, 2), "22:01:05");
});

test("tasks of a server that does not speak HTTP exits with 6", async () => {
  await using server = startRawServer((connection) => write(connection, "SSH-2.0-OpenSSH_9.2\r\n"));
  const { code, stderr } = await runTasks(server.url);
  assertEquals(code, 6);
  assertStringIncludes(stderr, "is not this probe");
});

test("tasks exits with 5 when the connection is refused", async () => {
  const { port } = new URL(await refusedUrl());
  for (const args of [["tasks"], ["tasks", "--watch"], ["tasks", "--json"]]) {
    const { code, stdout, stderr } = await run({ args, env: { PORT: port } });
    assertEquals([code, stdout], [5, ""]);
    assertEquals(
      stderr,
      `dataplatform-probe: no probe responds at http://127.0.0.1:${port}/tasks: ` +
        "connection refused\n",
    );
  }
  const unknown = await runTasks("http://user:s3cret@name.invalid:1");
  assertEquals(unknown.code, 5);
  assertStringIncludes(unknown.stderr, "no probe responds at http://name.invalid:1/tasks: ");
});

test("tasks of a server that never responds exits with 5 after 3 s", async () => {
  await using server = startServer(() => new Promise(() => {}));
  const { code, stderr } = await runTasks(server.url);
  assertEquals(code, 5);
  assertStringIncludes(stderr, "no response within 3 s");
});

test("tasks escapes whatever a server sends and keeps tables aligned", async () => {
  const evil = "a\x1b[2J\x07\x9b31m\u202e\u200b\r\nx\u2028";
  const tasks = ["データ", evil, "plain"].map((dataset_id, i) => ({
    ...TASK,
    seqno: 3 - i,
    dataset_id,
    reason: evil,
    body: evil,
    app_id: evil,
  }));
  await using server = startServer(() => Response.json({ ...DOCUMENT, app_id: evil, tasks }));
  const table = (await runTasks(server.url)).stdout;
  assert(!CONTROL.test(table), JSON.stringify(table));
  assertEquals(linesOf(table).length, 2 + 3);
  const { stdout } = await runTasks(server.url, "--json");
  assert(!CONTROL.test(stdout), JSON.stringify(stdout));
  assertEquals(JSON.parse(stdout), { ...DOCUMENT, app_id: evil, tasks });
});

const REFUSED: [args: string, message: string][] = [
  ["tasks --state bad", '--state: expected one of pending, succeeded, failed, got "bad"'],
  ["tasks --state=", "--state: expected "],
  ["tasks --url localhost:8000", "--url: expected an http:// or https:// URL"],
  ["tasks --url http://h/?a", "--url: expected an http:// or https:// URL without query or #"],
  ["tasks --url=", "--url: expected "],
  ["tasks --url http://u:s3cret@h/#x", "got a value that is not shown"],
  ["tasks --url http://u:%ff@h/", "got a value that is not shown"],
  ["tasks http://u:s3cret@h/", "a word that is not shown: expected "],
  ["tasks --watch --json", "--watch: not together with --json"],
  ["tasks --table --json", "--json: not together with --table"],
  ["tasks --once", "tasks: not together with --once"],
  ["tasks --count 2", "tasks: not together with --count"],
  ["tasks --check", "tasks: not together with --check"],
  ["tasks rules", "tasks: not together with rules"],
  ["tasks --rows 0", "--rows: expected "],
  ["tasks --retries 1", "--retries: not together with tasks"],
  ["tasks --dataset-id a,b", "--dataset-id: expected one ID together with tasks"],
  ["tasks --url http://h --port 1", "--port: not together with --url"],
  ["--watch", "--watch: only together with tasks"],
  ["--url http://h", "--url: only together with tasks"],
  ["--once --state failed", "--state: only together with tasks"],
  ["--json", "--json: only together with --once, --count, --check or tasks"],
];

for (const [args, message] of REFUSED) {
  test(`\`${args}\` is refused`, async () => {
    const { code, stdout, stderr } = await run({ args: args.split(" ") });
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, `dataplatform-probe: ${message}`.replace(/^.*: got/, "got"));
    assert(!stderr.includes("s3cret"), stderr);
  });
}

test("tasks --watch into a pipe prints changes and survives the loss of the probe", async () => {
  await using target = startServer(respondWithDataset);
  const probe = await startProbe(target.url);
  const { port } = new URL(probe.url);
  await using watch = new Program({ args: ["tasks", "--watch", "--url", probe.url] });
  const tables = () => watch.stdout.match(/ tracked: /g)?.length ?? 0;
  await eventually("the first table", () => tables() === 1);
  await probe[Symbol.asyncDispose]();
  await eventually("the loss", () => watch.stderr.includes("lost the probe, retrying: "));
  await using _again = await startLoop({
    env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: AN_HOUR, PORT: port },
  });
  await eventually("the return", () => watch.stderr.includes("the probe responds again"));
  await eventually("another table", () => tables() > 1);
  watch.kill("SIGTERM");
  const { code, stdout } = await watch.ended();
  assertEquals(code, 0);
  assert(!CONTROL.test(stdout), JSON.stringify(stdout));
});

test("tasks --watch into a pipe prints nothing twice and ends with its reader", async () => {
  let seqno = 1;
  await using server = startServer((_request, count) => {
    // The same document three times, then a new one each time.
    if (count > 3) seqno++;
    return Response.json({ ...DOCUMENT, tasks: [{ ...TASK, seqno }] });
  });
  await using watch = new Program({ args: ["tasks", "--watch", "--url", server.url] });
  await eventually("two tables", () => watch.stdout.split("shown: ").length > 2);
  assert(server.requests.length >= 4);
  assertEquals(watch.stdout.match(/^1 /gm)?.length, 1);
  await watch.closeStdout();
  assertEquals((await watch.ended()).code, 0);
});

test("Ctrl-C ends tasks with 130 and tasks --watch with 0", async () => {
  await using server = startServer((_request, count) =>
    count === 1 ? Response.json(DOCUMENT) : new Promise(() => {})
  );
  await using watch = new Program({ args: ["tasks", "--watch", "--url", server.url] });
  await eventually("the second poll", () => server.requests.length === 2);
  watch.kill("SIGINT");
  assertEquals((await watch.ended(4_000)).code, 0);
  await using once = new Program({ args: ["tasks", "--url", server.url] });
  await eventually("the request", () => server.requests.length === 3);
  once.kill("SIGINT");
  assertEquals(await once.ended(4_000), { code: 130, signal: null, stdout: "", stderr: "" });
});
