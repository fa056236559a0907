import { assert, assertEquals } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { FailedTask } from "../../src/core/task.ts";
import { FailedTasks } from "../../src/probing/failed_tasks.ts";
import { createRedactor } from "../../src/http_client/redact.ts";
import { describeRefusal } from "../../src/okdata/refusal.ts";
import { RequestError } from "../../src/http_client/errors.ts";
import { attempt, failedTask } from "../support/tasks.ts";

/** Bytes that each of a thousand tasks takes. */
function keptBytes(taskOf: (nth: number) => FailedTask): number {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const count = 1_000;
  const measure = () => {
    collectGarbage();
    const before = Deno.memoryUsage().heapUsed;
    const tasks = new FailedTasks();
    for (let nth = 1; nth <= count; nth++) tasks.insert(taskOf(nth));
    collectGarbage();
    const kept = Deno.memoryUsage().heapUsed - before;
    assertEquals(tasks.length, count);
    return kept / count;
  };
  // What else takes memory meanwhile, such as code that is compiled, only adds to it.
  return Math.min(...Array.from({ length: 4 }, measure));
}

Deno.test("FailedTasks keeps an attempt with its phases in at most 100 bytes", () => {
  const withAttempts = (count: number) =>
    keptBytes((nth) => ({
      ...failedTask(nth),
      attempts: Array.from({ length: count }, (_, i) =>
        attempt({
          durationSeconds: 0.1 + nth / 1e6,
          startSeconds: i + nth / 1e6,
          phases: { token: nth / 1e6, connect: 0.001, processing: 0.099 + nth / 1e6 },
        })),
    }));
  const bytes = (withAttempts(12) - withAttempts(1)) / 11;
  assert(bytes <= 100, `an attempt costs ${bytes} bytes`);
});

Deno.test("FailedTasks keeps at most 850 bytes for a message, however long its source was", () => {
  const { redact } = createRedactor();
  const withMessages = (messageOf: (nth: number) => string) =>
    keptBytes((nth) => ({ ...failedTask(nth), message: messageOf(nth), body: null }));
  const bareBytes = withMessages(() => "");
  const long = (nth: number) => `漢字${nth}`.repeat(1_000);
  const sources: Record<string, (nth: number) => string> = {
    "a long message": long,
    "the start of a body": (nth) => {
      const body = new TextEncoder().encode(long(nth));
      return describeRefusal({ status: 500, headers: {} }, body, redact).message;
    },
    "a redirect": (nth) =>
      describeRefusal(
        { status: 302, headers: { location: long(nth) } },
        null,
        redact,
      ).message,
  };
  for (const [what, sourceOf] of Object.entries(sources)) {
    const messageOf = (nth: number) => new RequestError("http", sourceOf(nth)).message;
    const bytes = withMessages(messageOf) - bareBytes;
    assert(bytes <= 850, `${what} costs ${bytes} bytes`);
  }
});
