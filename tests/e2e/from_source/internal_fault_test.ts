/** What the program does when it breaks inside. The inspector breaks it, in the real process. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { freePort } from "../../bench/child.ts";
import {
  eventually,
  IS_EXECUTABLE,
  run,
  type Start,
  startLoop,
  test,
} from "../../support/program.ts";
import { respondWithDataset, startServer } from "../../support/targets.ts";

const ignore = IS_EXECUTABLE;
if (ignore) console.log("Not tested here: internal faults, because executables have no inspector.");

/** The main loop with an inspector, against a healthy target. */
async function startInspected(start: Start = {}) {
  const target = startServer(respondWithDataset);
  const inspectorPort = freePort();
  const program = await startLoop({
    ...start,
    denoFlags: [`--inspect=127.0.0.1:${inspectorPort}`],
    env: { OKDATA_API_URL: target.url, TASK_INTERVAL_SECONDS: "0.2", ...start.env },
  });
  return {
    program,
    url: program.url,
    inspectorPort,
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
  const responded = Promise.withResolvers<void>();
  socket.onopen = () => opened.resolve();
  socket.onerror = () => opened.reject(new Error("the inspector cannot be reached"));
  socket.onmessage = () => responded.resolve();
  await opened.promise;
  socket.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression } }));
  await responded.promise;
  socket.close();
}

test(
  "a stalled loop is reported by /healthz and --healthcheck",
  async () => {
    await using probe = await startInspected();
    const port = new URL(probe.url).port;
    const health = async () => {
      const response = await fetch(`${probe.url}/healthz`);
      return { status: response.status, document: await response.json() };
    };
    assertEquals((await health()).status, 200);

    const brokenMs = performance.now();
    await evaluate(probe.inspectorPort, "globalThis.setTimeout = () => 0");
    const brokenAtMs = Date.now();
    const stalled = await eventually("status 503", async () => {
      const { status, document } = await health();
      return status === 503 && document;
    });
    // The last timer may have been set just before, for 0.2 s.
    assert(performance.now() - brokenMs > 4_800, "too early");
    assertEquals([stalled.status, stalled.loops], ["stalled", ["probe"]]);
    const { tasks } = await (await fetch(`${probe.url}/tasks?limit=5`)).json();
    const later = tasks.filter(({ created }: { created: string }) =>
      Date.parse(created) > brokenAtMs
    );
    assert(later.length <= 1, `it continued to probe: ${JSON.stringify(later)}`);

    const checked = await run({ args: ["--healthcheck"], env: { PORT: port } });
    assertEquals({ code: checked.code, stdout: checked.stdout }, {
      code: 1,
      stdout: "stalled: probe\n",
    });
  },
  { ignore },
);

const FAULTS: [what: string, expression: string][] = [
  ["an unhandled rejection", 'void Promise.reject(new Error("unexpected"))'],
  ["an uncaught error", 'setTimeout(() => { throw new Error("unexpected"); })'],
];

for (const [what, expression] of FAULTS) {
  test(
    `${what} ends the process with 70 and one log line`,
    async () => {
      await using probe = await startInspected();
      await evaluate(probe.inspectorPort, expression);
      const { code, stderr } = await probe.program.ended();
      assertEquals(code, 70, stderr);
      const line = stderr.split("\n").find((each) => each.includes("unexpected")) ?? "";
      const { level, message, app_id } = JSON.parse(line);
      assertEquals(level, "error");
      assertMatch(message, /^stopping after an uncaught error: Error: unexpected\n +at /);
      assertMatch(app_id, /^[0-9a-f]{8}$/);
    },
    { ignore },
  );
}
