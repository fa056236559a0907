import { assert, assertEquals, assertMatch } from "@std/assert";
import { startHttpServer } from "../../local/http_server/http_server.ts";
import { baseEnvironment, eventually, ROOT } from "../support/program.ts";

/** A port that nobody listens on. */
function freePort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return String(listener.addr.port);
}

async function isAnswering(port: string): Promise<boolean> {
  try {
    await (await fetch(`http://127.0.0.1:${port}/readyz`)).body?.cancel();
    return true;
  } catch {
    return false;
  }
}

Deno.test("deno task demo shows a platform and a probe, and one signal ends both", async () => {
  const ports = { PORT: freePort(), HTTP_SERVER_PORT: freePort() };
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "demo"],
    cwd: ROOT,
    clearEnv: true,
    env: {
      ...baseEnvironment(),
      ...ports,
      // A shell that has been set up for a platform changes nothing.
      ...{ OKDATA_ENVIRONMENT: "prod", OKDATA_CLIENT_ID: "my-client" },
      OKDATA_CLIENT_SECRET_FILE: "/nosuch/secret",
      // The first task is looked at, which chance must not fail.
      ...{ DELAY_PERCENT: "0", UNAUTHORIZED_PERCENT: "0" },
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let text = "";
  const reading = [child.stdout, child.stderr].map(async (stream) => {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) text += part;
  });
  try {
    await eventually("the table of the first task", () => /^1 +SUCCEEDED/m.test(text));
    assertMatch(text, /Metrics and tasks of the probe: http:\/\/localhost:\d+/);
    await eventually("its log line", () => /info +task 1 of abc123 succeeded/.test(text));
    for (const port of Object.values(ports)) assert(await isAnswering(port), `port ${port}`);
    child.kill("SIGINT");
    assertEquals((await child.status).code, 0, text);
    for (const port of Object.values(ports)) assert(!await isAnswering(port), `port ${port}`);
  } catch (error) {
    // Killed outright it would leave the two that it has started.
    child.kill("SIGTERM");
    throw new Error(text, { cause: error });
  } finally {
    await Promise.all(reading);
  }
});

Deno.test("deno task demo does not take another's emulator for its own", async () => {
  const other = startHttpServer();
  try {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "demo"],
      cwd: ROOT,
      clearEnv: true,
      env: { ...baseEnvironment(), PORT: "0", HTTP_SERVER_PORT: new URL(other.url).port },
    }).output();
    const decoder = new TextDecoder();
    const [shown, said] = [decoder.decode(stdout), decoder.decode(stderr)];
    assertEquals(code, 2, said);
    assertMatch(said, /^A server responds at http:\/\/localhost:\d+ already\. .*\n$/);
    assertEquals(shown, "");
    assertEquals(other.counts().requests, 0, "no probe was started");
  } finally {
    await other.shutdown();
  }
});
