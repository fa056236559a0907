/**
 * What a start, a task and a scrape cost, counted and not timed: the same on every machine, so that a
 * change which makes the program dearer is seen where it is made. `deno task bench` has the times.
 */
import { assert } from "@std/assert";
import { createAuthority } from "../../support/certificates.ts";
import { eventuallyFetch, freePort } from "../../bench/child.ts";
import { Inspector } from "../../bench/inspector.ts";
import { fullBacklog } from "../../bench/memory.ts";
import { bundleBytes } from "../../bench/probe.ts";
import {
  eventually,
  IS_EXECUTABLE,
  isAvailable,
  linesOf,
  shell,
  type Start,
  startLoop,
} from "../../support/program.ts";
import { respondWithDataset, startServer } from "../../support/targets.ts";

/**
 * The dearest that each may be, and what it was when the bound was set. A change that is worth its
 * price raises the bound; one that saves lowers it.
 */
const COUNTS = {
  // A third are locales of zod, which its bundle leaves out.
  "modules loaded at start": { was: 292, atMost: 296 },
  // A fifth is the HTTP client on native sockets, of which 60 kB are llhttp in WebAssembly.
  "bytes of the bundle": { was: 638_000, atMost: 655_000 },
  "connections a task": { was: 1, atMost: 1 },
  "lookups of a name a task": { was: 1, atMost: 1 },
  // Deno's own sockets ask for both addresses, and shut down before they close.
  "system calls on sockets a task": { was: 10.1, atMost: 10.2 },
  "writes of the log a task": { was: 0.2, atMost: 0.5 },
  "bytes allocated a task": { was: 53_200, atMost: 56_000 },
  "bytes allocated a task over TLS": { was: 63_600, atMost: 67_000 },
  "bytes allocated a scrape": { was: 970_000, atMost: 995_000 },
  "bytes kept for a success": { was: 82, atMost: 84 },
};

/** Room for all that these tests allocate, so that no garbage is collected, and no compiler at work. */
const NO_COLLECTION = [
  "--min-semi-space-size=512,--max-semi-space-size=512",
  "--no-opt,--no-maglev,--no-sparkplug",
].join(",");

/** On a machine that is busy with much else. */
const MAX_MS = 60_000;

/** This many hide what the start takes. */
const TRACED_TASKS = 300;

/** A task each 10 ms, so that several are done before the log is written. */
const OFTEN = "0.01";
const SELDOM = "3600";

const withoutStrace = IS_EXECUTABLE || !await isAvailable("strace -f true", "system calls a task");

function hold(name: keyof typeof COUNTS, count: number): void {
  const { was, atMost } = COUNTS[name];
  assert(count <= atMost, `${name}: ${count}, at most ${atMost}; it was ${was}`);
}

Deno.test({
  name: "no more modules are loaded at start",
  ignore: IS_EXECUTABLE,
  async fn() {
    await using program = await startInspected({ TASK_INTERVAL_SECONDS: SELDOM });
    await using inspector = await Inspector.connect(program.inspectorPort);
    const files = await inspector.loadedFiles();
    assert(
      files.some((file) => file.endsWith("/src/commands/serve.ts")),
      "the inspector has seen nothing",
    );
    hold("modules loaded at start", files.length);
  },
});

Deno.test({
  name: "the bundle does not grow",
  ignore: IS_EXECUTABLE,
  async fn() {
    hold("bytes of the bundle", await bundleBytes());
  },
});

for (const count of ["bytes allocated a task", "bytes allocated a task over TLS"] as const) {
  Deno.test({ name: `no more ${count}`, ignore: IS_EXECUTABLE, fn: () => allocations(count) });
}

