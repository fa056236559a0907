/**
 * Who watches the watcher: what the program does when its own inside breaks. The inspector breaks it,
 * in the real process.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { freePort } from "../bench/child.ts";
import { eventually, IS_EXECUTABLE, run, type Start, startLoop, test } from "../support/program.ts";
import { answerDataset, startServer } from "../support/targets.ts";

const ignore = IS_EXECUTABLE;
if (ignore) console.log("Not tested here: a broken inside, because executables have no inspector.");

/** The main loop with an inspector, against a target that is well. */
async function startInspected(start: Start = {}) {
  const target = startServer(answerDataset);
  const inspectorPort = freePort();
  const program = await startLoop({
    ...start,
    denoFlags: [`--inspect=127.0.0.1:${inspectorPort}`],
    env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "0.2", ...start.env },
  });
  return {
    ...{ program, url: program.url, inspectorPort },
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]();
      await target[Symbol.asyncDispose]();
    },
  };
}

/** Runs JavaScript inside the process. */
async function evaluate(inspectorPort: number, expression: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${inspectorPort}/json`);
  const [{ webSocketDebuggerUrl }] = await response.json();
  const socket = new WebSocket(webSocketDebuggerUrl);
  const opened = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  socket.onopen = () => opened.resolve();
  socket.onerror = () => opened.reject(new Error("the inspector cannot be reached"));
  socket.onmessage = () => answered.resolve();
  await opened.promise;
  socket.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression } }));
  await answered.promise;
  socket.close();
}

test(
  "a loop that stands still while HTTP answers is not well, and --healthcheck says so",
  async () => {
    await using probe = await startInspected();
    const port = new URL(probe.url).port;
    const health = async () => {
      const response = await fetch(`${probe.url}/healthz`);
      return { status: response.status, said: await response.json() };
    };
    assertEquals((await health()).status, 200);
    const before = (await (await fetch(`${probe.url}/tasks?limit=1`)).json()).tasks[0].seqno;

    const heldMs = performance.now();
    await evaluate(probe.inspectorPort, "globalThis.setTimeout = () => 0");
    const stalled = await eventually("the health is bad", async () => {
      const { status, said } = await health();
      return status === 503 && said;
    });
    // The last timer may have been armed just before, for a fifth of a second.
    assert(performance.now() - heldMs > 4_800, "too early");
    assertEquals({ status: stalled.status, loops: stalled.loops }, {
      ...{ status: "stalled", loops: ["probe"] },
    });
    const after = (await (await fetch(`${probe.url}/tasks?limit=1`)).json()).tasks[0].seqno;
    assert(after - before <= 2, `it went on probing: ${before} to ${after}`);

    const checked = await run({ args: ["--healthcheck"], env: { PORT: port } });
    assertEquals({ code: checked.code, stdout: checked.stdout }, {
      code: 1,
      stdout: "stalled: probe\n",
    });
  },
  { ignore },
);

const BROKEN: [what: string, expression: string][] = [
  ["a rejection that nobody handles", 'void Promise.reject(new Error("unforeseen"))'],
  ["an error that nobody catches", 'setTimeout(() => { throw new Error("unforeseen"); })'],
];

for (const [what, expression] of BROKEN) {
  test(
    `${what} ends the process with 70 and one line of the log, rather than leave a shell`,
    async () => {
      await using probe = await startInspected();
      await evaluate(probe.inspectorPort, expression);
      const { code, stderr } = await probe.program.ended();
      assertEquals(code, 70, stderr);
      const line = stderr.split("\n").find((each) => each.includes("unforeseen")) ?? "";
      const { level, message, app_id } = JSON.parse(line);
      assertEquals(level, "error");
      assertMatch(message, /^stopping, because nobody has caught this: Error: unforeseen\n +at /);
      assertMatch(app_id, /^[0-9a-f]{8}$/);
    },
    { ignore },
  );
}
