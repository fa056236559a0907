import { assertEquals, assertRejects } from "@std/assert";
import { healthcheck } from "../../src/commands/healthcheck.ts";
import { ProbeClientError } from "../../src/probe_client/errors.ts";
import { runtimeWith } from "../support/probe_stub.ts";

const CONFIG = { host: "0.0.0.0", port: 8000, tls: null };

/** Runs the command against a probe that responds so. */
async function run(respond: () => Response) {
  const paths: string[] = [];
  const { runtime, stdout } = runtimeWith((path) => {
    paths.push(path);
    return respond();
  });
  const exitCode = await healthcheck(CONFIG, runtime, new AbortController().signal);
  return { exitCode, printed: stdout.text, paths };
}

Deno.test("healthcheck of a healthy probe prints ok, after one request of /healthz", async () => {
  const result = await run(() => Response.json({ status: "ok", app_id: "0a1b2c3d" }));
  assertEquals(result, { exitCode: 0, printed: "ok\n", paths: ["/healthz"] });
});

Deno.test("healthcheck of a stalled probe names its loops, escaped, with exit code 1", async () => {
  const health = { status: "stalled", app_id: "0a1b2c3d", loops: ["probe", "\x1b[2J"] };
  const { exitCode, printed } = await run(() => Response.json(health, { status: 503 }));
  assertEquals([exitCode, printed], [1, "stalled: probe, \\u001b[2J\n"]);
});

Deno.test("healthcheck of something else fails with exit code 6", async () => {
  for (
    const respond of [
      () => new Response("<html>"),
      () => Response.json({ status: "up" }),
      () => Response.json({ status: "ok", app_id: "a" }, { status: 404 }),
    ]
  ) {
    const error = await assertRejects(() => run(respond), ProbeClientError);
    assertEquals(error.exitCode, 6);
  }
});