async function allocations(count: "bytes allocated a task" | "bytes allocated a task over TLS") {
  const [warmUp, counted] = [200, 400];
  const authorityFile = await Deno.makeTempFile({ suffix: ".pem" });
  const { pem, issue } = await createAuthority();
  await Deno.writeTextFile(authorityFile, pem);
  const isSecure = count.endsWith("TLS");
  await using target = startServer(
    respondWithDataset,
    isSecure ? await issue("localhost") : undefined,
  );
  await using program = await startInspected(
    {
      OKDATA_API_URL: target.url,
      TASK_INTERVAL_SECONDS: OFTEN,
      DENO_CERT: authorityFile,
      // Tasks that pile up where the machine stands still need buffers of their own.
      MAX_IN_FLIGHT_TASKS: "16",
    },
    `--v8-flags=${NO_COLLECTION}`,
  );
  await using inspector = await Inspector.connect(program.inspectorPort);
  await eventually("it is warm", () => target.requests.length >= warmUp, MAX_MS);
  const before = { bytes: await inspector.usedBytes(), tasks: target.requests.length };
  const done = () => target.requests.length >= before.tasks + counted;
  await eventually("it has done more", done, MAX_MS);
  const bytes = await inspector.usedBytes() - before.bytes;
  hold(count, bytes / (target.requests.length - before.tasks));
  await Deno.remove(authorityFile);
}

Deno.test({
  name: "a scrape allocates no more memory",
  ignore: IS_EXECUTABLE,
  async fn() {
    const [warmUp, counted] = [20, 50];
    await using target = startServer(respondWithDataset);
    await using program = await startInspected(
      { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: SELDOM },
      `--v8-flags=${NO_COLLECTION}`,
    );
    await using inspector = await Inspector.connect(program.inspectorPort);
    for (let nth = 0; nth < warmUp; nth++) await eventuallyFetch(`${program.url}/metrics`);
    const before = await inspector.usedBytes();
    for (let nth = 0; nth < counted; nth++) await eventuallyFetch(`${program.url}/metrics`);
    hold("bytes allocated a scrape", (await inspector.usedBytes() - before) / counted);
  },
});

Deno.test("a tracked success keeps no more memory", async () => {
  const [many, few] = [100_000, 1_000];
  const [full, nearlyEmpty] = [await fullBacklog(many, many), await fullBacklog(many, few)];
  hold("bytes kept for a success", (full.keptBytes - nearlyEmpty.keptBytes) / (many - few));
});

Deno.test({
  name: "a task makes no more system calls",
  ignore: withoutStrace,
  async fn() {
    const path = await Deno.makeTempFile();
    await using target = startServer(respondWithDataset);
    await using program = await startLoop({
      wrapper: [
        ...["strace", "--follow-forks", "--seccomp-bpf", "--quiet=all", "--signal=none"],
        ...["--output", path, "--trace=%network,epoll_ctl,openat,write,writev"],
      ],
      env: {
        OKDATA_API_URL: target.url.replace("127.0.0.1", "localhost"),
        TASK_INTERVAL_SECONDS: OFTEN,
        LOG_LEVEL: "debug",
      },
    });
    await eventually("it has done enough", () => target.requests.length > TRACED_TASKS, MAX_MS);
    await shell(`kill -TERM $(cat /proc/${program.pid}/task/*/children)`);
    await program.ended();
    const calls = linesOf(await Deno.readTextFile(path));
    await Deno.remove(path);

    const count = (pattern: RegExp) => calls.filter((call) => pattern.test(call)).length;
    // From start to stop: at any moment between them some task is half done.
    const tasks = count(/ sendto\(\d+, "GET \/abc123/);
    assert(tasks > TRACED_TASKS, "strace has not seen all");
    const aTask = (pattern: RegExp) => count(pattern) / tasks;
    const { port } = new URL(target.url);
    hold("connections a task", aTask(new RegExp(` connect\\(.*htons\\(${port}\\)`)));
    hold("lookups of a name a task", aTask(/ openat\(.*"\/etc\/hosts"/));
    hold("system calls on sockets a task", aTask(/^\d+ +(?!openat|write)\w+\(/));
    hold("writes of the log a task", aTask(/ writev?\(2,/));
  },
});

/** The main loop from its source, with an inspector. */
async function startInspected(env: Start["env"], ...denoFlags: string[]) {
  const inspectorPort = freePort();
  const program = await startLoop({
    denoFlags: [`--inspect=127.0.0.1:${inspectorPort}`, ...denoFlags],
    env: { OKDATA_API_URL: "http://127.0.0.1:1", ...env },
  });
  return Object.assign(program, { inspectorPort });
}
